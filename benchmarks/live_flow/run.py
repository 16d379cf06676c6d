"""Orders whose parts are being made, everybody's phones, events one after the other; then the API goes away twice."""

import asyncio
import math
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.live_flow.floor import Floor, equip
from benchmarks.live_flow.page import OrderPage, open_page, why_none
from benchmarks.live_flow.phones import Heard, Phone, Phones, ringing
from benchmarks.order_flow.crowd import MOST_DEEDS, Crowd
from benchmarks.order_flow.premises import Premises, Setup, open_premises
from bootstrap.demo.actors import AMP
from bootstrap.demo.beside import beside
from shopfloor.protocols.isa95 import JobOrder
from tests.faults.books import Database
from tests.faults.people import Deed

CLIENTS: Final = 2
"""Processes that hold the phones."""
ALONE_S: Final = 0.8
"""Between the events that one phone hears alone: each has been heard before the next one."""
PACE_S: Final = 0.15
TO_PAGE: Final = 4
"""Each fourth event is of the order whose page is open."""
LONGEST_TO_HEAR_S: Final = 60.0
LONGEST_TO_OPEN_S: Final = 900.0
ENDINGS: Final = (signal.SIGTERM, signal.SIGKILL)
"""How the API is ended: told to, and not asked."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Event:
    """What a machine did: `mark` is in the entry that shows it. Instants are those of the monotonic clock."""

    mark: str
    order: str
    seq: int
    recorded_at: float


@dataclass
class Run:
    """One run; latencies in seconds. `sent` is from the upload's first byte, `recorded` from the gateway's own record.

    `lost` and `twice` count what phones did not hear, or heard again, while the API was ended `restarts` times.
    """

    phones: int
    orders: int
    events: int = 0
    sent: list[float] = field(default_factory=list)
    recorded: list[float] = field(default_factory=list)
    upload: list[float] = field(default_factory=list)
    alone_sent: list[float] = field(default_factory=list)
    alone_recorded: list[float] = field(default_factory=list)
    page_sent: list[float] = field(default_factory=list)
    no_page: str | None = None
    restarts: int = 0
    events_around_restarts: int = 0
    lost: int = 0
    twice: int = 0
    load_average: float = 0.0


class Waiting(Crowd):
    """A crowd whose orders stay where the suppliers make their parts; one supplier's machine is ours to move."""

    floor: Floor

    async def settle_in(self, api_url: str, folder: Path) -> None:
        """The organisations join; the supplier's gateway is there before any terms name it."""
        for actor in self._staff.values():
            await actor.join()
            self._organisations[actor.account["organisation"]["id"]] = actor
        self.floor = await equip(self._staff[AMP.name], os.urandom(32), api_url, folder)

    def _of_machines(self) -> Iterable[Deed]:
        return ()


@asynccontextmanager
async def making(folder: Path, setup: Setup, orders: int) -> AsyncIterator[tuple[Premises, Waiting]]:
    """A marketplace with so many orders whose money is secured, and a gateway at work."""
    async with open_premises(folder, setup) as premises:
        database = Database(premises.database_url)
        crowd = Waiting(premises.api_url, premises.push_url, database, seed=4, most_deeds=MOST_DEEDS)
        try:
            await crowd.settle_in(premises.api_url, folder)
            await crowd.welcome(orders, phones=False)
            premises.start_workers(setup.workers)
            async with crowd.floor.at_work():
                yield premises, crowd
        finally:
            await crowd.close()
            database.close()


async def measure(folder: Path, setup: Setup, *, phones: int, orders: int, events: int, alone: int, say: Say) -> Run:
    """Raises TimeoutError where orders do not open, or phones do not connect."""
    async with making(folder, setup, orders) as (premises, crowd):
        async with beside(crowd.live()):
            await crowd.order()
            async with asyncio.timeout(LONGEST_TO_OPEN_S):
                jobs = await crowd.floor.jobs(orders)
        say(f"{len(jobs)} orders are being made")
        for job in jobs:
            await crowd.floor.begin(job)
        floor = _Floor(crowd, jobs)
        await floor.quiet()
        run = Run(phones, orders, load_average=os.getloadavg()[0])
        await _alone(premises, floor, run, alone)
        await _together(premises, floor, run, events, say)
    return run


