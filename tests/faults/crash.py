"""Crashes: an undisturbed worker shows which points an order passes; then workers die at each of them, many times.

Whole orders are placed and settled meanwhile. A dead worker is replaced at once by the next, which will die as well.
"""

import asyncio
import json
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.secrets_store import platform_keys
from contracts.signers import LocalSigner
from tests.faults.books import books
from tests.faults.doctor import ask_doctor
from tests.faults.house import House, open_house, witness
from tests.faults.people import People
from tests.faults.processes import Child
from tests.faults.reckoning import Contracts, Reckoning, reckon

REFERENCE_ORDERS = 2
AT_ONCE = 6
"""Orders in flight: at each moment some are at every stage."""
WINDOW = 5
"""Points that one worker is told to die at; whichever comes first."""
DEEPEST = 6
"""The highest passage at which a worker dies: later ones are reached by longer lives, which other points end."""
STUCK_S = 5.0
"""After so long without a new order there is one more."""
MOST_OPEN = 30
"""But no more than these: a slow machine kills faster than orders settle, and all of them must settle in the end."""
LIFE_S = 8.0
"""A worker that has come to none of its points by then is killed where it stands."""
TRIES = 4
"""Lives that wait for a point in vain, each for an earlier passage, before it is given up."""
PATIENCE_S = 60.0
"""How long nothing may happen in the end before what is not settled counts as lost."""


@dataclass(frozen=True)
class Death:
    """One kill: at the n-th passage of a point."""

    point: str
    passage: int


