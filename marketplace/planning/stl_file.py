"""A customer's solid: an STL file from a stranger, binary or ASCII, in millimetres as slicers read it.

Every number is checked before it is used; the work grows with the file's bounded size and with nothing in it.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Final

from marketplace.planning.sketch import Sketch

MOST_TRIANGLES: Final = 100_000
"""What 5 MB of binary STL can hold."""
FARTHEST_MM: Final = 10_000.0
MOST_DRAWN: Final = 300
"""Triangles of a preview, the largest ones; the rest would not be seen."""
_HEADER, _RECORD = 84, 50
_FLOATS: Final = struct.Struct("<12fH")
_FLOAT = rb"\s+([-+0-9.eE]{1,32})"
_VERTEX: Final = re.compile(rb"\s*vertex" + _FLOAT * 3)
_FACET: Final = re.compile(rb"\s*facet\s+normal(?:\s+[-+0-9.eEnaif]{1,32}){3}\s+outer\s+loop")
_LOOP_END: Final = re.compile(rb"\s*endloop\s+endfacet")
_SOLID: Final = re.compile(rb"\s*solid\b[^\n]{0,200}\n")
_END: Final = re.compile(rb"\s*endsolid[^\n]{0,200}\s*\Z")

Vertex = tuple[float, float, float]
Triangle = tuple[Vertex, Vertex, Vertex]


class BadSolid(ValueError):
    """A file that is not taken, and why, in words for the person who made it."""


@dataclass(frozen=True, slots=True)
class SolidFile:
    """What was measured. `watertight` is a hint: every edge is shared by two triangles that run against each other."""

    x_um: int
    y_um: int
    z_um: int
    volume_mm3: int
    triangles: int
    watertight: bool
    sketch: Sketch


def read_solid(data: bytes) -> SolidFile:
    """The solid in an STL file. Raises BadSolid."""
    triangles = _binary(data) if _is_binary(data) else list(_ascii(data))
    if not triangles:
        raise BadSolid("holds no triangle")
    for triangle in triangles:
        for vertex in triangle:
            for part in vertex:
                if not (isfinite(part) and abs(part) <= FARTHEST_MM):
                    raise BadSolid(f"a coordinate is no number, or lies beyond {FARTHEST_MM:.0f} mm")
    return SolidFile(
        x_um=_extent(triangles, 0),
        y_um=_extent(triangles, 1),
        z_um=_extent(triangles, 2),
        volume_mm3=round(abs(_volume(triangles))),
        triangles=len(triangles),
        watertight=_watertight(triangles),
        sketch=_sketch(triangles),
    )


def _extent(triangles: Sequence[Triangle], axis: int) -> int:
    values = [vertex[axis] for triangle in triangles for vertex in triangle]
    return round((max(values) - min(values)) * 1000)


def _is_binary(data: bytes) -> bool:
    """By its length, as an ASCII file may start with anything and a binary one with "solid"."""
    if len(data) >= _HEADER and len(data) == _HEADER + _RECORD * int.from_bytes(data[80:84], "little"):
        return True
    if _SOLID.match(data[:300]):
        return False
    raise BadSolid("is cut short, or is no STL: its length does not fit its number of triangles")


def _binary(data: bytes) -> list[Triangle]:
    if int.from_bytes(data[80:84], "little") > MOST_TRIANGLES:
        raise BadSolid(f"has more than {MOST_TRIANGLES} triangles")
    records = _FLOATS.iter_unpack(memoryview(data)[_HEADER:])
    return [((r[3], r[4], r[5]), (r[6], r[7], r[8]), (r[9], r[10], r[11])) for r in records]


def _ascii(data: bytes) -> Iterator[Triangle]:
    head = _SOLID.match(data)
    place, count = (head.end() if head else 0), 0
    while not _END.match(data, place):
        facet = _FACET.match(data, place)
        if facet is None:
            raise BadSolid(f"cannot be read at byte {place}: a facet or the end of the solid should be there")
        count += 1
        if count > MOST_TRIANGLES:
            raise BadSolid(f"has more than {MOST_TRIANGLES} triangles")
        place, vertices = facet.end(), []
        for _ in range(3):
            vertex = _VERTEX.match(data, place)
            if vertex is None:
                raise BadSolid(f"cannot be read at byte {place}: a vertex should be there")
            place = vertex.end()
            vertices.append(_vertex(vertex.groups()))
        end = _LOOP_END.match(data, place)
        if end is None:
            raise BadSolid(f"cannot be read at byte {place}: the end of a facet should be there")
        place = end.end()
        yield vertices[0], vertices[1], vertices[2]


def _vertex(texts: Sequence[bytes]) -> Vertex:
    try:
        x, y, z = (float(text) for text in texts)
    except ValueError as wrong:
        raise BadSolid("has a coordinate that is no number") from wrong
    return x, y, z


def _volume(triangles: Sequence[Triangle]) -> float:
    """The sum of the signed tetrahedra from a corner of the solid to each triangle, in mm³."""
    ox, oy, oz = triangles[0][0]
    total = 0.0
    for (x1, y1, z1), (x2, y2, z2), (x3, y3, z3) in triangles:
        ax, ay, az = x1 - ox, y1 - oy, z1 - oz
        bx, by, bz = x2 - ox, y2 - oy, z2 - oz
        cx, cy, cz = x3 - ox, y3 - oy, z3 - oz
        total += ax * (by * cz - bz * cy) - ay * (bx * cz - bz * cx) + az * (bx * cy - by * cx)
    return total / 6


def _watertight(triangles: Sequence[Triangle]) -> bool:
    """Whether each directed edge occurs once and its opposite once, vertices being equal to the micrometre."""
    numbers: dict[tuple[int, int, int], int] = {}
    edges: set[tuple[int, int]] = set()
    for triangle in triangles:
        a, b, c = (
            numbers.setdefault((round(x * 1000), round(y * 1000), round(z * 1000)), len(numbers))
            for x, y, z in triangle
        )
        for edge in ((a, b), (b, c), (c, a)):
            if edge in edges or edge[0] == edge[1]:
                return False
            edges.add(edge)
    return all((second, first) in edges for first, second in edges)


def _sketch(triangles: Sequence[Triangle]) -> Sketch:
    """The largest triangles that look towards us, seen from above one corner, the farthest first."""
    seen = []
    for triangle in triangles:
        (ax, ay, az), (bx, by, bz), (cx, cy, cz) = triangle
        nx = (by - ay) * (cz - az) - (bz - az) * (cy - ay)
        ny = (bz - az) * (cx - ax) - (bx - ax) * (cz - az)
        nz = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        towards = nx - ny + nz
        if towards > 0:
            length = sqrt(nx * nx + ny * ny + nz * nz)
            depth = sum(x - y + z for x, y, z in triangle)
            seen.append((towards, depth, int(25 + 70 * max(0.0, nz * 0.8 + nx * 0.35 - ny * 0.1) / length), triangle))
    largest = sorted(seen, key=lambda one: one[0], reverse=True)[:MOST_DRAWN]
    largest.sort(key=lambda one: one[1])
    flat = [(shade, [_projected(vertex) for vertex in triangle]) for _, _, shade, triangle in largest]
    points = [point for _, corners in flat for point in corners]
    if not points:
        return Sketch(1.0, 1.0, ())
    left, top = min(x for x, _ in points), min(y for _, y in points)
    width, height = max(x for x, _ in points) - left, max(y for _, y in points) - top
    paths = tuple(
        ("M" + "L".join(f"{x - left:.2f} {y - top:.2f}" for x, y in corners) + "Z", min(shade, 95))
        for shade, corners in flat
    )
    return Sketch(max(round(width, 2), 0.01), max(round(height, 2), 0.01), paths)


def _projected(vertex: Vertex) -> tuple[float, float]:
    """Isometric, from the front right and above; y of the picture runs downwards."""
    x, y, z = vertex
    return (x + y) * 0.8660254, (x - y) * 0.5 - z
