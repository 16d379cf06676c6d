"""A customer's own design, small enough to draw in a preview: paths in a box, nothing else."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sketch:
    """`paths` are (path data, shade from 0 dark to 100 light), from the back to the front, in a box from 0, 0."""

    width: float
    height: float
    paths: tuple[tuple[str, int], ...]