@dataclass
class Outcome:
    """The figures of a campaign."""

    names: set[str] = field(default_factory=set)
    kills: int = 0
    orders: int = 0
    missed: int = 0
    seconds: float = 0.0
    things: tuple[str, str] = ("points", "kills")
    reckoning: Reckoning = field(default_factory=Reckoning)
    unreached: list[str] = field(default_factory=list)
    """Points that are missed, by name."""

    @property
    def good(self) -> bool:
        """Every kill happened, and nothing was found."""
        return self.reckoning.clean and not self.missed

    def add(self, other: "Outcome") -> None:
        """The figures of two campaigns together."""
        self.names |= other.names
        self.things = other.things
        for name in ("kills", "orders", "missed", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("lost", "double", "unreconciled"):
            getattr(self.reckoning, name).extend(getattr(other.reckoning, name))

    def figures(self) -> dict[str, object]:
        """For the last line."""
        return {
            self.things[0]: len(self.names),
            self.things[1]: self.kills,
            "lost": len(self.reckoning.lost),
            "double": len(self.reckoning.double),
            "unreconciled": len(self.reckoning.unreconciled),
            "missed": self.missed,
            "orders": self.orders,
            "seconds": round(self.seconds, 1),
        }

    def as_plain(self) -> dict[str, object]:
        """What a file keeps of a good one."""
        return {
            "things": list(self.things),
            "names": sorted(self.names),
            "kills": self.kills,
            "orders": self.orders,
            "seconds": round(self.seconds, 1),
        }

    @classmethod
    def from_plain(cls, kept: Mapping[str, Any]) -> "Outcome":
        """A good one from its file."""
        kinds, number = kept["things"]
        return cls(set(kept["names"]), kept["kills"], kept["orders"], 0, kept["seconds"], (kinds, number))


def schedule(
    seen: Mapping[str, int], orders: int, runs: int, seed: int, *, most: int = 0, deepest: int = DEEPEST
) -> list[Death]:
    """Each point `runs` times, mixed by the seed; `most` takes the first so many of them, each point once first."""
    chance = random.Random(seed)
    rounds = []
    for _ in range(runs):
        names = sorted(seen)
        chance.shuffle(names)
        rounds += [Death(name, chance.randint(1, max(1, min(deepest, seen[name] // orders)))) for name in names]
    return rounds[:most] if most else rounds


async def reference(house: House, people: People) -> dict[str, int]:
    """The points that `REFERENCE_ORDERS` undisturbed orders pass, and how often. Raises RuntimeError."""
    record = house.folder / "record.json"
    worker = await house.start("worker", record=str(record))
    for _ in range(REFERENCE_ORDERS):
        await people.place()
    await until_settled(people)
    await worker.end()
    if people.open_orders():
        raise RuntimeError(f"undisturbed orders do not settle: {people.status()} {people.complaints}")
    found: dict[str, int] = json.loads(record.read_text("utf-8"))
    return found


async def until_settled(people: People, patience_s: float = PATIENCE_S) -> None:
    """Wait until every order has come to an end, or nothing has moved for so long."""
    last, since = people.status(), time.monotonic()
    while people.open_orders() and time.monotonic() - since < patience_s:
        await asyncio.sleep(0.1)
        if (now := people.status()) != last:
            last, since = now, time.monotonic()


async def kill_all(
    house: House, people: People, deaths: Sequence[Death], control: str, until: float, at_once: int
) -> tuple[list[Death], list[Death]]:
    """Let workers die at all of these, as long as there is time: those that happened, and those that did not."""
    placing = asyncio.create_task(keep_busy(people, at_once))
    try:
        return await _killing(house, deaths, control, until)
    finally:
        placing.cancel()


async def _killing(
    house: House, deaths: Sequence[Death], control: str, until: float
) -> tuple[list[Death], list[Death]]:
    waiting, happened, given_up = list(deaths), list[Death](), list[Death]()
    fruitless: Counter[str] = Counter()
    words = house.folder / "last-words"
    while waiting and time.monotonic() < until:
        chosen = _window(waiting)
        deadly = {point: max(1, death.passage >> fruitless[point]) for point, death in chosen.items()}
        worker = await house.start("worker", deaths=deadly, control=control)
        if await _killed(worker) and (point := _last_word(words, worker.pid)) in chosen:
            waiting.remove(chosen[point])
            happened.append(chosen[point])
            continue
        # None of them came by: they wait for another stage of the orders, behind all others, and not for ever.
        for point, death in chosen.items():
            fruitless[point] += 1
            waiting.remove(death)
            (waiting if fruitless[point] < TRIES else given_up).append(death)
    return happened, given_up + waiting


def _window(waiting: Sequence[Death]) -> dict[str, Death]:
    """The next points that are waited for, the first death of each."""
    chosen: dict[str, Death] = {}
    for death in waiting:
        if len(chosen) == WINDOW:
            break
        chosen.setdefault(death.point, death)
    return chosen


async def _killed(worker: Child) -> bool:
    """Whether it died at one of its points; where it lives too long it is killed somewhere else."""
    try:
        return await asyncio.wait_for(asyncio.shield(worker.ended), LIFE_S) == signal.SIGKILL
    except TimeoutError:
        await worker.end(signal.SIGKILL)
        return False


def _last_word(words: Path, pid: int) -> str:
    if not words.exists():
        return ""
    spoken = dict(line.split("\t", 1) for line in words.read_text("utf-8").splitlines())
    return spoken.get(str(pid), "")


async def keep_busy(people: People, at_once: int) -> None:
    """So many orders in flight, until cancelled; where orders get stuck new ones come, only more slowly."""
    last = time.monotonic()
    while True:
        number = len(people.open_orders())
        if number < at_once or (number < MOST_OPEN and time.monotonic() - last > STUCK_S):
            last = time.monotonic()
            with suppress(Exception):
                await people.place()
        await asyncio.sleep(0.05)


def contracts_of(house: House) -> Contracts:
    """What a reckoning must know of the chain."""
    keys = platform_keys(Path(house.settings["data_dir"]))
    relayer = LocalSigner(bytes.fromhex(keys.relayer[2:])).address
    assert house.book.test_euro is not None
    return Contracts(house.book.test_euro, house.book.factory, relayer)


async def settle(house: House, people: People, control: str = "") -> Reckoning:
    """A worker that nobody kills, until everything has come to rest; then the books are compared."""
    worker = await house.start("worker", control=control)
    await until_settled(people, PATIENCE_S if not control else PATIENCE_S / 3)
    await until_quiet(house)
    await worker.end()
    with books(house.database_url, house.chain_url) as (database, node):
        found = reckon(database, node, contracts_of(house), list(people.placed))
    found.unreconciled += await ask_doctor(house)
    return found


async def until_quiet(house: House, patience_s: float = 20.0) -> None:
    """Wait until every transaction has its outcome, or for so long."""
    database, until = witness(house), time.monotonic() + patience_s
    try:
        while time.monotonic() < until:
            if not database.one("SELECT count(*) FROM chain_transactions WHERE outcome IS NULL"):
                return
            await asyncio.sleep(0.1)
    finally:
        database.close()


@dataclass(frozen=True)
class Plan:
    """What is to be tried. `points` is "all" or a part of the names; `most` bounds the kills, 0 does not."""

    database: str
    seed: int
    points: str = "all"
    runs: int = 1
    control: str = ""
    most: int = 0
    longest_s: float = 3600.0


async def crash(plan: Plan, folder: Path) -> Outcome:
    """One campaign in a house of its own. Raises ValueError where no point has such a name."""
    begun, outcome = time.monotonic(), Outcome()
    async with open_house(folder, plan.database) as house, open_people(house, plan.seed) as people:
        seen = await reference(house, people)
        chosen = {name: times for name, times in seen.items() if plan.points == "all" or plan.points in name}
        if not chosen:
            known = "\n".join(sorted(seen))
            raise ValueError(f"no point has {plan.points!r} in its name; there are:\n{known}")
        # What a broken rule does shows best where a worker begins.
        deepest = 1 if plan.control else DEEPEST
        deaths = schedule(chosen, REFERENCE_ORDERS, plan.runs, plan.seed, most=plan.most, deepest=deepest)
        until = begun + plan.longest_s
        happened, missed = await kill_all(house, people, deaths, plan.control, until, AT_ONCE)
        if missed and not plan.control:
            # Some points are passed by a worker that has little to do, as the first one had.
            worker = await house.start("worker")
            await until_settled(people)
            await worker.end()
            late, missed = await kill_all(house, people, missed, plan.control, until, REFERENCE_ORDERS)
            happened += late
        outcome.names, outcome.kills = {death.point for death in happened}, len(happened)
        # What fewer orders passed than there were was an accident of the moment, and may not come again.
        outcome.unreached = [death.point for death in missed if seen[death.point] >= REFERENCE_ORDERS]
        outcome.missed = len(outcome.unreached)
        outcome.reckoning = await settle(house, people, plan.control)
    outcome.orders, outcome.seconds = len(people.placed), time.monotonic() - begun
    return outcome


@asynccontextmanager
async def open_people(house: House, seed: int) -> AsyncIterator[People]:
    """Everybody has joined and does what waits to be done."""
    database = witness(house)
    people = People(house.api_url, house.push_url, database, seed)
    try:
        await people.join()
        living = asyncio.create_task(people.live())
        try:
            yield people
        finally:
            living.cancel()
    finally:
        await people.close()
        database.close()
