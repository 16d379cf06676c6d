"""Whoever writes several orders takes them in one order, before anything of theirs: nobody waits for whom it keeps
waiting.

Each of two writers is stopped where it has written its first order, until the other has done so too. If that cannot be,
since one waits for the other, the first goes on after a while.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from marketplace.application import record_production as recording
from marketplace.application.context import Context
from marketplace.application.record_production import record_production
from marketplace.domain.evidence import EventCode, ShopFloorEvent
from marketplace.domain.order import Status
from marketplace.persistence.unit_of_work import SqlUnitOfWork
from marketplace.ports.fakes.clock import FakeClock
from marketplace.ports.plans import Hold
from tests.persistence.databases import opened
from tests.persistence.samples import NOW, agreement, batch, floor_event, gateway, job, placing, terms

pytestmark = pytest.mark.integration

ORDERS = ("ord_1", "ord_2")
MACHINES = tuple(gateway(f"gw_{number}", address=f"0x{number}" + "5" * 39) for number in (1, 2))
LONG_ENOUGH_S = 0.4
LESSON = {"version": 1, "promised": 1}


class Meeting:
    """Where two writers meet in the middle of their work."""

    def __init__(self) -> None:
        self._met = asyncio.Barrier(2)
        self._seen: set[asyncio.Task[Any] | None] = set()

    async def arrive(self) -> None:
        """Wait for the other one, the first time."""
        here = asyncio.current_task()
        if here not in self._seen:
            self._seen.add(here)
            with suppress(TimeoutError, asyncio.BrokenBarrierError):
                async with asyncio.timeout(LONG_ENOUGH_S):
                    await self._met.wait()


@pytest.fixture
async def uow(postgresql_url: str) -> AsyncIterator[SqlUnitOfWork]:
    """Two orders in production, with slots, and with a job on each of two machines."""
    async with opened(postgresql_url) as database:
        found = database.unit_of_work()
        async with found.write() as tx:
            for version, order_id in enumerate(ORDERS):
                decision = placing(order_id)
                running = replace(decision.order, status=Status.IN_PRODUCTION, delivery_id=f"agr_{order_id}")
                await tx.orders.save(running, decision.events, (), NOW)
                agreed = agreement(f"agr_{order_id}", order_id, terms=terms(milestones=()), milestone_states={})
                await tx.agreements.save(agreed)
                for machine in MACHINES:
                    ids = {"order_id": order_id, "agreement_id": agreed.id, "gateway": machine.id}
                    await tx.production.add_job(job(f"job_{order_id}_{machine.id}", **ids))
                slots = (("drill#1", 100 * version, 100 * version + 60, 60),)
                await tx.plans.hold("org_maker", Hold(order_id, slots), LESSON, seen=version)
        yield found


@pytest.fixture
def meeting(monkeypatch: pytest.MonkeyPatch) -> Meeting:
    """A production report stops after the first order that it has told."""
    found, tell = Meeting(), recording.tell_order

    async def told(*given: Any) -> None:
        await tell(*given)
        await found.arrive()

    monkeypatch.setattr(recording, "tell_order", told)
    return found


async def upload(uow: SqlUnitOfWork, number: int, order_ids: Sequence[str]) -> None:
    """A machine ends its job of each order, in this order."""
    machine = MACHINES[number]
    events = [_ended(machine.id, machine.address, seq, order_id) for seq, order_id in enumerate(order_ids, 1)]
    ctx = cast(Context, SimpleNamespace(uow=uow, clock=FakeClock()))
    await record_production(ctx, machine, events, [batch(1, len(events), gateway=machine.address)])


def _ended(gateway_id: str, address: str, seq: int, order_id: str) -> ShopFloorEvent:
    spec = job().spec_hash
    return floor_event(
        seq,
        gateway=address,
        agreement_id=f"agr_{order_id}",
        job_id=f"job_{order_id}_{gateway_id}",
        spec_hash=spec,
        code=int(EventCode.PRODUCTION_FINISHED),
        value={},
        body=json.dumps({"prev": spec}),
    )


async def is_made(uow: SqlUnitOfWork) -> None:
    """Both orders are, and their slots are free."""
    async with uow.read() as tx:
        made = [await tx.orders.get(order_id) for order_id in ORDERS]
        assert [order.status for order in made if order] == [Status.PRODUCED] * 2
        assert [hold.slots for hold in await tx.plans.changes("org_maker", 0)] == [()] * 2


async def test_two_machines_that_end_the_same_orders_do_not_wait_for_each_other(
    uow: SqlUnitOfWork, meeting: Meeting
) -> None:
    async with asyncio.timeout(20):
        await asyncio.gather(upload(uow, 0, ORDERS), upload(uow, 1, ORDERS[::-1]))
    await is_made(uow)


async def test_who_ends_one_order_and_who_ends_two_do_not_wait_for_each_other(
    uow: SqlUnitOfWork, meeting: Meeting
) -> None:
    """One has its order and wants the plan; the other has the plan, and must not want that order."""

    async def end_one() -> None:
        async with uow.write() as tx:
            await tx.orders.get("ord_2")
            await meeting.arrive()
            await tx.plans.release("ord_2")

    await upload(uow, 0, ORDERS)
    async with asyncio.timeout(20):
        await asyncio.gather(upload(uow, 1, ORDERS), end_one())
    await is_made(uow)


async def test_the_reader_of_the_chain_and_a_machine_do_not_wait_for_each_other(
    uow: SqlUnitOfWork, meeting: Meeting
) -> None:
    async def read_chain() -> None:
        """As the reader takes them: all orders, then each agreement as the events say."""
        async with uow.write() as tx:
            await tx.orders.hold({f"agr_{order_id}" for order_id in ORDERS})
            for order_id in ORDERS[::-1]:
                assert await tx.agreements.get(f"agr_{order_id}") is not None
                await meeting.arrive()
                assert await tx.orders.get(order_id) is not None

    await upload(uow, 0, ORDERS)
    async with asyncio.timeout(20):
        await asyncio.gather(upload(uow, 1, ORDERS), read_chain())
    await is_made(uow)
