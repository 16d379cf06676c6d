"""One-off jobs as a made-up shop would make them; the model under test knows none of these numbers.

Calibrated to what is commonly reported of one-off machining, not to data of anybody: 22 % scatter of times, one job in
twenty-five that goes badly wrong, a few product families that make most of the work, machines of different speed, and
breakdowns that hit about one job in forty. The law of a job's minutes is not the model's: volume and features add up
(they do not multiply), and small quantities learn.
"""

import math
import random
from dataclasses import dataclass, replace
from typing import Final

from marketplace.planning.lead_time import Made
from marketplace.planning.one_off import OneOff

FAMILIES: Final = tuple(f"family-{number:02d}" for number in range(12))
MACHINES: Final = tuple(f"machine-{number:02d}" for number in range(14))
NEW_FAMILY, NEW_MACHINE = "family-new", "machine-new"

SCATTER = 0.22
OUTLIERS = 0.04
BREAKDOWNS = 0.025
REPAIR_MEDIAN, REPAIR_P90 = 600, 1_800
"""Minutes that a machine stands still once it breaks."""

_MATERIALS: Final = {"aluminium": 0.6, "steel": 1.0, "stainless": 1.6, "titanium": 2.6, "brass": 0.7, "plastic": 0.5}


@dataclass(frozen=True)
class Real:
    """A job and what happened: minutes of work, and minutes that its machine stood still."""

    job: OneOff
    minutes: int
    down: int = 0


class Shop:
    """One seed, one shop: the effects of its families and machines, and its jobs."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"shop {seed}")
        draw = self._random
        self._family = {name: draw.gauss(0.0, 0.15) for name in (*FAMILIES, NEW_FAMILY)}
        self._machine = {name: draw.gauss(0.0, 0.12) for name in (*MACHINES, NEW_MACHINE)}
        self._pace = draw.gauss(0.0, 0.3)
        self._popular = [1 / (place + 1.5) for place in range(len(FAMILIES))]

    def job(self, *, family: str | None = None, machine: str | None = None) -> OneOff:
        """A job as customers ask for it."""
        draw = self._random
        return OneOff(
            removed_mm3=round(math.exp(draw.gauss(10.8, 0.9))),
            holes=min(60, int(draw.expovariate(1 / 6))),
            pockets=min(25, int(draw.expovariate(1 / 2.5))),
            tolerance_grade=draw.choices((6, 7, 8, 9, 10, 11), (8, 20, 22, 25, 15, 10))[0],
            material=draw.choices(tuple(_MATERIALS), (30, 30, 18, 5, 8, 9))[0],
            setups=draw.choices((1, 2, 3, 4, 5), (35, 33, 18, 9, 5))[0],
            quantity=draw.choices((1, 2, 3, 5, 8, 12), (50, 20, 12, 9, 6, 3))[0],
            family=family or draw.choices(FAMILIES, self._popular)[0],
            machine=machine or draw.choice(MACHINES),
        )

    def make(self, job: OneOff, *, breakdown: bool | None = None) -> Real:
        """What happens to a job; `breakdown` decides about one instead of chance."""
        draw = self._random
        log_minutes = math.log(_nominal(job)) + self._pace + self._family[job.family] + self._machine[job.machine]
        log_minutes += draw.gauss(0.0, SCATTER)
        if draw.random() < OUTLIERS:  # scrapped and made again, a tool that had to be bought, a drawing that was wrong
            log_minutes += abs(draw.gauss(0.5, 0.3))
        minutes = max(1, round(math.exp(log_minutes)))
        down = breakdown if breakdown is not None else draw.random() < BREAKDOWNS
        return Real(job, minutes, self._repair() if down else 0)

    def _repair(self) -> int:
        sigma = math.log(REPAIR_P90 / REPAIR_MEDIAN) / 1.2816
        return max(1, round(REPAIR_MEDIAN * math.exp(self._random.gauss(0.0, sigma))))


def _nominal(job: OneOff) -> float:
    """Minutes in a shop without scatter: programming, set-ups, and pieces that grow quicker with practice."""
    cutting = job.removed_mm3 / 1_500 * _MATERIALS[job.material]
    piece = (cutting + 1.8 * job.holes + 6.0 * job.pockets + 5.0) * 1.10 ** (9 - job.tolerance_grade)
    programming = 20 + 1.2 * job.holes + 5.0 * job.pockets
    return programming + 18 * job.setups + piece * float(job.quantity) ** 0.92


def history(shop: Shop, number: int) -> list[Made]:
    """Jobs that were made one after the other. Time is the number of the job."""
    reals = (shop.make(shop.job()) for _ in range(number))
    return [Made(real.job, real.minutes + real.down, when) for when, real in enumerate(reals)]


def moved(job: OneOff, *, family: str | None = None, machine: str | None = None) -> OneOff:
    """The same job as one of another family or on another machine."""
    return replace(job, family=family or job.family, machine=machine or job.machine)
