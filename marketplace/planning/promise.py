"""Promises of whole orders, learned from whole orders: the same window teaches the times and calibrates the dates.

The newest share of the deliveries is held out. For each of them the order is looked at as it would have been quoted by
a model that did not know it, and by models that had not met its family or its machine; by how much its delivery was off
is what the next promise allows for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

from marketplace.planning.conformal import BPS, Calibration, Residual
from marketplace.planning.distribution import LONGEST, Course, Distribution, Duration, Outlook, distribution, outlook
from marketplace.planning.lead_time import UNLEARNED, LeadTimes, Made
from marketplace.planning.learning import learn, split
from marketplace.planning.one_off import OneOff

PRIOR_ERROR = 1.0
"""Without whole orders, one spread of the outlook is taken for a standard deviation (and widened)."""

_Z90 = 1.2815515655446004


@dataclass(frozen=True, slots=True)
class Plan:
    """An order's surroundings, without its own work: when its slot starts, what it waits for, what comes after.

    `elapsed_bps` is how many minutes of the calendar one minute of work takes (30,000: one shift of eight hours a day).
    """

    start: int
    supplies: tuple[Duration, ...]
    elapsed_bps: int
    after: tuple[Duration, ...]

    def __post_init__(self) -> None:
        if not BPS <= self.elapsed_bps <= 100 * BPS:
            raise ValueError("a minute of work takes from 1 to 100 minutes of the calendar")


@dataclass(frozen=True, slots=True)
class Delivered:
    """An order that was delivered `minutes` after it was promised, with its plan of then and its own work."""

    plan: Plan
    made: Made
    minutes: int


@dataclass(frozen=True, slots=True)
class Promises:
    """What was learned from deliveries: the times of own work, and the errors of whole orders."""

    lead_times: LeadTimes
    calibration: Calibration

    def outlook(self, plan: Plan, job: OneOff, seed: int = 0) -> Outlook:
        """Middle and spread of the order before the errors of whole orders are asked."""
        return _outlook(plan, self.lead_times.log_minutes(job), self.lead_times.noise, seed)

    def distribution(self, plan: Plan, job: OneOff, seed: int = 0) -> Distribution:
        """When the order can be there. The same for the same seed."""
        novelty = self.lead_times.novelty(job)
        return distribution(self.outlook(plan, job, seed), self.calibration, job.family, novelty)


BEFORE_ANY = Promises(UNLEARNED, Calibration((), PRIOR_ERROR))
"""What can be promised before the first delivery."""


def learn_promises(history: Sequence[Delivered], seed: int = 0) -> Promises:
    """What a history teaches, in any order; with none it is the prior."""
    if not history:
        return BEFORE_ANY
    of = {id(order.made): order for order in history}
    lead_times = learn([order.made for order in history])
    held_out = [of[id(made)] for made in split([order.made for order in history])[1]]
    residuals = tuple(
        _residual(order, work, lead_times.noise, seed)
        for order, work in zip(held_out, lead_times.calibration.residuals, strict=True)
    )
    return Promises(lead_times, Calibration(residuals, PRIOR_ERROR))


def _residual(order: Delivered, work: Residual, noise: float, seed: int) -> Residual:
    """By how many spreads a delivery was off, given by how much its work was off."""
    actual = log(order.made.minutes)
    errors = [
        _outlook(order.plan, actual - off, noise, seed).error(order.minutes)
        for off in (work.seen, work.new_family, work.new_machine)
    ]
    return Residual(work.family, work.machine, *errors)


def _outlook(plan: Plan, log_minutes: float, noise: float, seed: int) -> Outlook:
    elapsed = plan.elapsed_bps / BPS
    p50, p90 = (
        max(1, min(LONGEST, round(exp(min(log_minutes + z * noise, log(LONGEST))) * elapsed))) for z in (0.0, _Z90)
    )
    return outlook(Course(plan.start, plan.supplies, Duration(p50, p90), plan.after), seed)
