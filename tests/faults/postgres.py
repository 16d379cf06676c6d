"""The database's server is killed, again and again, while people order: what was acknowledged must be there."""

import asyncio
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bootstrap.demo.actors import Actor, Refused
from tests.faults.cluster import Cluster, open_cluster
from tests.faults.crash import Outcome, open_people, settle
from tests.faults.house import House, open_house, witness
from tests.faults.pairs import working
from tests.faults.people import People

CUSTOMERS = 8
BETWEEN_S = 4.0
BACK_WITHIN_S = 60.0
FORGETFUL = ("synchronous_commit=off", "wal_writer_delay=10s", "wal_writer_flush_after=0")
"""The negative control: a server that says "committed" before it has written it down."""


@dataclass
class Load:
    """What customers were told. `answers` counts statuses; `last` is when an order was acknowledged last."""

    acknowledged: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    last: float = 0.0

    async def order(self, people: People, customer: Actor) -> None:
        """Order after order, until cancelled."""
        while True:
            try:
                self.acknowledged.append(await people.order(customer))
                self.answers["201"] += 1
                self.last = time.monotonic()
            except Refused as refused:
                self.answers[str(refused).split(": ", 1)[1][:3]] += 1
                await asyncio.sleep(0.1)
            except httpx.HTTPError as failure:
                self.answers[type(failure).__name__] += 1
                await asyncio.sleep(0.1)


@dataclass(frozen=True)
class Plan:
    """So many kills."""

    kills: int
    seed: int
    control: bool = False


async def postgres(plan: Plan, folder: Path) -> tuple[Outcome, dict[str, Any]]:
    """The campaign, and what else there is to tell. Raises NoServer."""
    begun, outcome, load = time.monotonic(), Outcome(), Load()
    with open_cluster(*(FORGETFUL if plan.control else ())) as cluster:
        async with (
            open_house(folder, "postgres", server=cluster.server) as house,
            open_people(house, plan.seed) as people,
        ):
            customers = [await people.customer() for _ in range(CUSTOMERS)]
            for customer in customers:
                people.placed[await people.order(customer)] = customer
            async with working(house, ""):
                ordering = [asyncio.create_task(load.order(people, customer)) for customer in customers]
                outages = [await _kill(cluster, load) for _ in range(plan.kills)]
                await asyncio.sleep(BETWEEN_S)
                for task in ordering:
                    task.cancel()
                await asyncio.gather(*ordering, return_exceptions=True)
            outcome.reckoning = await settle(house, people)
            outcome.reckoning.lost += _gone(house, load)
    outcome.kills, outcome.orders, outcome.seconds = plan.kills, len(load.acknowledged), time.monotonic() - begun
    outcome.names = {"postgres"}
    outcome.missed = sum(number for status, number in load.answers.items() if status.startswith("500"))
    more = {"acknowledged": len(load.acknowledged), "outage_s": outages, "answers": dict(load.answers)}
    return outcome, more


async def _kill(cluster: Cluster, load: Load) -> float:
    """One kill; gives how long no order could be placed (seconds)."""
    await asyncio.sleep(BETWEEN_S)
    at = time.monotonic()
    await asyncio.to_thread(cluster.kill)
    await asyncio.to_thread(cluster.start)
    until = at + BACK_WITHIN_S
    while time.monotonic() < until:
        if load.last > at + 0.5:
            break
        await asyncio.sleep(0.02)
    return round(time.monotonic() - at, 2)


def _gone(house: House, load: Load) -> list[str]:
    database = witness(house)
    try:
        known = {row["id"] for row in database.rows("SELECT id FROM orders")}
    finally:
        with suppress(Exception):
            database.close()
    return [f"order {one} was acknowledged and is gone" for one in load.acknowledged if one not in known]
