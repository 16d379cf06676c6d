"""A chain that forks: what is not final goes without a trace, and a broken promise freezes who trusted it."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from marketplace.application import chain_sync
from marketplace.application.chain_reading import BranchChanged
from marketplace.application.chain_sync import sync_chain
from marketplace.application.relay import relay_due
from marketplace.application.thaw_order import thaw_order
from marketplace.application.view_orders import order
from marketplace.domain.errors import Conflict, InvalidTransition
from marketplace.domain.order import Status
from marketplace.ports.chain import ChainEvent
from marketplace.ports.chain_cursor import Mark
from tests.application.forked import DEPTH, alarms, applied, confirmed, effects, frozen, mine, state
from tests.application.world import World


async def test_an_event_counts_once_its_block_is_deep_enough(deep: World, sent: str) -> None:
    await sync_chain(deep.ctx)
    for _ in range(DEPTH):
        assert await deep.status(sent) is Status.CONFIRMED
        assert await applied(deep) == []
        await mine(deep)
    assert await deep.status(sent) is Status.CONTRACTED
    known, head = await state(deep), deep.chain.node.head
    assert known.read == Mark(head.number, head.hash)
    assert known.final == Mark(head.number - DEPTH, deep.chain.node.blocks[-1 - DEPTH].hash)
    assert (known.head_number, known.head_at) == (head.number, head.timestamp)


async def test_people_see_how_deep_it_is(deep: World, sent: str) -> None:
    async def shown(name: str) -> tuple[str | None, tuple[int, int] | None]:
        view = await order(deep.ctx, deep[name], sent)
        return view.waiting_for, view.confirming and (view.confirming.blocks, view.confirming.of)

    before = await shown("customer")
    assert before[1] is None
    await sync_chain(deep.ctx)
    for blocks in range(DEPTH):
        words = f"The chain has it: {blocks} of {DEPTH} blocks."
        assert await shown("customer") == await shown("maker") == (words, (blocks, DEPTH))
        assert await shown("amp") == (None, (blocks, DEPTH))
        await mine(deep)
    assert (await shown("customer"))[1] is None
    deep.chain.node.reorganise(2)
    await sync_chain(deep.ctx)
    assert (await shown("customer"))[1] is None


@pytest.mark.parametrize("length", [0, 1, DEPTH, DEPTH + 3])
async def test_a_shallow_fork_leaves_no_trace(
    deep: World, sent: str, length: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Blocks go, others come in their place or none do; the transaction is sent again and counts once."""
    await mine(deep, DEPTH - 1)
    deep.chain.node.reorganise(DEPTH, length)
    await sync_chain(deep.ctx)
    assert await deep.rows("SELECT 1 FROM chain_events") == []
    assert await deep.status(sent) is Status.CONFIRMED
    await deep.chain.reconcile()
    await mine(deep, DEPTH)
    assert await deep.status(sent) is Status.CONTRACTED
    assert await deep.rows("SELECT 1 FROM order_freezes") == []
    assert alarms(caplog) == []
    assert (await deep.events(sent)).count("AgreementsOpened") == 1


async def test_a_deep_fork_freezes_the_orders_that_trusted_it(
    deep: World, sent: str, caplog: pytest.LogCaptureFixture
) -> None:
    other = await deep.quoted()
    first = len(deep.chain.node.blocks)
    await mine(deep, DEPTH)
    assert await deep.status(sent) is Status.CONTRACTED
    await mine(deep)
    deep.chain.node.reorganise(len(deep.chain.node.blocks) - first + 1)
    await sync_chain(deep.ctx)
    (freeze,) = await frozen(deep)
    assert (freeze.order_id, freeze.block) == (sent, first - 1)
    assert "a fork took away final events" in freeze.reason
    assert alarms(caplog) == ["chain-fork"]
    assert await deep.status(sent) is Status.CONTRACTED  # what people did cannot be undone by a row
    # Its effects wait, and those of others go on.
    waiting = await effects(deep, sent)
    await deep.confirm(other)
    while await relay_due(deep.ctx):
        pass
    assert "dispatch_jobs" in waiting
    assert waiting == await effects(deep, sent)
    await mine(deep, DEPTH)
    assert await deep.status(other) is Status.CONTRACTED
    assert [one.order_id for one in await frozen(deep)] == [sent]


