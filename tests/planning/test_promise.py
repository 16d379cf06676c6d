"""One distribution of the whole order: dates, their prices and what lateness costs all come from it."""

from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.one_offs.orders import Orders
from marketplace.planning.conformal import BPS
from marketplace.planning.date_curve import DatePolicy, Penalty, date_curve, penalty
from marketplace.planning.distribution import (
    DAY,
    LEVELS,
    LONGEST,
    MOST_PARTS,
    Course,
    Distribution,
    Duration,
    outlook,
)
from marketplace.planning.promise import BEFORE_ANY, Plan, Promises, learn_promises

SURE = Duration(DAY, DAY)
MORNING = 10 * 60


@pytest.fixture(scope="module")
def promises() -> Promises:
    return learn_promises(Orders(11).history(300))


def even(least_days: int, most_days: int) -> Distribution:
    """Every delivery between two numbers of days is as likely as any other."""
    step = (most_days - least_days) * DAY / (len(LEVELS) + 1)
    return Distribution(tuple(least_days * DAY + round(step * place) for place in range(1, len(LEVELS) + 1)), "all")


def test_parts_that_are_sure_add_up_and_supplies_run_side_by_side() -> None:
    course = Course(100, (Duration(2 * DAY, 2 * DAY), SURE), SURE, (Duration(30, 30),))
    assert outlook(course).error(3 * DAY + 30) == pytest.approx(0.0, abs=1e-9)


def test_the_sum_of_90_percent_quantiles_is_later_than_the_90_percent_quantile_of_the_sum() -> None:
    part = Duration(DAY, 2 * DAY)
    seen = outlook(Course(0, (part,), part, (part, part)))
    assert seen.error(8 * DAY) > 1.2816 * 1.3


def test_the_slowest_of_many_supplies_is_slower_than_each() -> None:
    part = Duration(3 * DAY, 5 * DAY)
    middles = [outlook(Course(0, (part,) * number, SURE, ())).middle for number in (1, 2, 4, 8)]
    assert middles == sorted(set(middles))


def test_the_same_seed_gives_the_same_distribution(promises: Promises) -> None:
    case = Orders(12).case()
    again = learn_promises(Orders(11).history(300)[::-1])
    found = promises.distribution(case.plan, case.job)
    assert found == again.distribution(case.plan, case.job)
    assert all(type(minutes) is int for minutes in found.minutes)
    other = promises.distribution(case.plan, case.job, seed=1)
    assert other.quantile(9_000) == pytest.approx(found.quantile(9_000), rel=0.03)


def test_before_the_first_delivery_the_prior_speaks() -> None:
    case = Orders(12).case()
    assert learn_promises([]) is BEFORE_ANY
    found = BEFORE_ANY.distribution(case.plan, case.job)
    assert found.basis == "prior"
    assert 0 < found.quantile(5_000) < found.quantile(9_000)


@pytest.mark.req(146)
def test_a_machine_that_stands_still_or_a_scarce_part_moves_the_date(promises: Promises) -> None:
    case = Orders(12).case()
    order = promises.distribution(case.plan, case.job)
    down = replace(case.plan, after=(*case.plan.after, Duration(600, 1_800)))
    scarce = replace(case.plan, supplies=(*case.plan.supplies, Duration(20 * DAY, 40 * DAY)))
    for plan in (down, scarce):
        worse = promises.distribution(plan, case.job)
        assert worse.quantile(5_000) > order.quantile(5_000)
        assert worse.quantile(9_000) > order.quantile(9_000)


def test_days_are_days_of_the_calendar() -> None:
    """90 % are there within 9 days of 1,440 minutes: asked at midnight that is the first minute of day 9."""
    order = even(0, 10)
    assert order.quantile(9_000) == 9 * DAY
    assert (order.day(9_000, 0), order.day(9_000, DAY - 1), order.day(8_999, 0)) == (9, 9, 9)
    assert order.by_day(8, 0) == 8_950
    assert order.by_day(9, 0) == 9_950


