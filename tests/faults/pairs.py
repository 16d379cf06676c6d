"""Two faults at once: every pair of kinds, at moments that the seed chooses, while whole orders go their way."""

import asyncio
import itertools
import json
import random
import struct
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.books import Node
from tests.faults.crash import REFERENCE_ORDERS, Outcome, open_people, reference, settle
from tests.faults.house import House, open_house, witness
from tests.faults.kinds import EVERY_KIND, Scene

CONFIRMATIONS = 6
LATEST_S, LONGEST_S = 1.5, 2.5
"""When a fault begins at the latest, and how long it lasts at most."""
MOST_OPEN = 8
WAIT_S = 20.0


@dataclass(frozen=True)
class Happening:
    """A fault: what, when it begins, how long it lasts (seconds), and the seed of what else it decides."""

    kind: str
    begins_s: float
    lasts_s: float
    seed: int


@dataclass(frozen=True)
class Run:
    """Two faults at once."""

    number: int
    faults: tuple[Happening, Happening]

    def __str__(self) -> str:
        return f"run {self.number}: " + " and ".join(one.kind for one in self.faults)


def schedule(names: Iterable[str], runs: int, seed: int) -> list[Run]:
    """So many runs: every pair of kinds comes before any comes again. The same seed gives the same runs."""
    chance = random.Random(seed)
    found: list[Run] = []
    while len(found) < runs:
        everything = list(itertools.combinations(sorted(names), 2))
        chance.shuffle(everything)
        for first, second in everything[: runs - len(found)]:
            found.append(Run(len(found), (_happening(first, chance), _happening(second, chance))))
    return found


def _happening(kind: str, chance: random.Random) -> Happening:
    begins, lasts = round(chance.uniform(0, LATEST_S), 2), round(chance.uniform(0.5, LONGEST_S), 2)
    return Happening(kind, begins, lasts, chance.getrandbits(32))


class Clock:
    """How far the worker's clock is ahead, in a file that it looks at."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "clock"
        self.shift(0.0)

    def shift(self, seconds: float) -> None:
        """So many seconds ahead; 0 is right."""
        with self.file.open("r+b" if self.file.exists() else "w+b") as file:
            file.write(struct.pack("d", seconds))


@dataclass(frozen=True)
class Plan:
    """What is to be tried: these runs, in one house."""

    database: str
    seed: int
    runs: Sequence[Run]
    control: str = ""
    confirmations: int = CONFIRMATIONS
    orders_a_run: int = 1
    broker: str = ""


async def pairs(plan: Plan, folder: Path) -> Outcome:
    """The runs of a plan, one after the other, then the reckoning."""
    begun, outcome = time.monotonic(), Outcome(things=("kinds", "runs"))
    given: dict[str, Any] = {"confirmations": plan.confirmations, "block_time_s": 2.0}
    given["broker"] = plan.broker
    async with open_house(folder, plan.database, plan.seed, **given) as house, open_people(house, plan.seed) as people:
        points = sorted(await reference(house, people))
        async with working(house, plan.control) as clock:
            node, database = Node(house.chain_url), witness(house)
            scene = Scene(house, people, node, database, house.proxies, clock.shift, CONFIRMATIONS - 1, points)
            for run in plan.runs:
                await _play(scene, run, plan)
                outcome.names |= {one.kind for one in run.faults}
            node.close()
            database.close()
        outcome.reckoning = await settle(house, people, plan.control)
    outcome.kills, outcome.seconds = len(plan.runs), time.monotonic() - begun
    outcome.orders = len(people.placed) - REFERENCE_ORDERS
    return outcome


@asynccontextmanager
async def working(house: House, control: str) -> AsyncIterator[Clock]:
    """A worker and an interface that are started again when they are gone."""
    clock = Clock(house.folder)
    keepers = [
        asyncio.create_task(house.keep("worker", control=control, clock=str(clock.file))),
        asyncio.create_task(_keep_interface(house)),
    ]
    try:
        yield clock
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        await house.children["worker"].end()


async def _keep_interface(house: House) -> None:
    while True:
        await asyncio.shield(house.children["api"].ended)
        await house.start("api")


async def _play(scene: Scene, run: Run, plan: Plan) -> None:
    """An order is placed, two faults happen; on to the next run when few enough orders are still open."""
    people = scene.people
    placing = [asyncio.create_task(people.place()) for _ in range(plan.orders_a_run)]
    await asyncio.gather(*[_happen(scene, one) for one in run.faults])
    placed = await asyncio.gather(*placing, return_exceptions=True)
    for failure in placed:
        if isinstance(failure, Exception):
            # What was not acknowledged is nobody's loss; the customer tries again once the faults are over.
            await asyncio.gather(people.place(), return_exceptions=True)
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        if len(people.open_orders()) <= MOST_OPEN:
            break
        await asyncio.sleep(0.1)


async def _happen(scene: Scene, one: Happening) -> None:
    await asyncio.sleep(one.begins_s)
    async with EVERY_KIND[one.kind](scene, random.Random(one.seed), one.lasts_s):
        await asyncio.sleep(one.lasts_s)


def as_words(runs: Iterable[Run]) -> str:
    """The schedule, for who wants to see it."""
    return json.dumps([[vars(one) for one in run.faults] for run in runs], indent=1)
