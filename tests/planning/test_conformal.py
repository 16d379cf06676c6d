"""The finite-sample rule against cases worked out by hand, and what holds for every set of residuals."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.planning.conformal import (
    BPS,
    ENOUGH,
    OWN,
    Calibration,
    Novelty,
    Residual,
    grouped,
    plain,
    prior_quantile,
    rank,
)

NUMBERS = st.lists(st.floats(-5, 5), max_size=40)


def residual(value: float, family: str = "a", machine: str = "m", *, new: float = 0.0) -> Residual:
    return Residual(family, machine, value, value + new, value + 2 * new)


@pytest.mark.parametrize(
    ("n", "level", "number"),
    [(9, 9_000, 9), (10, 9_000, 10), (19, 9_000, 18), (99, 9_000, 90), (900, 9_000, 811), (8, 9_000, 9), (9, 5_000, 5)],
)
def test_the_number_of_the_residual_by_hand(n: int, level: int, number: int) -> None:
    assert rank(n, level) == number
    found = plain([float(value) for value in range(n, 0, -1)]).quantile(level)
    assert found == (number if number <= n else None)


@pytest.mark.parametrize(("n", "level"), [(-1, 5_000), (1, 0), (1, BPS)])
def test_no_such_level(n: int, level: int) -> None:
    with pytest.raises(ValueError, match="basis points"):
        rank(n, level)
    with pytest.raises(ValueError, match="basis points"):
        plain([0.0]).quantile(level if n > 0 else 0)


def test_groups_weigh_alike_by_hand() -> None:
    """Three groups weigh a quarter each: of four residuals of `a` each is a sixteenth."""
    ladder = grouped([*(("a", float(value)) for value in (1, 2, 3, 4)), ("b", 10.0), ("c", 0.0)])
    assert ladder.quantile(2_500) == 0.0
    assert ladder.quantile(2_501) == 1.0
    assert ladder.quantile(5_000) == 4.0
    assert ladder.quantile(7_500) == 10.0
    assert ladder.quantile(7_501) is None


@settings(deadline=None)
@given(NUMBERS, st.integers(1, BPS - 1))
def test_groups_of_one_are_the_plain_rule(numbers: list[float], level: int) -> None:
    alone = grouped([(str(place), value) for place, value in enumerate(numbers)])
    number = rank(len(numbers), level)
    expected = sorted(numbers)[number - 1] if number <= len(numbers) else None
    assert alone.quantile(level) == plain(numbers).quantile(level) == expected


@settings(deadline=None)
@given(st.lists(st.integers(-50, 50).map(float), min_size=ENOUGH, max_size=40))
def test_quantiles_ascend_and_never_leave_what_was_seen_before_the_prior(numbers: list[float]) -> None:
    known = Calibration(tuple(residual(value) for value in numbers), 0.4)
    found = known.quantiles(range(100, BPS, 100), "a")
    assert list(found) == sorted(found)
    assert min(numbers) <= known.quantile(5_000, "a") <= max(numbers)
    assert found[-1] >= max(numbers)


def test_fewer_than_nine_give_the_widened_prior() -> None:
    few = Calibration(tuple(residual(5.0) for _ in range(8)), 0.4)
    assert few.basis("a", Novelty()) == "prior"
    assert few.quantile(9_000, "a") == prior_quantile(0.4, 9_000) == pytest.approx(1.3 * 0.4 * 1.2816, abs=1e-4)
    assert Calibration((*few.residuals, residual(5.0)), 0.4).quantile(9_000, "a") == 5.0


def test_a_family_with_enough_residuals_is_judged_by_its_own() -> None:
    wide = [residual(float(value), "wide") for value in range(OWN)]
    narrow = [residual(value / 100, "narrow") for value in range(OWN - 1)]
    known = Calibration((*wide, *narrow), 0.4)
    assert (known.basis("wide", Novelty()), known.basis("narrow", Novelty())) == ("family", "all")
    assert known.quantile(9_000, "wide") == 27.0  # number ⌈0.9 · 31⌉ = 28 of 0 to 29
    assert known.quantile(9_000, "narrow") == 24.0  # number ⌈0.9 · 60⌉ = 54 of 59, of which 30 are below 1


def test_what_was_never_met_is_judged_by_groups() -> None:
    families = [residual(place / 10, f"family-{place}", f"machine-{place}", new=1.0) for place in range(9)]
    known = Calibration(tuple(families), 0.1)
    assert known.quantile(9_000, "x", Novelty(family=True)) == pytest.approx(1.8)
    assert known.quantile(9_000, "x", Novelty(machine=True)) == pytest.approx(2.8)
    assert known.quantile(9_000, "x", Novelty(family=True, machine=True)) == pytest.approx(2.8)
    assert known.basis("x", Novelty(family=True, machine=True)) == "new"


def test_too_few_groups_give_no_less_than_was_seen() -> None:
    one_family = Calibration(tuple(residual(float(value)) for value in range(40)), 0.4)
    assert one_family.quantile(9_000, "b", Novelty(family=True)) == 39.0


def test_nine_in_ten_stay_below_whatever_the_noise() -> None:
    """The theorem, tried on a law with a far second hump; a normal quantile of the same 40 residuals fails."""
    draw = random.Random(1)
    kept = normal = 0
    for _ in range(2_000):
        errors = [draw.random() + (10.0 if draw.random() < 0.15 else 0.0) for _ in range(41)]
        kept += errors[40] <= (plain(errors[:40]).quantile(9_000) or 0.0)
        mean = sum(errors[:40]) / 40
        deviation = (sum((error - mean) ** 2 for error in errors[:40]) / 39) ** 0.5
        normal += errors[40] <= mean + 1.2816 * deviation
    assert kept / 2_000 == pytest.approx(37 / 41, abs=0.025)  # ⌈0.9 · 41⌉ = 37
    assert normal / 2_000 < 0.87
