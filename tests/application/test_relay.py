"""The relay: several orders at a time and one effect of an order, and nothing that a lost lease could still write."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import update

from marketplace.application import attempt, match_order, relay
from marketplace.application.context import Context
from marketplace.application.gather_signatures import decline, requests
from marketplace.application.handlers import HANDLERS
from marketplace.application.relay import Relay, relay_due
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.order import Status
from marketplace.persistence.tables import outbox
from marketplace.ports.supplier_directory import Offers
from marketplace.ports.unit_of_work import StoreUnavailable
from tests.application.world import World

PATIENCE_S = 20.0
"""More than any of these waits needs, however busy the machine is."""


class Gate:
    """A handler that stands still until it is told to go on, and says who stands there."""

    def __init__(self) -> None:
        self.inside: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.begun: list[str] = []
        self.open = asyncio.Event()

    async def __call__(self, ctx: Context, order_id: str, effect: Effect) -> None:
        del ctx
        self.begun.append(f"{order_id} {effect.key}")
        for name in (order_id, "everywhere"):
            self.inside[name] += 1
            self.most[name] = max(self.most[name], self.inside[name])
        await self.open.wait()
        self.inside.subtract((order_id, "everywhere"))


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Stands before every carrier question, which no test here asks otherwise."""
    found = Gate()
    monkeypatch.setitem(HANDLERS, EffectKind.ASK_CARRIER, found)
    return found


async def ask(world: World, order_id: str, *keys: str, kind: EffectKind = EffectKind.ASK_CARRIER, **more: Any) -> None:
    async with world.ctx.uow.write() as tx:
        effects = [Effect(kind, key, **more) for key in keys]
        await tx.outbox.add(order_id, effects, world.clock.now())


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def statuses(world: World) -> list[str]:
    return [row.status for row in await world.rows("SELECT status FROM outbox ORDER BY id")]


