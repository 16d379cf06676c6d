"""Solids from strangers: measured, and refused where they are not what they say."""

import math
import struct
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.planning.stl_file import MOST_DRAWN, MOST_TRIANGLES, BadSolid, Triangle, read_solid

CORNERS = [(x, y, z) for x in (0.0, 1.0) for y in (0.0, 1.0) for z in (0.0, 1.0)]
FACES = [
    (0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1),
    (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3),
]  # fmt: skip


def box(x: float, y: float, z: float) -> list[Triangle]:
    at = [(a * x, b * y, c * z) for a, b, c in CORNERS]
    return [(at[a], at[b], at[c]) for a, b, c in FACES]


def binary(triangles: Sequence[Triangle], header: bytes = b"") -> bytes:
    records = (struct.pack("<12fH", 0, 0, 0, *(part for vertex in one for part in vertex), 0) for one in triangles)
    return header.ljust(80, b"\0") + struct.pack("<I", len(triangles)) + b"".join(records)


def ascii_(triangles: Sequence[Triangle]) -> bytes:
    def facet(one: Triangle) -> str:
        return (
            "facet normal 0 0 0\nouter loop\n"
            + "".join(f"vertex {x} {y} {z}\n" for x, y, z in one)
            + "endloop\nendfacet\n"
        )

    return ("solid a box\n" + "".join(map(facet, triangles)) + "endsolid a box\n").encode()


@pytest.mark.parametrize("write", [binary, ascii_])
def test_a_box_is_measured(write: object) -> None:
    found = read_solid(write(box(10, 20, 30)))  # type: ignore[operator]
    assert (found.x_um, found.y_um, found.z_um) == (10_000, 20_000, 30_000)
    assert (found.volume_mm3, found.triangles, found.watertight) == (6_000, 12, True)
    assert 0 < len(found.sketch.paths) <= MOST_DRAWN


def test_a_binary_file_may_begin_with_the_word_solid() -> None:
    assert read_solid(binary(box(1, 1, 1), b"solid of many programs\n")).triangles == 12


def test_a_missing_or_turned_triangle_is_no_closed_surface() -> None:
    whole = box(10, 10, 10)
    assert not read_solid(binary(whole[1:])).watertight
    a, b, c = whole[0]
    assert not read_solid(binary([(a, c, b), *whole[1:]])).watertight
    assert not read_solid(binary([(a, a, b), *whole])).watertight


def test_a_sphere_far_from_the_origin_has_its_volume() -> None:
    def at(i: int, j: int) -> tuple[float, float, float]:
        if i in (0, 24):
            return 500.0, 500.0, 500.0 + (10 if i == 0 else -10)
        up, round_ = math.pi * i / 24, 2 * math.pi * (j % 48) / 48
        return (
            500 + 10 * math.sin(up) * math.cos(round_),
            500 + 10 * math.sin(up) * math.sin(round_),
            500 + 10 * math.cos(up),
        )

    triangles: list[Triangle] = []
    for i in range(24):
        for j in range(48):
            if i < 23:
                triangles.append((at(i, j), at(i + 1, j), at(i + 1, j + 1)))
            if i > 0:
                triangles.append((at(i, j), at(i + 1, j + 1), at(i, j + 1)))
    found = read_solid(binary(triangles))
    assert found.watertight
    assert found.volume_mm3 == pytest.approx(4 / 3 * math.pi * 1000, rel=0.02)


HOSTILE = {
    "nothing": b"",
    "no triangle": binary([]),
    "no facet": b"solid x\nendsolid x\n",
    "cut short": binary(box(1, 1, 1))[:-1],
    "longer than it says": binary(box(1, 1, 1)) + b"\0",
    "says four thousand million": b"\0" * 80 + b"\xff\xff\xff\xff" + b"\0" * 50,
    "no STL": b"\x89PNG\r\n\x1a\n" + b"\0" * 200,
    "no number": binary([((0, 0, 0), (1, 0, 0), (0, math.nan, 0))]),
    "infinite": binary([((0, 0, 0), (1, 0, 0), (0, math.inf, 0))]),
    "far away": binary([((0, 0, 0), (1, 0, 0), (0, 1e30, 0))]),
    "ascii NaN": ascii_([((0, 0, 0), (1, 0, 0), (0, math.nan, 0))]),
    "ascii far away": ascii_([((0, 0, 0), (1, 0, 0), (0, 1e300, 0))]),
    "ascii not a number": ascii_(box(1, 1, 1)).replace(b"vertex 0.0", b"vertex 1e-e"),
    "ascii cut short": ascii_(box(1, 1, 1))[:-40],
    "ascii two vertices": ascii_(box(1, 1, 1)).replace(b"vertex", b"vortex", 1),
    "ascii endless loop": ascii_(box(1, 1, 1)).replace(b"endloop", b"outer loop", 1),
    "ascii spaces": b"solid x\n" + b" " * 100_000 + b"x",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_solid_is_refused_in_words(name: str) -> None:
    with pytest.raises(BadSolid) as refused:
        read_solid(HOSTILE[name])
    assert 0 < len(str(refused.value)) < 200


def test_too_many_triangles_are_refused() -> None:
    triangle = struct.pack("<12fH", *([0.0] * 12), 0)
    count = MOST_TRIANGLES + 1
    with pytest.raises(BadSolid, match="more than"):
        read_solid(b"\0" * 80 + struct.pack("<I", count) + triangle * count)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_a_solid_or_are_refused(data: bytes, labelled: bool) -> None:
    with suppress(BadSolid):
        assert read_solid(b"solid \n" + data if labelled else data).triangles > 0
