"""Whole orders: all are placed at once, and everybody does their part until the last one is settled."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.order_flow.crowd import MOST_DEEDS, Crowd
from benchmarks.order_flow.node_rate import presigned_per_s
from benchmarks.order_flow.premises import Premises, Setup, open_premises
from tests.faults.books import Database

LOOK_S = 0.25
SILENT_S = 120.0
"""Nothing new for so long on a busy machine: it hangs."""
MILESTONES = {"confirmed": "QuoteConfirmed", "opened": "AgreementsOpened", "settled": "OrderSettled"}
FUNDED = "SELECT count(*) FROM chain_transactions WHERE key LIKE 'fund:%' AND outcome = 'mined'"
SENT = "SELECT count(*) FROM chain_transactions WHERE key NOT LIKE 'fund:%' AND outcome = 'mined'"


class Stuck(RuntimeError):
    """Nothing goes on; the text says where it stands."""


@dataclass(frozen=True)
class Whole:
    """One run. Rates count from the first order placed to the last one there; `cpu_ms_per_order` by process."""

    orders: int
    confirmed_per_s: float
    opened_per_s: float
    settled_per_s: float
    steady_per_s: float
    """Between the settlements of the first and the last quarter of the orders: without the way in and the way out."""
    funded_per_s: float
    order_transactions_per_s: float
    transactions_per_order: float
    presigned_per_s: float
    cpu_ms_per_order: dict[str, float]
    load_average: float

    @property
    def chain_ratio(self) -> float:
        """A burst of transactions through the product by what the node does with presigned ones."""
        return self.funded_per_s / self.presigned_per_s


async def measure(folder: Path, setup: Setup, *, orders: int, presigned: int, phones: bool) -> Whole:
    """Raises Stuck, RuntimeError."""
    async with open_premises(folder, setup) as premises:
        database = Database(premises.database_url)
        crowd = Crowd(premises.api_url, premises.push_url, database, seed=4, most_deeds=MOST_DEEDS)
        try:
            assert premises.book is not None
            assert premises.book.test_euro is not None
            node = await presigned_per_s(premises, premises.book.test_euro, presigned)
            await crowd.join()
            await crowd.welcome(orders, phones=phones)
            funded = await _funded(premises, setup, database, orders)
            return await _lived(premises, crowd, database, funded, node)
        finally:
            await crowd.close()
            database.close()


async def _funded(premises: Premises, setup: Setup, database: Database, number: int) -> float:
    """The workers start with a burst of mints to send; gives how many a second are sent and seen in a block."""
    premises.start_workers(setup.workers)
    await _until(lambda: database.one(FUNDED), number)
    begun = database.one("SELECT min(at) FROM chain_attempts")
    return number / (datetime.now(UTC).timestamp() - _seconds(begun))


async def _lived(premises: Premises, crowd: Crowd, database: Database, funded: float, node: float) -> Whole:
    cpu = premises.cpu_s()
    living = asyncio.create_task(crowd.live())
    load = os.getloadavg()[0]
    try:
        await crowd.order()
        await _until(lambda: _reached(database, "OrderSettled"), len(crowd.placed), lambda: _standing(crowd))
    finally:
        living.cancel()
        with suppress(asyncio.CancelledError):
            await living
    spent = {name: after - cpu.get(name, 0.0) for name, after in premises.cpu_s().items()}
    number = len(crowd.placed)
    begun = _seconds(database.one("SELECT min(at) FROM order_events WHERE name = 'OrderPlaced'"))
    times = {name: _times(database, event) for name, event in MILESTONES.items()}
    rates = {name: number / (reached[-1] - begun) for name, reached in times.items()}
    settled = times["settled"]
    first, last = len(settled) // 4, len(settled) - len(settled) // 4 - 1
    sent = database.one(SENT)
    return Whole(
        orders=number,
        confirmed_per_s=rates["confirmed"],
        opened_per_s=rates["opened"],
        settled_per_s=rates["settled"],
        steady_per_s=(last - first) / max(settled[last] - settled[first], 1e-9),
        funded_per_s=funded,
        order_transactions_per_s=sent / (settled[-1] - begun),
        transactions_per_order=sent / number,
        presigned_per_s=node,
        cpu_ms_per_order={name: seconds * 1000 / number for name, seconds in sorted(spent.items())},
        load_average=load,
    )


def _reached(database: Database, event: str) -> int:
    return int(database.one(f"SELECT count(*) FROM order_events WHERE name = '{event}'"))  # noqa: S608 - our own word


def _times(database: Database, event: str) -> list[float]:
    found = database.rows(f"SELECT at FROM order_events WHERE name = '{event}'")  # noqa: S608 - our own word
    return sorted(_seconds(row["at"]) for row in found)


def _seconds(at: Any) -> float:
    """An instant as each database gives it."""
    moment = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _standing(crowd: Crowd) -> str:
    found = crowd.status()
    statuses = {status: list(found.values()).count(status) for status in set(found.values())}
    return f"{statuses}; complaints: {crowd.complaints}"


async def _until(count: Callable[[], int], wanted: int, standing: Callable[[], str] = lambda: "") -> None:
    """Wait until `count` gives `wanted`. Raises Stuck when it stays the same for long."""
    loop = asyncio.get_running_loop()
    seen, since = -1, loop.time()
    while (found := count()) < wanted:
        if found != seen:
            seen, since = found, loop.time()
        elif loop.time() - since > SILENT_S:
            raise Stuck(f"{found} of {wanted} after {SILENT_S:.0f} s without any more: {standing()}")
        await asyncio.sleep(LOOK_S)