class TestLanes:
    async def test_orders_go_side_by_side_and_effects_of_one_order_one_by_one(self, world: World, gate: Gate) -> None:
        await ask(world, "ord_1", "a", "b", "c")
        await ask(world, "ord_2", "d")
        working = Relay(world.ctx)
        assert await working.turn() == 4
        await until(lambda: gate.inside["everywhere"] == 2)
        gate.open.set()
        await working.settle()
        assert gate.most == {"ord_1": 1, "ord_2": 1, "everywhere": 2}
        assert [name for name in gate.begun if "ord_1" in name] == ["ord_1 a", "ord_1 b", "ord_1 c"]
        assert await statuses(world) == ["done"] * 4

    async def test_a_busy_order_is_not_claimed_again_and_the_others_are(self, world: World, gate: Gate) -> None:
        await ask(world, "ord_1", "a")
        working = Relay(world.ctx)
        await working.turn()
        await ask(world, "ord_1", "b")
        await ask(world, "ord_2", "c")
        assert await working.turn() == 1
        await until(lambda: gate.begun == ["ord_1 a", "ord_2 c"])
        gate.open.set()
        await working.settle()
        assert await working.turn() == 1
        await working.settle()
        assert gate.most["ord_1"] == 1

    async def test_messages_do_not_hold_up_their_order(self, world: World, gate: Gate) -> None:
        await ask(world, "ord_1", "a")
        await ask(world, "ord_1", "m", kind=EffectKind.PUSH, subject="none", detail="none")
        working = Relay(world.ctx)
        await working.turn()
        await until(lambda: len(working._notes) == 1)
        assert await working.turn() == 0
        assert await statuses(world) == ["waiting", "done"]
        gate.open.set()
        await working.settle()

    async def test_no_more_than_there_is_room_for(self, world: World, gate: Gate) -> None:
        for number in range(5):
            await ask(world, f"ord_{number}", "a")
        working = Relay(world.ctx, at_once=3)
        assert [await working.turn(), await working.turn()] == [3, 0]
        await until(lambda: gate.inside["everywhere"] == 3)
        gate.open.set()
        await working.settle()
        assert await working.turn() == 2
        await working.settle()
        assert gate.most["everywhere"] == 3

    async def test_what_was_done_is_noted_in_the_transaction_that_claims(self, world: World, gate: Gate) -> None:
        gate.open.set()
        await ask(world, "ord_1", "a")
        working = Relay(world.ctx)
        await working.turn()
        await until(lambda: not working._lanes)
        await ask(world, "ord_2", "b")
        assert await working.turn() == 1
        assert await statuses(world) == ["done", "waiting"]
        await working.settle()

    async def test_a_note_that_could_not_be_written_is_written_later(
        self, world: World, gate: Gate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gate.open.set()
        await ask(world, "ord_1", "a")
        working = Relay(world.ctx)
        await working.turn()
        await until(lambda: not working._lanes)

        def away() -> Any:
            raise StoreUnavailable("away")

        with monkeypatch.context() as broken:
            broken.setattr(type(world.ctx.uow), "write", lambda _: away())
            with pytest.raises(StoreUnavailable):
                await working.turn()
        await working.turn()
        assert await statuses(world) == ["done"]

    async def test_an_effect_whose_lease_could_end_first_is_given_back(self, world: World, gate: Gate) -> None:
        await ask(world, "ord_1", "a", "b")
        working = Relay(world.ctx)
        await working.turn()
        await until(lambda: gate.begun == ["ord_1 a"])
        world.clock.move(timedelta(seconds=attempt.LEASE_S - attempt.TRY_S + 1))
        gate.open.set()
        await working.settle()
        (first, second) = await world.rows("SELECT * FROM outbox ORDER BY id")
        assert (first.status, second.status, second.attempts) == ("done", "waiting", 0)
        assert await relay_due(world.ctx) == 1
        assert gate.begun == ["ord_1 a", "ord_1 b"]

    async def test_a_relay_that_is_stopped_gives_back_what_it_had_begun(self, world: World, gate: Gate) -> None:
        await ask(world, "ord_1", "a", "b")
        working = Relay(world.ctx)
        await working.turn()
        await until(lambda: gate.begun == ["ord_1 a"])
        await working.close(0.01)
        gate.open.set()
        assert await relay_due(world.ctx) == 2
        assert await statuses(world) == ["done", "done"]

    async def test_an_attempt_ends_before_its_lease(
        self, world: World, gate: Gate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(attempt, "TRY_S", 0.05)
        await ask(world, "ord_1", "a")
        await relay_due(world.ctx)
        (row,) = await world.rows("SELECT * FROM outbox")
        assert (row.status, row.reason) == ("waiting", "TimeoutError:")

    async def test_what_a_driver_makes_of_being_interrupted_is_no_fault_of_the_effect(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def interrupted(ctx: Context, order_id: str, effect: Effect) -> None:
            try:
                await asyncio.sleep(PATIENCE_S)
            except asyncio.CancelledError:
                raise AssertionError("the pipeline was entered half-way") from None

        monkeypatch.setitem(HANDLERS, EffectKind.ASK_CARRIER, interrupted)
        monkeypatch.setattr(attempt, "TRY_S", 0.05)
        await ask(world, "ord_1", "a")
        await relay_due(world.ctx)
        (row,) = await world.rows("SELECT * FROM outbox")
        assert row.status == "waiting"
        assert row.reason == "TimeoutError: interrupted: AssertionError: the pipeline was entered half-way"


class SlowDirectory:
    """The first search finds nothing and stands still, as a process does that the system has stopped."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.asked = asyncio.Event()
        self.awake = asyncio.Event()

    async def search(self, *values: Any, **named: Any) -> Any:
        found: Offers = await self.real.search(*values, **named)
        if self.asked.is_set():
            return found
        self.asked.set()
        await self.awake.wait()
        return replace(found, offers=())


async def sleep_through_a_lease(world: World) -> str:
    """One relay finds no supplier and falls asleep. Meanwhile another one finds some, and one of them declines, so that
    the order is searched for again: that is when the first one wakes up, and would reject it. Gives the order.
    """
    order_id = (await world.place()).id
    slow = SlowDirectory(world.directory)
    sleeping = asyncio.create_task(relay_due(replace(world.ctx, directory=slow)))
    await asyncio.wait_for(slow.asked.wait(), PATIENCE_S)
    world.pass_time(seconds=attempt.LEASE_S)
    with patch.object(match_order, "bench_of", return_value=()):  # with nobody next in rank a decline ends the draft
        while await world.status(order_id) is not Status.SOURCING:
            await relay_due(world.ctx)
    (request,) = await requests(world.ctx, world["amp"], open_only=True)
    await decline(world.ctx, world["amp"], request.id, reason="no steel")
    assert await world.status(order_id) is Status.PLACED
    slow.awake.set()
    await sleeping
    return order_id


class TestFence:
    @pytest.mark.req(168)
    async def test_a_relay_that_wakes_after_its_lease_changes_nothing(self, world: World) -> None:
        order_id = await sleep_through_a_lease(world)
        assert await world.status(order_id) is Status.PLACED
        await world.work()
        assert await world.status(order_id) is Status.SOURCING
        assert await world.parked() == []

    async def test_without_the_fence_it_does(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Negative control: an order that others are making is rejected."""
        monkeypatch.setattr(attempt, "FencedUnitOfWork", lambda uow, _: uow)
        assert await world.status(await sleep_through_a_lease(world)) is Status.REJECTED


class TestWaits:
    async def test_what_failed_together_does_not_come_back_together(self, world: World) -> None:
        draw = random.Random(7)
        for number in range(12):
            await ask(world, f"ord_{number}", "a", kind=EffectKind.FUND_TEST_ACCOUNT, subject="0x1", detail="1")
        world.chain.node.is_away = True
        await relay_due(replace(world.ctx, random=draw.random))
        now = world.clock.now()
        rows = await world.rows("SELECT due FROM outbox")
        waits = [(datetime.fromisoformat(row.due).replace(tzinfo=UTC) - now).total_seconds() for row in rows]
        assert len(set(waits)) == 12
        assert min(waits) >= 0
        assert 0.5 < max(waits) <= 2 * attempt.FIRST_RETRY_S

    async def test_a_strangers_words_can_be_kept(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        async def fail(*_: Any) -> None:
            raise ValueError("bad\x00 words\ud800\nof " + "a stranger" * 1_000)

        monkeypatch.setitem(HANDLERS, EffectKind.ASK_CARRIER, fail)
        monkeypatch.setattr(attempt.log, "disabled", True)  # two processes of pytest cannot hand half a character over
        await ask(world, "ord_1", "a")
        await relay_due(world.ctx)
        (words,) = await world.parked()
        assert words.startswith(
            "ask_carrier: ValueError: bad\N{REPLACEMENT CHARACTER} words\N{REPLACEMENT CHARACTER} of"
        )

    async def test_an_effect_that_kills_whoever_takes_it_is_parked_in_the_end(self, world: World, gate: Gate) -> None:
        gate.open.set()
        await ask(world, "ord_1", "a")
        async with world.database._engines.write.begin() as connection:
            await connection.execute(update(outbox).values(attempts=attempt.SILENT_AFTER))
        await relay_due(world.ctx)
        (words,) = await world.parked()
        assert "none of them was heard of again" in words
        assert gate.begun == []


class TestChainTime:
    """Our clock may be ahead of the chain's: a move that time allows waits for the chain."""

    @pytest.mark.req(76)
    async def test_a_refund_is_not_tried_before_the_chain_has_passed_its_second(self, world: World) -> None:
        order_id = await world.contracted()
        terms = (await world.agreements(order_id))[0].terms
        late = datetime.fromtimestamp(terms.deliver_by + terms.grace + 1, UTC)
        world.clock.set(late + timedelta(days=2))  # and the chain stands still
        for _ in range(3):
            await relay_due(world.ctx)
            world.clock.move(timedelta(seconds=attempt.LONGEST_WAIT_S))
        waiting = await world.rows("SELECT * FROM outbox WHERE status = 'waiting' AND kind IN ('refund', 'deadline')")
        mine = [row for row in waiting if row.lease > 0]
        assert mine
        assert all(row.attempts == 0 and "the chain's clock is" in row.reason for row in mine)
        assert int(late.timestamp()) + 1 in world.chain.deadlines  # a chain that sleeps was told to go on
        assert await world.status(order_id) is Status.CONTRACTED
        world.chain.node.mine(int(late.timestamp()))
        world.clock.move(timedelta(seconds=attempt.LONGEST_WAIT_S))
        await world.work()
        assert await world.status(order_id) is Status.REFUNDED

    async def test_without_it_the_contracts_would_refuse(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Negative control: asked too early, the contracts say no."""
        monkeypatch.setattr(attempt, "by_chain_time", lambda _: False)
        order_id = await world.contracted()
        terms = (await world.agreements(order_id))[0].terms
        world.clock.set(datetime.fromtimestamp(terms.deliver_by + terms.grace + 1, UTC) + timedelta(days=2))
        for _ in range(3):
            await relay_due(world.ctx)
        refused = await world.rows("SELECT reason FROM outbox WHERE kind = 'refund' AND reason IS NOT NULL")
        assert any("TooEarly" in row.reason for row in refused)


def test_a_try_ends_before_its_lease_and_a_batch_stays_small() -> None:
    assert attempt.TRY_S < attempt.LEASE_S
    assert relay.AT_ONCE <= 32
