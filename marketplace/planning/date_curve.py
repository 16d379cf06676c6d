"""Date against price, and what lateness costs: both from the distribution of the order's delivery.

A date costs more the fuller the capable machines are until then; a later date is never dearer. The penalty of a date is
the highest rate a started day for which the penalty that is to be expected stays within the policy's budget: who wants
the sure date gets the high penalty, who takes a bold one a low one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketplace.planning.conformal import BPS
from marketplace.planning.distribution import LEVELS, Distribution

OFFERED = (5_000, 8_000, 9_000, 9_500)
"""The probabilities whose days are offered."""


@dataclass(frozen=True, slots=True)
class DatePolicy:
    """What the manufacturer decides. All in basis points of the price, but for `slack_days`.

    `rush_bps` is the surcharge where every capable machine is booked, `slack_days` how long after the 90 % day one
    more day is offered, `expected_penalty_bps` what lateness may cost on average, `penalty_cap_bps` what it may cost at
    most, `penalty_day_bps` the most for one day.
    """

    rush_bps: int = 2_500
    slack_days: int = 5
    expected_penalty_bps: int = 50
    penalty_cap_bps: int = 1_000
    penalty_day_bps: int = 200

    def __post_init__(self) -> None:
        shares = (self.expected_penalty_bps, self.penalty_cap_bps, self.penalty_day_bps)
        if not 0 <= self.rush_bps <= 10 * BPS or not 0 <= self.slack_days <= 365 or min(shares) < 0:
            raise ValueError("a policy is not negative, rush at most tenfold, slack at most a year")
        if max(shares) > BPS:
            raise ValueError("no penalty is more than the price")


@dataclass(frozen=True, slots=True)
class Penalty:
    """Deducted for each started day late, at most `cap_bps`; `expected_bps` is its average, rounded up."""

    day_bps: int
    cap_bps: int
    expected_bps: int


@dataclass(frozen=True, slots=True)
class DatePoint:
    """Delivery by the end of `day` (0 is today) with this probability, for the price times `price_bps`."""

    day: int
    probability_bps: int
    price_bps: int
    penalty: Penalty


def penalty(order: Distribution, day: int, asked_at: int, policy: DatePolicy) -> Penalty:
    """The highest rate whose expected penalty is within the budget; none where one basis point a day is too much."""
    late = Counter(order.days_late(day, asked_at))
    budget = policy.expected_penalty_bps * (len(LEVELS) + 1)
    low, high = 0, min(policy.penalty_day_bps, policy.penalty_cap_bps)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _sum(late, middle, policy) <= budget else (low, middle - 1)
    if not low:
        return Penalty(0, 0, 0)
    return Penalty(low, policy.penalty_cap_bps, -(-_sum(late, low, policy) // (len(LEVELS) + 1)))


def _sum(late: Mapping[int, int], rate: int, policy: DatePolicy) -> int:
    """The penalties of all levels: of each the later end, and of what lies beyond the last level the cap."""
    return (
        sum(min(policy.penalty_cap_bps, rate * days) * times for days, times in late.items()) + policy.penalty_cap_bps
    )


def date_curve(
    order: Distribution, asked_at: int, booked_bps: Sequence[int], policy: DatePolicy
) -> tuple[DatePoint, ...]:
    """The dates worth offering, soonest first; none is both later and neither cheaper nor surer than another.

    `booked_bps[day]` is the share of the capable machines' minutes that is taken until the end of that day; the last
    one holds for all days after it. Raises ValueError for a share outside 0 to 10,000.
    """
    if any(not 0 <= share <= BPS for share in booked_bps):
        raise ValueError("a booked share is from 0 to 10000 basis points")
    days = sorted({order.day(level, asked_at) for level in OFFERED})
    days.append(order.day(9_000, asked_at) + policy.slack_days)
    points: list[DatePoint] = []
    for day in sorted(set(days)):
        point = point_of(order, day, asked_at, booked_bps, policy)
        worth = not points or (
            point.probability_bps > points[-1].probability_bps or point.price_bps < points[-1].price_bps
        )
        points += [point] if worth else []
    return tuple(points)


def point_of(order: Distribution, day: int, asked_at: int, booked_bps: Sequence[int], policy: DatePolicy) -> DatePoint:
    """Any day, whether it is worth offering or not."""
    late = penalty(order, day, asked_at, policy)
    return DatePoint(day, order.by_day(day, asked_at), _price(day, booked_bps, policy), late)


def _price(day: int, booked_bps: Sequence[int], policy: DatePolicy) -> int:
    """The surcharge grows with the square of what is booked: an empty shop asks nothing, and the last slots most."""
    scarcity = max(booked_bps[min(day, len(booked_bps) - 1) :], default=0)
    return BPS + policy.rush_bps * scarcity**2 // BPS**2
