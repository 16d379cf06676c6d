"""The outbox: claimed under a lease, returned when the lease runs out, done once, parked with a reason."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, select, update

from marketplace.domain.effects import Effect, EffectKind
from marketplace.persistence.tables import outbox
from marketplace.persistence.unit_of_work import SqlUnitOfWork
from marketplace.ports.outbox import SUSPECT_AFTER, SUSPECTS_WAIT
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
        await tx.outbox.done(stored.id, stored.lease, NOW)
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


@pytest.mark.req(168)
@pytest.mark.parametrize("late", ["done", "retry", "wait", "park"])
async def test_a_relay_that_slept_through_its_lease_changes_nothing(uow: SqlUnitOfWork, late: str) -> None:
    await add(uow, effect())
    (slept,) = await claim(uow)
    (awake,) = await claim(uow, LEASE_S)
    assert (slept.lease, awake.lease) == (1, 2)
    before = await everything(uow)
    assert not await say(uow, late, slept)
    assert await everything(uow) == before
    async with uow.write() as tx:
        assert not await tx.outbox.holds(slept.id, slept.lease)
        assert await tx.outbox.holds(awake.id, awake.lease)
    assert await say(uow, "done", awake)


async def test_without_the_number_of_the_claim_it_would(uow: SqlUnitOfWork, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the effect that another relay is at is set aside by the one that slept."""
    anybodys = update(outbox).where(outbox.c.id == bindparam("effect"), bindparam("claim") > 0)
    monkeypatch.setattr("marketplace.persistence.outbox._NOTED", anybodys)
    await add(uow, effect())
    (slept,) = await claim(uow)
    (awake,) = await claim(uow, LEASE_S)
    assert await say(uow, "park", slept)
    assert await claim(uow, 1_000) == []
    assert awake.lease == 2


@pytest.mark.parametrize("late", ["done", "retry", "wait", "park"])
async def test_done_is_done_whatever_is_said_later(uow: SqlUnitOfWork, late: str) -> None:
    await add(uow, effect())
    (stored,) = await claim(uow)
    assert await say(uow, "done", stored)
    assert not await say(uow, late, stored)
    async with uow.read() as tx:
        assert await tx.outbox.next_due() is None
    assert await claim(uow, 1_000) == []


async def say(uow: SqlUnitOfWork, what: str, stored: StoredEffect) -> bool:
    """A word on a claim."""
    words: dict[str, tuple[Any, ...]] = {
        "done": (at(1),),
        "retry": (at(99), "a word"),
        "wait": (at(99), "a word"),
        "park": ("a word", at(1)),
    }
    async with uow.write() as tx:
        said: bool = await getattr(tx.outbox, what)(stored.id, stored.lease, *words[what])
        return said


async def everything(uow: SqlUnitOfWork) -> list[Any]:
    async with uow._engines.read.begin() as connection:
        return list(await connection.execute(select(outbox)))


async def test_a_retry_waits_for_its_time_and_counts(uow: SqlUnitOfWork) -> None:
    await add(uow, effect())
    (stored,) = await claim(uow)
    async with uow.write() as tx:
        assert await tx.outbox.retry(stored.id, stored.lease, at(5), "node unavailable")
        assert await tx.outbox.next_due() == at(5)
    assert await claim(uow, 4) == []
    (again,) = await claim(uow, 5)
    assert (again.attempts, again.lease, again.reason) == (2, 2, "node unavailable")


async def test_an_effect_that_was_not_tried_counts_no_attempt(uow: SqlUnitOfWork) -> None:
    await add(uow, effect())
    (stored,) = await claim(uow)
    async with uow.write() as tx:
        assert await tx.outbox.wait(stored.id, stored.lease, at(5), "not yet")
    (again,) = await claim(uow, 5)
    assert (again.attempts, again.lease) == (1, 2)


async def test_of_a_busy_order_only_what_may_be_done_alongside_is_claimed(uow: SqlUnitOfWork) -> None:
    push = Effect(EffectKind.PUSH, "push:1", "msg_1", "dev_1")
    await add(uow, effect(), push)
    async with uow.write() as tx:
        await tx.outbox.add("ord_2", [effect()], NOW)
        claimed = await tx.outbox.claim(NOW, LEASE_S, 10, {"ord_1"})
    assert [(stored.order_id, stored.effect.kind) for stored in claimed] == [
        ("ord_1", EffectKind.PUSH),
        ("ord_2", EffectKind.FIND_SUPPLIERS),
    ]


async def test_what_was_never_heard_of_again_is_done_alone_or_much_later(uow: SqlUnitOfWork) -> None:
    await add(uow, effect("killer"))
    for number in range(SUSPECT_AFTER):
        assert len(await claim(uow, number * LEASE_S)) == 1
    again = SUSPECT_AFTER * LEASE_S
    await add(uow, effect("other"))
    assert keys(await claim(uow, again)) == ["other"]
    async with uow.write() as tx:
        (alone,) = await tx.outbox.claim(at(again), LEASE_S, 1, suspects=True)
        assert await tx.outbox.claim(at(again), LEASE_S, 1, suspects=True) == []
    assert (alone.effect.key, alone.attempts) == ("killer", SUSPECT_AFTER + 1)
    much_later = again + LEASE_S + SUSPECTS_WAIT.total_seconds()
    assert keys(await claim(uow, much_later - 1)) == ["other"]
    assert keys(await claim(uow, much_later)) == ["killer"]


async def test_a_claim_that_rolls_back_is_no_claim(uow: SqlUnitOfWork) -> None:
    await add(uow, effect())
    with pytest.raises(ZeroDivisionError):
        async with uow.write() as tx:
            _ = 1 // (len(await tx.outbox.claim(NOW, LEASE_S, 10)) - 1)
    (stored,) = await claim(uow)
    assert stored.attempts == 1