async def test_what_comes_back_word_for_word_thaws_its_order(deep: World, sent: str) -> None:
    await mine(deep, DEPTH + 1)
    before = await deep.agreements(sent), await deep.events(sent)
    deep.chain.node.reorganise(DEPTH + 2)
    await sync_chain(deep.ctx)
    assert [one.order_id for one in await frozen(deep)] == [sent]
    await deep.chain.reconcile()
    await mine(deep, DEPTH - 1)
    assert [one.order_id for one in await frozen(deep)] == [sent]  # it is back, and not final yet
    await mine(deep)
    assert await frozen(deep) == []
    assert (await deep.agreements(sent), await deep.events(sent)) == before
    assert await deep.rows("SELECT 1 FROM chain_events WHERE orphaned OR NOT applied") == []
    await deep.work()
    assert await deep.rows("SELECT 1 FROM outbox WHERE kind = 'dispatch_jobs' AND status = 'done'") != []


async def test_a_chain_that_returns_to_its_first_branch_thaws_too(deep: World, sent: str) -> None:
    node = deep.chain.node
    await mine(deep, DEPTH + 1)
    blocks, events = list(node.blocks), list(node.events)
    node.reorganise(DEPTH + 2)
    await sync_chain(deep.ctx)
    assert await frozen(deep)
    node.blocks[:], node.events[:] = blocks, events
    await sync_chain(deep.ctx)
    assert await frozen(deep) == []
    assert await deep.rows("SELECT 1 FROM chain_events WHERE orphaned OR NOT applied") == []


