"""Event codes are in signed terms and signed evidence: a code keeps its meaning for ever."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from marketplace.domain.evidence import EventCode

GOLDEN: Mapping[str, int] = json.loads((Path(__file__).parents[1] / "golden" / "event_codes.json").read_text("utf-8"))


def _differences(now: Mapping[str, int], golden: Mapping[str, int]) -> list[str]:
    """What changed: a code that moved or went is broken evidence, a new one must be written down."""
    names = sorted(now.keys() | golden.keys())
    return [f"{name}: {golden.get(name)} → {now.get(name)}" for name in names if now.get(name) != golden.get(name)]


@pytest.mark.req(87)
def test_event_codes_are_those_of_the_golden_file() -> None:
    assert _differences({code.name: code.value for code in EventCode}, GOLDEN) == []


def test_the_comparison_sees_a_code_that_moved_went_or_came() -> None:
    changed = {**GOLDEN, "SHIPPED": 701, "PACKED": 650}
    del changed["RETAINED"]
    assert _differences(changed, GOLDEN) == ["PACKED: None → 650", "RETAINED: 2 → None", "SHIPPED: 700 → 701"]


def test_codes_are_sixteen_bits_and_stand_for_one_thing_each() -> None:
    assert all(0 < code < 2**16 for code in EventCode)
    assert len(GOLDEN) == len(set(GOLDEN.values())) == len(EventCode.__members__)
