"""Whole orders around the one-offs: supplies, a slot, own work on one shift, transport; and how they went.

Suppliers have habits that the plan does not know (each its own bias), slots slip, and carriers are late now and then.
"""

import math
import random
from dataclasses import dataclass, replace

from benchmarks.one_offs.generator import REPAIR_MEDIAN, REPAIR_P90, Real, Shop
from marketplace.planning.distribution import DAY, Duration
from marketplace.planning.lead_time import Made
from marketplace.planning.one_off import OneOff
from marketplace.planning.promise import Delivered, Plan

ONE_SHIFT = 30_000
_Z90 = 1.2816


@dataclass(frozen=True)
class Case:
    """An order as it is quoted, and what then happened."""

    plan: Plan
    real: Real
    minutes: int

    @property
    def job(self) -> OneOff:
        """The own work."""
        return self.real.job


class Orders:
    """Whole orders of one shop; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.shop = Shop(seed)
        self._random = random.Random(f"orders {seed}")
        self._habit = [self._random.gauss(0.0, 0.08) for _ in range(20)]

    def case(self, *, family: str | None = None, machine: str | None = None, breakdown: bool | None = None) -> Case:
        """An order and its fate."""
        return self._happened(
            self._plan(), self.shop.make(self.shop.job(family=family, machine=machine), breakdown=breakdown)
        )

    def known_breakdown(self) -> Case:
        """An order that is promised while its machine stands still: the repair is a part of the plan."""
        plan, real = self._plan(), self.shop.make(self.shop.job(), breakdown=True)
        told = replace(plan, after=(*plan.after, Duration(REPAIR_MEDIAN, REPAIR_P90)))
        return self._happened(told, real)

    def history(self, number: int) -> list[Delivered]:
        """Orders that were delivered one after the other. Time is the number of the order."""
        cases = (self.case() for _ in range(number))
        return [
            Delivered(case.plan, Made(case.job, case.real.minutes, when), case.minutes)
            for when, case in enumerate(cases)
        ]

    def _plan(self) -> Plan:
        draw = self._random
        supplies = tuple(
            self._usual(draw.uniform(1.0, 6.0), draw.uniform(1.15, 1.6)) for _ in range(draw.choice((0, 1, 1, 2, 3)))
        )
        return Plan(
            round(draw.uniform(0.0, 5.0) * DAY), supplies, ONE_SHIFT, (self._usual(draw.uniform(0.5, 2.0), 1.4),)
        )

    @staticmethod
    def _usual(days: float, ratio: float) -> Duration:
        return Duration(round(days * DAY), round(days * DAY * ratio))

    def _happened(self, plan: Plan, real: Real) -> Case:
        draw = self._random
        arrivals = [self._took(supply) * math.exp(draw.choice(self._habit)) for supply in plan.supplies]
        ready = max([plan.start * math.exp(draw.gauss(0.0, 0.05)), *arrivals])
        carried = self._took(plan.after[0]) + (DAY if draw.random() < 0.03 else 0)
        return Case(plan, real, max(1, round(ready + real.minutes * ONE_SHIFT / 10_000 + real.down + carried)))

    def _took(self, part: Duration) -> float:
        return part.p50 * math.exp(self._random.gauss(0.0, math.log(part.p90 / part.p50) / _Z90))