async def test_without_confirmations_every_fork_is_deep(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Negative control of the depth: the promise is empty, so the first fork breaks it, and it is seen."""
    order_id = await world.contracted()
    height = next(event.block for event in world.chain.node.events)
    world.chain.node.roll_back(len(world.chain.node.blocks) - height)
    await sync_chain(world.ctx)
    assert [one.order_id for one in await frozen(world)] == [order_id]
    assert alarms(caplog) == ["chain-fork"]


async def test_a_fork_below_the_ring_is_found_by_the_blocks_that_spoke(
    deep: World, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain_sync, "LEAST_RING", 3)
    monkeypatch.setattr(chain_sync, "RING_PER_CONFIRMATION", 1)
    spoke = deep.chain.node.head.number
    await mine(deep, 10)
    ring = [row.number for row in await deep.rows("SELECT number FROM chain_blocks ORDER BY number")]
    assert ring == list(range(deep.chain.node.head.number - DEPTH, deep.chain.node.head.number + 1))
    deep.chain.node.reorganise(deep.chain.node.head.number - spoke)
    await sync_chain(deep.ctx)
    assert await frozen(deep) == []
    assert len(await applied(deep)) > 0
    # One block more, and nothing that is remembered is left but the chain's first block.
    deep.chain.node.reorganise(deep.chain.node.head.number - spoke + 1)
    await sync_chain(deep.ctx)
    assert [one.order_id for one in await frozen(deep)] == [sent]


class Between:
    """The chain, on which something happens after the `count`-th question of some kind."""

    def __init__(self, chain: Any, method: str, happens: Any, count: int = 1) -> None:
        self._chain, self._method, self._happens, self._left = chain, method, happens, count

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._chain, name)
        if name != self._method:
            return found

        async def call(*values: Any) -> Any:
            answer = await found(*values)
            self._left -= 1
            if self._left == 0:
                answer = self._happens(answer) or answer
            return answer

        return call


@pytest.mark.parametrize(("method", "count"), [("head", 1), ("events", 1), ("block_hash", 1), ("block_hash", 2)])
@pytest.mark.parametrize("depth", [1, 2, 3])
async def test_a_fork_between_two_questions_is_noticed(
    deep: World, sent: str, method: str, count: int, depth: int
) -> None:
    await sync_chain(deep.ctx)
    deep.chain.node.mine(deep.chain.node.head.timestamp + 1)
    forking = Between(deep.chain, method, lambda _: deep.chain.node.reorganise(depth, depth + 1), count)
    with suppress(BranchChanged):
        await sync_chain(replace(deep.ctx, chain=forking))  # type: ignore[arg-type]
    await sync_chain(deep.ctx)
    await deep.chain.reconcile()
    await mine(deep, DEPTH)
    assert await deep.status(sent) is Status.CONTRACTED
    assert await frozen(deep) == []
    canonical = [(event.block_hash, event.log_index) for event in deep.chain.node.events]
    assert await applied(deep) == canonical


async def test_what_a_node_left_out_or_made_up_is_mended_before_it_counts(
    deep: World, sent: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A node may say too little at the head, or too much: what counts is read again at depth."""

    def wrong(events: Sequence[ChainEvent]) -> Sequence[ChainEvent]:
        return [
            *events[:-1],
            replace(events[0], log_index=99, name="withdrawn", fields={"party": "payee", "amount_minor": 1}),
        ]

    await sync_chain(replace(deep.ctx, chain=Between(deep.chain, "events", wrong)))  # type: ignore[arg-type]
    assert len(await deep.rows("SELECT 1 FROM chain_events WHERE log_index = 99")) == 1
    await mine(deep, DEPTH)
    assert await deep.status(sent) is Status.CONTRACTED
    assert sorted(await applied(deep)) == sorted((one.block_hash, one.log_index) for one in deep.chain.node.events)
    assert alarms(caplog) == ["chain-events"]


async def test_two_readers_apply_everything_once(deep: World, sent: str) -> None:
    await mine(deep, DEPTH - 1)
    deep.chain.node.mine(deep.chain.node.head.timestamp + 1)

    class Late(Between):
        """Another process reads all of it between our questions and our writing."""

        async def corroborate(self, *_: object) -> None:
            await sync_chain(deep.ctx)

    assert await sync_chain(replace(deep.ctx, chain=Late(deep.chain, "", None))) == 0  # type: ignore[arg-type]
    assert await deep.status(sent) is Status.CONTRACTED
    assert (await deep.events(sent)).count("AgreementsOpened") == 1
    assert await sync_chain(deep.ctx) == 0


async def test_an_order_that_cannot_follow_the_chain_stops_alone(
    deep: World, sent: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    other = await confirmed(deep)
    real = chain_sync.apply_event

    async def apply(ctx: Any, tx: Any, agreement: Any, event: ChainEvent) -> None:
        await real(ctx, tx, agreement, event)
        if agreement.order_id == sent and event.name == "withdrawn":
            raise InvalidTransition("confirmed", "be paid")

    monkeypatch.setattr(chain_sync, "apply_event", apply)
    await mine(deep, DEPTH + 1)
    assert await deep.status(other) is Status.CONTRACTED
    assert await deep.status(sent) is Status.CONFIRMED  # nothing of the refused transaction has stayed
    (freeze,) = await frozen(deep)
    assert freeze.order_id == sent
    assert "cannot follow the event withdrawn" in freeze.reason
    assert alarms(caplog) == ["chain-event"]
    monkeypatch.undo()
    await mine(deep, 2)
    assert [one.order_id for one in await frozen(deep)] == [sent]  # it takes a person
    assert (await thaw_order(deep.ctx, sent)).refused == ()
    assert await deep.status(sent) is Status.CONTRACTED


class Deadlock(Exception):
    """What PostgreSQL says to one of two transactions that wait for each other."""

    sqlstate = "40P01"


async def test_a_lost_race_in_the_database_freezes_nobody(
    deep: World, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def apply(ctx: Any, tx: Any, agreement: Any, event: ChainEvent) -> None:
        raise OperationalError("UPDATE orders", {}, Deadlock())

    with monkeypatch.context() as unlucky:
        unlucky.setattr(chain_sync, "apply_event", apply)
        with pytest.raises(Conflict):
            await mine(deep, DEPTH + 1)
    assert await frozen(deep) == []
    await mine(deep, 1)
    assert await deep.status(sent) is Status.CONTRACTED


async def test_a_fork_is_told_to_people_in_words(deep: World, sent: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    await mine(deep, 2)
    deep.chain.node.reorganise(2)
    await sync_chain(deep.ctx)
    assert "the chain forked: 2 blocks above" in caplog.text