@settings(deadline=None)
@given(st.integers(1, 9_950), st.integers(0, DAY - 1))
def test_the_day_of_a_level_is_the_first_one_that_keeps_it(level: int, asked_at: int) -> None:
    order = even(1, 13)
    day = order.day(level, asked_at)
    assert order.by_day(day, asked_at) >= level
    assert order.by_day(day - 1, asked_at) < -(-level // 50) * 50


@pytest.mark.req(45)
def test_the_penalty_by_hand() -> None:
    """Half of the orders are 0 to 5 days late: the sum over 200 parts is 20 · (1 + 2 + 3 + 4) + 19 · 5 days."""
    order = even(0, 10)
    policy = DatePolicy(expected_penalty_bps=100, penalty_cap_bps=1_000, penalty_day_bps=500)
    days = order.days_late(4, 0)
    assert sum(days) == 20 * (1 + 2 + 3 + 4) + 20 * 5
    found = penalty(order, 4, 0, policy)
    assert found.day_bps == (100 * 200 - 1_000) // sum(days) == 63
    assert found == Penalty(63, 1_000, 100)
    assert penalty(order, 4, 0, replace(policy, expected_penalty_bps=5)) == Penalty(0, 0, 0)


POLICIES = st.builds(
    DatePolicy,
    rush_bps=st.integers(0, 5_000),
    slack_days=st.integers(0, 30),
    expected_penalty_bps=st.integers(0, 300),
    penalty_cap_bps=st.integers(0, 3_000),
    penalty_day_bps=st.integers(0, 1_000),
)


@settings(deadline=None)
@given(POLICIES, st.lists(st.integers(0, BPS), max_size=30), st.integers(0, DAY - 1), st.integers(1, 20))
def test_no_offered_date_is_dominated_and_no_penalty_costs_more_than_the_budget(
    policy: DatePolicy, booked: list[int], asked_at: int, width: int
) -> None:
    order = even(2, 2 + width)
    points = date_curve(order, asked_at, booked, policy)
    assert 1 <= len(points) <= 5
    for point in points:
        assert BPS <= point.price_bps <= BPS + policy.rush_bps
        assert point.penalty.expected_bps <= policy.expected_penalty_bps
        late = [
            min(point.penalty.cap_bps, point.penalty.day_bps * days) for days in order.days_late(point.day, asked_at)
        ]
        assert sum(late) <= policy.expected_penalty_bps * 200
        assert type(point.day) is type(point.price_bps) is type(point.probability_bps) is int
    for sooner, later in pairwise(points):
        assert sooner.day < later.day
        assert sooner.price_bps >= later.price_bps
        assert sooner.probability_bps <= later.probability_bps
        assert (later.price_bps, -later.probability_bps) != (sooner.price_bps, -sooner.probability_bps)
        assert sooner.penalty.day_bps <= later.penalty.day_bps or not later.penalty.day_bps


@pytest.mark.req(29, 45)
def test_a_fuller_shop_asks_more_for_a_near_date() -> None:
    order = even(2, 12)
    calm, full = (date_curve(order, 0, [share] * 9 + [1_000], DatePolicy(rush_bps=2_000)) for share in (1_000, 9_000))
    assert calm[0].price_bps == 10_020
    assert full[0].price_bps == 10_000 + 2_000 * 81 // 100
    assert full[-1].price_bps == calm[-1].price_bps == 10_020


@pytest.mark.parametrize(
    "make",
    [
        partial(Duration, 0, 1),
        partial(Duration, 2, 1),
        partial(Duration, 1, LONGEST + 1),
        partial(Course, -1, (), SURE, ()),
        partial(Course, 0, (SURE,) * MOST_PARTS, SURE, ()),
        partial(Plan, 0, (), 9_999, ()),
        partial(DatePolicy, rush_bps=-1),
        partial(DatePolicy, penalty_cap_bps=BPS + 1),
        partial(DatePolicy, slack_days=400),
        partial(even(0, 1).quantile, 0),
        partial(even(0, 1).quantile, 9_951),
        partial(date_curve, even(0, 1), 0, [BPS + 1], DatePolicy()),
    ],
)
def test_nonsense_is_refused(make: partial[object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        make()
