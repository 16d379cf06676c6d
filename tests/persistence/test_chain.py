"""What is remembered of the chain: the cursor, the ring, events in their states, frozen orders."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from marketplace.persistence.unit_of_work import SqlUnitOfWork
from marketplace.ports.chain import ChainEvent
from marketplace.ports.chain_cursor import Freeze, Mark, ReadingState, RememberedEvent
from tests.persistence.samples import NOW, placing

STATE = ReadingState(Mark(8, "0x08"), Mark(5, "0x05"), 9, 1_900_000_000, "0x00", "stale")


def said(block: int, index: int = 0, name: str = "opened", *, branch: str = "a", agreement: str = "0xa1") -> ChainEvent:
    """An event of a block on some branch."""
    fields = {"milestone": block, "party": "payee"}
    return ChainEvent(block, f"0x{block:02}{branch}", index, "0xf0", agreement, name, fields)


def as_read(event: ChainEvent, *, applied: bool = False, orphaned: bool = False) -> RememberedEvent:
    place = event.block, event.block_hash, event.log_index, event.transaction
    return RememberedEvent(*place, event.agreement_id, event.name, event.fields, applied, orphaned)


@pytest.mark.req(80)
async def test_the_state_is_one_row(uow: SqlUnitOfWork) -> None:
    async with uow.read() as tx:
        assert await tx.cursor.get() == ReadingState()
    for state in (ReadingState(genesis="0x00"), STATE, replace(STATE, distrust=None)):
        async with uow.write() as tx:
            await tx.cursor.get()
            await tx.cursor.save(state)
        async with uow.write() as tx:
            assert await tx.cursor.get() == await tx.cursor.peek() == state


async def test_the_ring_keeps_the_last_blocks_and_below_it_those_that_spoke(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        await tx.cursor.add([said(2), said(2, 1), said(4)], applied=True)
        await tx.cursor.remember([Mark(3, "0x03"), Mark(4, "0x04a")], keep_from=0)
        await tx.cursor.remember([Mark(4, "0x04b"), Mark(6, "0x06a")], keep_from=4)
    async with uow.read() as tx:
        assert await tx.cursor.ring() == [Mark(6, "0x06a"), Mark(4, "0x04b"), Mark(2, "0x02a")]


async def test_events_are_due_in_chain_order_until_they_are_applied(uow: SqlUnitOfWork) -> None:
    first, second, third = said(3), said(4, 1), said(4, 2, "claimed")
    async with uow.write() as tx:
        await tx.cursor.add([third, second, first], applied=False)
        await tx.cursor.add([first], applied=True)  # known already: it stays as it is
        await tx.cursor.add([said(5)], applied=False)
        await tx.cursor.add([said(1)], applied=True)
        assert await tx.cursor.due(4) == [as_read(one) for one in (first, second, third)]
        assert [one.event for one in await tx.cursor.between(3, 4)] == [first, second, third]
        await tx.cursor.mark_applied([as_read(first), as_read(second)])
    async with uow.write() as tx:
        assert await tx.cursor.due(9) == [as_read(third), as_read(said(5))]
        await tx.cursor.drop([as_read(third)])
        await tx.cursor.mark_applied([])
        assert await tx.cursor.due(9) == [as_read(said(5))]


async def test_a_fork_forgets_what_had_no_effect_and_keeps_orphans_of_what_had(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        await tx.cursor.add([said(1), said(2)], applied=True)
        await tx.cursor.add([said(3)], applied=False)
        await tx.cursor.remember([Mark(1, "0x01a"), Mark(2, "0x02a"), Mark(3, "0x03a")], keep_from=0)
        assert await tx.cursor.forget_above(1) == [as_read(said(2), applied=True)]
        assert await tx.cursor.forget_above(1) == []
        await tx.cursor.add([said(2, branch="b")], applied=False)
    both = [as_read(said(2), applied=True, orphaned=True), as_read(said(2, branch="b"))]
    async with uow.write() as tx:
        assert await tx.cursor.ring() == [Mark(1, "0x01a")]
        assert await tx.cursor.of_agreements(["0xa1"]) == [as_read(said(1), applied=True), *both]
        assert await tx.cursor.of_agreements([]) == await tx.cursor.of_agreements(["0xa2"]) == []
        assert await tx.cursor.due(9) == both[1:]
        assert await tx.cursor.between(2, 2) == both[1:]
        await tx.cursor.back_again([said(2), said(7)])
        assert (await tx.cursor.of_agreements(["0xa1"]))[1] == as_read(said(2), applied=True)


async def test_an_event_says_the_same_wherever_it_stands() -> None:
    event = as_read(said(3))
    assert event.says_the_same(replace(event, block=9, block_hash="0x", log_index=4, transaction="0x", applied=True))
    others: Sequence[RememberedEvent] = [
        replace(event, name="closed"),
        replace(event, agreement_id="0xa2"),
        replace(event, fields={**event.fields, "milestone": 4}),
    ]
    assert not any(event.says_the_same(other) for other in others)


async def test_an_order_is_frozen_once_and_can_be_frozen_again(uow: SqlUnitOfWork) -> None:
    freeze = Freeze("ord_1", 4, "a fork", NOW)
    decision = placing()
    async with uow.write() as tx:
        await tx.orders.save(decision.order, decision.events, decision.effects, NOW)
        assert await tx.freezes.freeze(freeze)
        assert not await tx.freezes.freeze(replace(freeze, block=5))
    async with uow.write() as tx:
        assert await tx.freezes.open() == [freeze]
        assert await tx.freezes.thaw("ord_1", NOW + timedelta(seconds=1))
        assert not await tx.freezes.thaw("ord_1", NOW)
        assert await tx.freezes.open() == []
        assert await tx.freezes.freeze(replace(freeze, block=6))
    async with uow.read() as tx:
        assert await tx.freezes.open() == [replace(freeze, block=6)]
