"""Slots are held by compare-and-swap: whoever has not seen the latest plan is told, also in another process."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from marketplace.domain.errors import Conflict
from marketplace.persistence.unit_of_work import SqlUnitOfWork
from marketplace.ports.plans import Hold, Learned, PlanState
from tests.persistence.databases import opened
from tests.persistence.test_orders import place

LESSON: dict[str, Any] = {"version": 1, "promised": 100, "plan": {}, "job": {}}
SLOT = ("drill#1", 1_000, 1_060, 60)


async def held(uow: SqlUnitOfWork, order_id: str, seen: int, expires: int | None = 500) -> None:
    async with uow.write() as tx:
        await tx.plans.hold("org", Hold(order_id, (SLOT,), expires), LESSON, seen=seen)


async def known(uow: SqlUnitOfWork, after: int = 0) -> tuple[PlanState, list[Hold]]:
    async with uow.read() as tx:
        return await tx.plans.state("org"), list(await tx.plans.changes("org", after))


async def test_a_hold_is_kept_confirmed_and_released_and_each_raises_the_version(uow: SqlUnitOfWork) -> None:
    assert await known(uow) == (PlanState(), [])
    for number in (1, 2):
        await place(uow, f"ord_{number}")
        await held(uow, f"ord_{number}", number - 1)
    assert await known(uow, 1) == (PlanState(2), [Hold("ord_2", (SLOT,), 500)])
    async with uow.write() as tx:
        assert await tx.plans.confirm("ord_1", 499)
    assert await known(uow, 2) == (PlanState(3), [Hold("ord_1", (SLOT,))])
    async with uow.write() as tx:
        assert await tx.plans.confirm("ord_1", 10**6)  # told again, long after
        assert not await tx.plans.confirm("ord_2", 500)  # too late: it is given back
        assert not await tx.plans.confirm("ord_2", 400)
        assert not await tx.plans.confirm("nobody", 0)
    assert await known(uow, 3) == (PlanState(4), [Hold("ord_2", ())])
    async with uow.write() as tx:
        for _ in range(2):
            await tx.plans.release("ord_1")
        await tx.plans.release("nobody")
    assert await known(uow) == (PlanState(5), [Hold("ord_2", ()), Hold("ord_1", ())])
    await held(uow, "ord_1", 5, None)  # matched again
    assert await known(uow, 5) == (PlanState(6), [Hold("ord_1", (SLOT,))])


async def test_who_has_not_seen_the_latest_plan_holds_nothing(uow: SqlUnitOfWork) -> None:
    for number in (1, 2):
        await place(uow, f"ord_{number}")
    await held(uow, "ord_1", 0)
    for seen in (0, 2, 7):
        with pytest.raises(Conflict, match=f"since version {seen}"):
            await held(uow, "ord_2", seen)
    assert await known(uow) == (PlanState(1), [Hold("ord_1", (SLOT,), 500)])


async def test_a_delivery_teaches_once(uow: SqlUnitOfWork) -> None:
    await place(uow)
    await held(uow, "ord_1", 0)
    async with uow.write() as tx:
        await tx.plans.learn("ord_1", 100, 60)  # nothing takes no time
        await tx.plans.learn("ord_1", 900, None)  # nobody knows how long its work took
        await tx.plans.learn("nobody", 900, 60)
        await tx.plans.release("ord_1")
        for worked in (61, 99):
            await tx.plans.learn("ord_1", 900, worked)
    async with uow.read() as tx:
        assert await tx.plans.learned("org", 10) == [Learned(LESSON, 61, 800)]
        assert await tx.plans.learned("other", 10) == []
        assert (await tx.plans.state("org")).lessons == 1


async def race(url: str, name: str) -> int:
    """What another process does, with connections of its own: look, then hold what was free; how often it could."""
    won = 0
    async with opened(url) as database:
        uow = database.unit_of_work()
        for number in range(10):
            async with uow.read() as tx:
                seen = (await tx.plans.state("org")).version
            slot = ("drill#1", seen * 100, seen * 100 + 60, 60)
            with suppress(Conflict):
                async with uow.write() as tx:
                    await tx.plans.hold("org", Hold(f"ord_{name}{number}", (slot,)), LESSON, seen=seen)
                won += 1
    return won


async def test_two_that_race_never_hold_the_same_slot(uow: SqlUnitOfWork, url: str) -> None:
    for name in "ab":
        for number in range(10):
            await place(uow, f"ord_{name}{number}")
    won = await asyncio.gather(race(url, "a"), race(url, "b"))
    state, holds = await known(uow)
    starts = [slot[1] for hold in holds for slot in hold.slots]
    assert len(starts) == len(set(starts)) == sum(won) == state.version
    assert 10 <= sum(won) <= 20
