"""The benchmark of insertion in its short form: every plan is validated, and both searches find the same date."""

import pytest

from benchmarks import schedule
from benchmarks.harness import Result


@pytest.mark.parametrize("name", list(schedule.SETUPS))
def test_a_short_run_validates_every_plan(name: str) -> None:
    result = Result({})
    schedule.measured(name, result, orders=60, timed=20)
    assert 0 < result.figures[f"{name}_insert_p50_ms"] <= result.figures[f"{name}_insert_p99_ms"]
    assert 0 < result.figures[f"{name}_booked"] < 1


def test_a_percentile_is_a_time_that_was_measured() -> None:
    assert schedule.percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert schedule.percentile([float(value) for value in range(1, 101)], 99) == 99.0
