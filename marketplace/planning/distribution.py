"""When a whole order can be there: one distribution, from which date, price and penalty all follow.

Supplies run side by side, then the own work, then transport; 90 % quantiles of the parts do not add up, so the parts
are sampled together (Latin hypercube: each part's quantiles, every one once, in an order that the seed decides). The
samples give a middle and a spread; how often *whole orders* were off by how many spreads gives the quantiles
(`conformal`).
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, exp, log
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from marketplace.planning.conformal import BPS, FAMILIAR, Calibration, Novelty

DAY = 24 * 60
"""Minutes in a day."""

SAMPLES = 256
LEVELS = tuple(range(50, BPS, 50))
"""The quantile levels of a distribution, in basis points: half a per cent apart, 50 and 90 % among them."""

LONGEST = 10 * 365 * DAY
"""Minutes beyond which nothing is planned."""

MOST_PARTS = 64
"""Parts of one order that are sampled; more are refused, so that a quote takes bounded time."""

_LEAST_SPREAD = 0.01
_NORMAL = NormalDist()
_Z90 = _NORMAL.inv_cdf(0.9)


@dataclass(frozen=True, slots=True)
class Duration:
    """Minutes that something takes: below `p50` half of the time, below `p90` nine times in ten. Log-normal.

    Raises ValueError unless 0 < p50 ≤ p90 ≤ LONGEST.
    """

    p50: int
    p90: int

    def __post_init__(self) -> None:
        if not 0 < self.p50 <= self.p90 <= LONGEST:
            raise ValueError(f"a duration needs 0 < p50 ≤ p90 ≤ {LONGEST} minutes")


@dataclass(frozen=True, slots=True)
class Course:
    """What an order waits for. `start` is when its slot begins, in minutes from now, and `work` runs from there.

    `after` follows the work, one after the other: transport, or the repair of a machine that is known to stand still.
    """

    start: int
    supplies: tuple[Duration, ...]
    work: Duration
    after: tuple[Duration, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.start <= LONGEST or len(self.supplies) + len(self.after) >= MOST_PARTS:
            raise ValueError(f"a slot starts within {LONGEST} minutes, and an order has fewer than {MOST_PARTS} parts")


@dataclass(frozen=True, slots=True)
class Outlook:
    """Middle and spread of the logarithm of an order's minutes, before whole orders were asked."""

    middle: float
    spread: float

    def error(self, minutes: int) -> float:
        """By how many spreads an order was off that took `minutes`."""
        return (log(max(1, minutes)) - self.middle) / self.spread


def outlook(course: Course, seed: int = 0) -> Outlook:
    """What the parts say together; the same for the same seed."""
    draws = _draws(len(course.supplies) + 1 + len(course.after), seed)
    ready = np.full(SAMPLES, float(course.start))
    for row, supply in zip(draws, course.supplies, strict=False):
        ready = np.maximum(ready, _sampled(supply, row))
    rest = draws[len(course.supplies) :]
    total = ready + sum(_sampled(part, row) for part, row in zip((course.work, *course.after), rest, strict=True))
    middle, high = (log(value) for value in _quantiles(total))
    return Outlook(middle, max(_LEAST_SPREAD, (high - middle) / _Z90))


def _quantiles(total: NDArray[np.float64]) -> tuple[float, float]:
    """Median and 90 % quantile, linear between samples as `np.quantile` has them, which takes ten times as long."""
    ordered = np.sort(total).tolist()
    half, tenth = (SAMPLES - 1) // 2, (SAMPLES - 1) * 9 // 10
    return (ordered[half] + ordered[half + 1]) / 2, (ordered[tenth] + ordered[tenth + 1]) / 2


@lru_cache(maxsize=MOST_PARTS)
def _draws(parts: int, seed: int) -> NDArray[np.float64]:
    """A row of standard normal quantiles for each part, every one once, each row in an order of its own."""
    quantiles = np.array([_NORMAL.inv_cdf((number + 0.5) / SAMPLES) for number in range(SAMPLES)])
    shuffled = np.random.Generator(np.random.PCG64(seed))
    return np.array([quantiles[shuffled.permutation(SAMPLES)] for _ in range(parts)])


def _sampled(part: Duration, row: NDArray[np.float64]) -> NDArray[np.float64]:
    sampled: NDArray[np.float64] = part.p50 * np.exp(row * (log(part.p90 / part.p50) / _Z90))
    return sampled


@dataclass(frozen=True, slots=True)
class Distribution:
    """Minutes from now to delivery at each of LEVELS, ascending. `basis` says which past errors speak."""

    minutes: tuple[int, ...]
    basis: str

    def quantile(self, level_bps: int) -> int:
        """Minutes within which the order is there with this probability, rounded up to the next of LEVELS."""
        if not 0 < level_bps <= LEVELS[-1]:
            raise ValueError(f"a level is from 1 to {LEVELS[-1]} basis points")
        return self.minutes[-(-level_bps // LEVELS[0]) - 1]

    def within(self, minutes: int) -> int:
        """The probability of delivery within `minutes`, in basis points, rounded down to half a per cent."""
        return bisect_right(self.minutes, minutes) * LEVELS[0]

    def day(self, level_bps: int, asked_at: int) -> int:
        """The day by whose end the order is there with this probability; 0 is today, `asked_at` the minute of it."""
        return (asked_at + self.quantile(level_bps)) // DAY

    def by_day(self, day: int, asked_at: int) -> int:
        """The probability of delivery by the end of `day`, in basis points."""
        return self.within((day + 1) * DAY - asked_at - 1)

    def days_late(self, day: int, asked_at: int) -> Sequence[int]:
        """For each of LEVELS, how many days after `day` the order then comes; 0 where it is in time."""
        return [max(0, (asked_at + minutes) // DAY - day) for minutes in self.minutes]


def distribution(seen: Outlook, calibration: Calibration, family: str, novelty: Novelty = FAMILIAR) -> Distribution:
    """The distribution of an order with this outlook, by the errors of whole orders before it."""
    errors = calibration.quantiles(LEVELS, family, novelty)
    logs = (min(log(LONGEST), seen.middle + seen.spread * error) for error in errors)
    minutes = tuple(max(1, min(LONGEST, ceil(exp(value)))) for value in logs)
    return Distribution(minutes, calibration.basis(family, novelty))