@dataclass
class _Floor:
    """What happens on the floor, remembered."""

    crowd: Waiting
    jobs: Sequence[JobOrder]
    events: list[Event] = field(default_factory=list)

    async def happen(self, number: int, every_s: float, job_of: Callable[[int], JobOrder]) -> list[Event]:
        """So many steps, evenly."""
        loop, done = asyncio.get_running_loop(), []
        begun = loop.time()
        for index in range(number):
            await asyncio.sleep(max(begun + index * every_s - loop.time(), 0))
            job, mark, at = job_of(index), f"s{len(self.events) + 1}", time.monotonic()
            seq = await self.crowd.floor.step(job, mark)
            done.append(Event(mark, job.order_id, seq, at))
            self.events.append(done[-1])
        return done

    async def quiet(self) -> None:
        """Wait until what was recorded so far has reached the platform. Raises TimeoutError."""
        ours = self.crowd.floor
        async with asyncio.timeout(LONGEST_TO_HEAR_S):
            while ours.last not in ours.backend.answered_at:  # noqa: ASYNC110 - the uplink tells nobody
                await asyncio.sleep(0.05)

    def phone(self, number: int, order: str, after: int) -> Phone:
        """A phone of the order's customer."""
        return Phone(number, order, self.crowd.placed[order].token, after)

    async def last_item(self, order: str) -> int:
        """The newest item of an order's timeline."""
        items = (await self.crowd.placed[order].call("GET", f"/v1/orders/{order}/timeline"))["items"]
        return int(items[-1]["id"])


async def _alone(premises: Premises, floor: _Floor, run: Run, number: int) -> None:
    """One phone, one event at a time."""
    job = floor.jobs[0]
    phone = floor.phone(0, job.order_id, await floor.last_item(job.order_id))
    async with ringing(premises.api_url, [phone], 1) as phones:
        happened = await floor.happen(number, ALONE_S, lambda _: job)
        await _heard(phones, happened, [phone])
    run.alone_sent, run.alone_recorded = _latencies(floor, happened, phones.heard)


async def _together(premises: Premises, floor: _Floor, run: Run, number: int, say: Say) -> None:
    """All phones; the last of them is the page, where there can be one."""
    run.no_page = why_none()
    wanted = run.phones - (run.no_page is None)
    orders = [job.order_id for job in floor.jobs]
    last = {order: await floor.last_item(order) for order in orders}
    phones = [floor.phone(index, order, last[order]) for index, order in _dealt(orders, wanted)]
    async with ringing(premises.api_url, phones, CLIENTS) as held:
        if run.no_page is not None:
            await _load(premises, floor, run, held, phones, number, None)
        else:
            customer = floor.crowd.placed[orders[0]]
            async with open_page(premises.api_url, customer.role.email, customer.password, orders[0]) as page:
                await _load(premises, floor, run, held, phones, number, page)
        say(f"{len(phones)} phones have heard {run.events} events; now the API goes away")
        await _restarts(premises, floor, run, held, phones)


def _dealt(orders: Sequence[str], phones: int) -> Iterable[tuple[int, str]]:
    """Phone and order, in turn."""
    return ((index, orders[index % len(orders)]) for index in range(phones))


