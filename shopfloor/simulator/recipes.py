"""What each operation of the simulated factory consists of, and how long a step takes.

Durations are machine time and deterministic: the same seed, job and step give the same milliseconds. They are
long on purpose (40 bases take about four minutes) and the cell's `speed` shortens only the waiting.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shopfloor.protocols.isa95 import JobOrder
from shopfloor.strict_json import JsonRefused

_MAX_SECONDS = 3_600
_JITTER_PER_MILLE = 20  # a real step is never twice the same


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job; `duration_ms` is machine time for the whole quantity."""

    name: str
    duration_ms: int


def _seconds_ms(order: JobOrder, name: str, default: str) -> int:
    """A decimal number of seconds (at most three places) as milliseconds. Raises JsonRefused."""
    text = order.parameter(name) or default
    whole, _, fraction = text.partition(".")
    if not (whole + fraction).isdigit() or not text.isascii() or len(whole) > 4 or len(fraction) > 3:
        raise JsonRefused(f"{name}: a number of seconds is needed")
    milliseconds = int(whole or "0") * 1_000 + int(fraction.ljust(3, "0"))
    if milliseconds > _MAX_SECONDS * 1_000:
        raise JsonRefused(f"{name}: at most {_MAX_SECONDS} seconds")
    return milliseconds


def _part(order: JobOrder) -> list[tuple[str, int]]:
    steps = [("feeding", 1_000), ("drilling", _seconds_ms(order, "drilling_s", "3"))]
    return steps + _finishing(order)


def _machining(order: JobOrder) -> list[tuple[str, int]]:
    steps = [("clamping", 1_000), ("milling", _seconds_ms(order, "machining_s", "4"))]
    if order.parameter("drilling_s") is not None:
        steps.append(("drilling", _seconds_ms(order, "drilling_s", "3")))
    return steps + _finishing(order)


def _assembly(order: JobOrder) -> list[tuple[str, int]]:
    return [("kitting", 1_000), ("assembling", _seconds_ms(order, "assembly_s", "3")), *_finishing(order)]


def _finishing(order: JobOrder) -> list[tuple[str, int]]:
    optional = (("cleaning", 1_000), ("pressing", 1_500), ("inspection", 2_000))
    return [(name, per_piece) for name, per_piece in optional if order.asks(name)]


_RECIPES: Mapping[str, Callable[[JobOrder], list[tuple[str, int]]]] = {
    "bases": _part,
    "covers": _part,
    "machining": _machining,
    "assembly": _assembly,
}
OPERATIONS = frozenset(_RECIPES)


def steps_of(order: JobOrder, seed: int) -> tuple[Step, ...]:
    """The steps of `order` in turn. Raises JsonRefused for an unknown operation or an impossible parameter."""
    recipe = _RECIPES.get(order.operation)
    if recipe is None:
        raise JsonRefused("operation: unknown here")
    return tuple(
        Step(name, _jittered(per_piece * order.quantity, f"{seed}:{order.job_id}:{name}"))
        for name, per_piece in recipe(order)
    )


def draw(text: str, below: int) -> int:
    """A number in 0..below-1 that depends on `text` alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % below


def _jittered(nominal_ms: int, text: str) -> int:
    shift = draw(text, 2 * _JITTER_PER_MILLE + 1) - _JITTER_PER_MILLE
    return nominal_ms + nominal_ms * shift // 1_000
