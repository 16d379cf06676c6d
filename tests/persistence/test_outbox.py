"""The outbox: claimed under a lease, returned when the lease runs out, done once, parked with a reason."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from marketplace.domain.effects import Effect
from marketplace.persistence.database import Database
from marketplace.persistence.unit_of_work import SqlUnitOfWork
from marketplace.ports.unit_of_work import StoredEffect
from tests.persistence.samples import NOW, effect

LEASE_S = 30.0


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


async def add(uow: SqlUnitOfWork, *effects: Effect) -> None:
    async with uow.write() as tx:
        await tx.outbox.add("ord_1", effects, NOW)


async def claim(uow: SqlUnitOfWork, seconds: float = 0, limit: int = 10) -> Sequence[StoredEffect]:
    async with uow.write() as tx:
        return await tx.outbox.claim(at(seconds), LEASE_S, limit)


def keys(claimed: Sequence[StoredEffect]) -> list[str]:
    return [stored.effect.key for stored in claimed]


@pytest.mark.req(54)
async def test_effects_come_back_equal_when_they_are_due(uow: SqlUnitOfWork) -> None:
    now, soon, later = effect("now"), effect("soon", due_in_s=5), effect("later", due_in_s=60)
    await add(uow, later, soon, now)
    claimed = await claim(uow)
    assert [(stored.order_id, stored.effect, stored.attempts) for stored in claimed] == [("ord_1", now, 1)]
    assert [stored.effect for stored in await claim(uow, 5)] == [soon]
    async with uow.read() as tx:
        assert await tx.outbox.next_due() == at(LEASE_S)


async def test_the_oldest_are_claimed_first_and_no_more_than_asked(uow: SqlUnitOfWork) -> None:
    await add(uow, *(effect(f"k{number}", due_in_s=-number) for number in range(5)))
    assert keys(await claim(uow, limit=2)) == ["k4", "k3"]
    assert keys(await claim(uow)) == ["k2", "k1", "k0"]
    assert await claim(uow) == []


@pytest.mark.req(54)
async def test_the_same_effect_is_stored_once(uow: SqlUnitOfWork) -> None:
    await add(uow, effect(), effect())
    await add(uow, effect(due_in_s=99))
    (stored,) = await claim(uow)
    async with uow.write() as tx:
        await tx.outbox.done(stored.id, NOW)
    await add(uow, effect())
    assert await claim(uow, 1_000) == []
    async with uow.write() as tx:
        await tx.outbox.add("ord_2", [effect()], NOW)
    assert [other.order_id for other in await claim(uow)] == ["ord_2"]


@pytest.mark.req(168)
async def test_a_lease_that_ran_out_gives_the_effect_to_the_next(uow: SqlUnitOfWork) -> None:
    await add(uow, effect())
    (first,) = await claim(uow)
    assert await claim(uow, LEASE_S - 1) == []
    (second,) = await claim(uow, LEASE_S)
    assert (first.id, first.attempts, second.id, second.attempts) == (second.id, 1, first.id, 2)


async def test_done_is_done_whatever_a_late_relay_says(uow: SqlUnitOfWork) -> None:
    await add(uow, effect())
    (stored,) = await claim(uow)
    async with uow.write() as tx:
        await tx.outbox.done(stored.id, NOW)
        await tx.outbox.retry(stored.id, NOW, "I am late")
        await tx.outbox.park(stored.id, "I am late", NOW)
        await tx.outbox.done(stored.id, NOW)
        assert await tx.outbox.next_due() is None
    assert await claim(uow, 1_000) == []


async def test_a_retry_waits_for_its_time(uow: SqlUnitOfWork) -> None:
    await add(uow, effect())
    (stored,) = await claim(uow)
    async with uow.write() as tx:
        await tx.outbox.retry(stored.id, at(5), "node unavailable")
        assert await tx.outbox.next_due() == at(5)
    assert await claim(uow, 4) == []
    (again,) = await claim(uow, 5)
    assert again.attempts == 2


async def test_an_operator_sees_why_an_effect_is_parked_and_releases_it(db: Database, uow: SqlUnitOfWork) -> None:
    await add(uow, effect())
    (stored,) = await claim(uow)
    async with uow.write() as tx:
        await tx.outbox.park(stored.id, "the contract refuses: NotOpen", at(1))
    assert await claim(uow, 1_000) == []
    parked = db.parked_effects()
    (seen,) = await parked.list(10)
    assert (seen.id, seen.key, seen.attempts, seen.reason) == (stored.id, "find:1", 1, "the contract refuses: NotOpen")
    assert (seen.order_id, seen.kind, seen.finished_at) == ("ord_1", "find_suppliers", at(1))
    assert await parked.release(stored.id, at(2))
    assert not await parked.release(stored.id, at(2))
    assert await parked.list(10) == []
    (again,) = await claim(uow, 2)
    assert (again.id, again.attempts) == (stored.id, 1)


async def test_a_claim_that_rolls_back_is_no_claim(uow: SqlUnitOfWork) -> None:
    await add(uow, effect())
    with pytest.raises(ZeroDivisionError):
        async with uow.write() as tx:
            _ = 1 // (len(await tx.outbox.claim(NOW, LEASE_S, 10)) - 1)
    (stored,) = await claim(uow)
    assert stored.attempts == 1