async def _load(
    premises: Premises,
    floor: _Floor,
    run: Run,
    held: Phones,
    phones: Sequence[Phone],
    number: int,
    page: OrderPage | None,
) -> None:
    jobs = floor.jobs
    happened = await floor.happen(
        number, PACE_S, lambda index: jobs[0] if index % TO_PAGE == 0 else jobs[index % len(jobs)]
    )
    await _heard(held, happened, phones)
    run.events = len(happened)
    run.sent, run.recorded = _latencies(floor, happened, held.heard)
    backend = floor.crowd.floor.backend
    run.upload = [backend.answered_at[event.seq] - backend.sent_at[event.seq] for event in happened]
    if page is not None:
        mine = [event for event in happened if event.order == jobs[0].order_id]
        shown = await _painted(page, {event.mark for event in mine})
        run.page_sent = [shown[event.mark] - backend.sent_at[event.seq] for event in mine if event.mark in shown]


async def _painted(page: OrderPage, marks: set[str]) -> dict[str, float]:
    until = time.monotonic() + LONGEST_TO_HEAR_S
    while not marks <= (shown := await page.shown()).keys() and time.monotonic() < until:  # noqa: ASYNC110 - a page
        await asyncio.sleep(0.1)
    return shown


async def _restarts(premises: Premises, floor: _Floor, run: Run, held: Phones, phones: Sequence[Phone]) -> None:
    """Events go on while the API is ended and started again; every phone comes back by itself."""
    child = premises.supervisor.children["api"]
    around: list[Event] = []
    for times, ending in enumerate(ENDINGS, start=2):
        steps = asyncio.create_task(
            floor.happen(4 * len(floor.jobs), PACE_S, lambda at: floor.jobs[at % len(floor.jobs)])
        )
        await asyncio.sleep(len(floor.jobs) * PACE_S)
        assert child.process is not None
        child.process.send_signal(ending)
        await asyncio.to_thread(child.process.wait, 30)
        child.start()
        await premises.supervisor.ready("api", f"{premises.api_url}/livez")
        around += await steps
        await held.all_open(len(phones), times)
    missing = await _heard(held, around, phones, patient=True)
    run.restarts, run.events_around_restarts, run.lost = len(ENDINGS), len(around), missing
    marks = {event.mark for event in around}
    heard = [(item.phone, item.id) for item in held.heard if mark_of(item.title) in marks]
    run.twice = len(heard) - len(set(heard))


async def _heard(held: Phones, events: Sequence[Event], phones: Sequence[Phone], *, patient: bool = False) -> int:
    """Wait until every phone has heard the events of its order; gives how many are missing after a long time.

    Raises TimeoutError instead, unless `patient`.
    """
    wanted = {(phone.phone, event.mark) for phone in phones for event in events if event.order == phone.order}
    until = time.monotonic() + LONGEST_TO_HEAR_S
    while missing := wanted - {(item.phone, mark_of(item.title)) for item in held.heard}:
        if time.monotonic() > until:
            if patient:
                return len(missing)
            raise TimeoutError(f"{len(missing)} of {len(wanted)} entries were not heard")
        await asyncio.sleep(0.1)
    return 0


def mark_of(title: str) -> str:
    """The mark in an entry's title, `Bases: s17`."""
    return title.rpartition(": ")[2]


def _latencies(floor: _Floor, events: Sequence[Event], heard: Sequence[Heard]) -> tuple[list[float], list[float]]:
    """Seconds to each phone: from sending, and from recording."""
    by_mark, sent_at = {event.mark: event for event in events}, floor.crowd.floor.backend.sent_at
    pairs = [(by_mark[mark], item.at) for item in heard if (mark := mark_of(item.title)) in by_mark]
    return [at - sent_at[event.seq] for event, at in pairs], [at - event.recorded_at for event, at in pairs]


def percentile_ms(values_s: Sequence[float], percent: float) -> float:
    """The latency in milliseconds that so many of a hundred stay under. Raises ValueError where there is none."""
    if not values_s:
        raise ValueError("nothing was heard")
    ordered = sorted(values_s)
    return ordered[math.ceil(len(ordered) * percent / 100) - 1] * 1000
