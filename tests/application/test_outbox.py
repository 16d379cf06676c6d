"""At least once from us, once in the world: the worker may die anywhere, and nothing is lost or done twice."""

import asyncio
import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from marketplace.application import attempt, relay
from marketplace.application.devices import add_device, remove_device
from marketplace.application.handlers import HANDLERS
from marketplace.application.relay import relay_due
from marketplace.application.test_funds import test_funds as ask_for_funds
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.errors import InvalidInput, NotFound
from marketplace.domain.order import Status
from marketplace.persistence.effects import Which, Word
from marketplace.ports.chain import ChainRefused
from marketplace.ports.push import PushAddress, PushKind, PushUnavailable
from tests.application.conftest import Open, Populated
from tests.application.example import FUNDS_MINOR, address_of
from tests.application.faults import Crash, Faults, first_time, restarting
from tests.application.world import Scratch, World, open_world

PHONE = PushAddress(PushKind.WEB_PUSH, "https://push.example/1", "key", "auth")
SEEDS = (1, 2)
CRASH_RATE = 0.12


async def story(world: World) -> dict[str, Any]:
    """The whole order, and what is left of it everywhere."""
    await add_device(world.ctx, world["customer"], PHONE)
    order_id = await world.delivered(client_reference="the one order")
    await world.accept(order_id)
    await world.sign_open("maker")
    await world.work()
    assert await world.parked() == []
    async with world.ctx.uow.read() as tx:
        told = [
            sorted(f"{message.id}" for message in await tx.inbox.of(world[name].party_id, 100))
            for name in ("customer", "maker")
        ]
    names = ("customer", "maker", "amp", "reconcavo")
    return {
        "status": await world.status(order_id),
        "events": await world.events(order_id),
        "inbox": told,
        "push": sorted(message.id for message in world.push.shown(PHONE)),
        "jobs": sorted(job.operation for name in ("amp", "maker") for job, _ in queue(world, name)),
        "rows": [
            (await world.rows(f"SELECT count(*) AS n FROM {table}"))[0].n  # noqa: S608 - names of ours
            for table in ("jobs", "agreements", "signature_requests", "inbox_messages", "production_events")
        ],
        "chain": Counter(event.name for event in world.chain.node.events),
        "money": [world.chain.balance_minor(address_of(name)) for name in names],
    }


def queue(world: World, name: str) -> list[Any]:
    return world.dispatch.queued(world.gateways[name].id)


@pytest.fixture(scope="session")
def undisturbed(scratch: Scratch, populated: Populated) -> dict[str, Any]:
    """The story without a crash."""

    async def tell() -> dict[str, Any]:
        async with open_world(scratch, populated.file, populated.people, populated.gateways) as world:
            return await story(world)

    return asyncio.run(tell())


@pytest.mark.req(54, 80)
async def test_every_effect_done_twice_leaves_the_same_world(opening: Open, undisturbed: dict[str, Any]) -> None:
    async with opening() as world:
        faults = Faults(first_time("done "))
        restarting(world, faults)
        assert await story(world) == undisturbed
        effects = await world.rows("SELECT id, kind, attempts FROM outbox WHERE status = 'done'")
        assert len(faults.crashes) == len(effects) > 30
        assert all(row.attempts >= 2 for row in effects)
        # Everything that an order without trouble needs was done twice.
        by_time = {EffectKind.REFUND, EffectKind.FINALISE, EffectKind.RELEASE, EffectKind.TIMEOUT, EffectKind.PAY_OUT}
        unused = by_time | {
            EffectKind.DEADLINE,
            EffectKind.FUND_TEST_ACCOUNT,
            EffectKind.DRAFT_SUPPLY,
            EffectKind.HOLD_SLOTS,
            EffectKind.SEND_INVITATION,  # these two are done twice in test_letters
            EffectKind.SEND_CODE,
            EffectKind.SUBMIT_DISPUTE,  # in test_dispute
        }
        assert {EffectKind(row.kind) for row in effects} == set(EffectKind) - unused


@pytest.mark.req(54, 80)
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_worker_that_dies_anywhere_leaves_the_same_world(
    opening: Open, undisturbed: dict[str, Any], seed: int
) -> None:
    draw = random.Random(seed)
    async with opening() as world:
        faults = Faults(lambda _: draw.random() < CRASH_RATE)
        restarting(world, faults)
        assert await story(world) == undisturbed, f"seed {seed}"
        assert sum(faults.crashes.values()) > 30
        assert {"before commit", "after commit"} <= set(faults.crashes)


async def test_a_worker_that_notes_before_it_does_loses_work(opening: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with the order of doing and noting exchanged the same crashes are found."""

    async def noted_first(ctx: Any, stored: Any) -> None:
        async with ctx.uow.write() as tx:
            await tx.outbox.done(stored.id, stored.lease, ctx.clock.now())
        await HANDLERS[stored.effect.kind](ctx, stored.order_id, stored.effect)

    monkeypatch.setattr(relay, "attempt", noted_first)
    async with opening() as world:
        draw = random.Random(1)
        restarting(world, Faults(lambda _: draw.random() < CRASH_RATE))
        with pytest.raises(AssertionError):
            await world.quoted()


async def test_money_sent_under_two_names_would_be_sent_twice(world: World) -> None:
    """The control of the key: it is the effect's key, and nothing else, that makes money move once."""
    for key in ("fund:1", "fund:1", "fund:2"):
        await world.chain.fund_test_account(key, address_of("maker"), 100)
    assert world.chain.balance_minor(address_of("maker")) == 200


class TestFailures:
    async def test_what_time_may_mend_is_tried_again_later_and_later(self, world: World) -> None:
        order_id = await world.quoted()
        await world.confirm(order_id)
        world.chain.node.is_away = True
        waits = []
        for _ in range(9):
            await relay_due(world.ctx)
            (row,) = await world.rows("SELECT attempts, reason, due FROM outbox WHERE kind = 'open_agreements'")
            assert "ChainUnavailable" in row.reason
            async with world.ctx.uow.read() as tx:
                due = await tx.outbox.next_due()
            assert due is not None
            waits.append((due - world.clock.now()).total_seconds())
            world.clock.set(due)
        assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
        world.chain.node.is_away = False
        await world.work()
        assert await world.status(order_id) is Status.CONTRACTED

    async def test_after_many_refusals_an_operator_must_look(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order_id = await world.quoted()
        await world.confirm(order_id)

        async def refuse(*_: Any) -> None:
            raise ChainRefused("NotYet")

        monkeypatch.setitem(HANDLERS, EffectKind.OPEN_AGREEMENTS, refuse)
        for _ in range(attempt.PARK_AFTER):
            assert await world.parked() == []
            world.clock.move(timedelta(seconds=attempt.LONGEST_RETRY_S))
            await relay_due(world.ctx)
        (parked,) = await world.parked()
        assert parked.startswith("open_agreements: ChainRefused")
        # Released by an operator it goes on as if nothing had been.
        monkeypatch.undo()
        word = Word("ana", world.clock.now(), "mended")
        assert len(await world.database.effects().release(Which(statuses=("parked",)), word)) == 1
        await world.work()
        assert await world.status(order_id) is Status.CONTRACTED

    async def test_an_outage_never_parks_anything_however_long(self, world: World) -> None:
        order_id = await world.quoted()
        await world.confirm(order_id)
        world.chain.node.is_away = True
        for _ in range(2 * attempt.PARK_AFTER):
            world.clock.move(timedelta(seconds=attempt.LONGEST_RETRY_S))
            await relay_due(world.ctx)
        assert await world.parked() == []
        world.chain.node.is_away = False
        world.clock.move(timedelta(seconds=attempt.LONGEST_RETRY_S))
        await world.work()
        assert await world.status(order_id) is Status.CONTRACTED

    async def test_what_time_cannot_mend_is_set_aside_at_once_and_holds_up_nobody(self, world: World) -> None:
        order_id = await world.quoted()
        async with world.ctx.uow.write() as tx:
            broken = Effect(EffectKind.CLAIM_MILESTONE, "claim:none", "0x" + "00" * 32, "600")
            await tx.outbox.add(order_id, [broken], world.clock.now())
        await world.confirm(order_id)
        await world.work()
        assert await world.status(order_id) is Status.CONTRACTED
        assert await world.parked() == ["claim_milestone: NotFound: no such evidence"]

    async def test_a_lost_transaction_is_sent_again(self, world: World) -> None:
        order_id = await world.quoted()
        await world.confirm(order_id)
        world.chain.node.loses_transactions = True
        await world.work()
        assert await world.status(order_id) is Status.CONFIRMED
        world.chain.node.loses_transactions = False
        await world.ctx.chain.reconcile()
        await world.work()
        assert await world.status(order_id) is Status.CONTRACTED

    async def test_an_effect_is_leased_to_one_worker(self, world: World) -> None:
        await world.place()
        faults = Faults(first_time("before directory"))
        with pytest.raises(Crash):
            await relay_due(faults.around(world.ctx))
        assert await relay_due(world.ctx) == 0  # the dead one still holds it
        world.pass_time(seconds=attempt.LEASE_S)
        assert await relay_due(world.ctx) > 0


class TestPush:
    """From the inbox to the devices."""

    @pytest.mark.req(46)
    async def test_every_device_of_every_person_is_told_and_reads_no_amounts(self, world: World) -> None:
        second = PushAddress(PushKind.FCM, "token-2")
        for address in (PHONE, second):
            await add_device(world.ctx, world["customer"], address)
        order_id = await world.quoted()
        await world.work()
        for address in (PHONE, second):
            (message,) = world.push.shown(address)
            assert message.title == "Your quote is ready"
            assert message.url == f"/orders/{order_id}"
            assert message.topic == order_id
            assert not any(sign in f"{message.title} {message.body}" for sign in ("€", "600", "Customer", "@"))

    async def test_a_busy_service_delays_the_push_and_nothing_else(self, world: World) -> None:
        await add_device(world.ctx, world["customer"], PHONE)
        for _ in range(3):
            world.push.fail_next(PushUnavailable("busy", 5.0))
        order_id = await world.contracted()
        assert world.push.shown(PHONE) == []
        for _ in range(3):
            world.pass_time(minutes=2)
            await world.work()
        titles = [message.title for message in world.push.shown(PHONE)]
        assert sorted(titles) == ["Payment secured", "Your quote is ready"]
        assert await world.status(order_id) is Status.CONTRACTED

    async def test_a_service_that_names_a_time_is_not_asked_before(self, world: World) -> None:
        await add_device(world.ctx, world["customer"], PHONE)
        world.push.fail_next(PushUnavailable("busy", 900.0))
        await world.quoted()
        await world.work()
        world.pass_time(seconds=899)
        await world.work()
        assert world.push.shown(PHONE) == []
        world.pass_time(seconds=1)
        await world.work()
        assert len(world.push.shown(PHONE)) == 1

    @pytest.mark.parametrize("end", ["forget", "distrust"])
    async def test_a_dead_device_is_forgotten(self, world: World, end: str) -> None:
        device = await add_device(world.ctx, world["customer"], PHONE)
        getattr(world.push, end)(PHONE)
        await world.quoted()
        await world.work()
        assert await world.parked() == []
        with pytest.raises(NotFound):
            await remove_device(world.ctx, world["customer"], device)

    async def test_a_device_is_its_owners(self, world: World) -> None:
        device = await add_device(world.ctx, world["customer"], PHONE)
        assert await add_device(world.ctx, world["customer"], PHONE) == device
        with pytest.raises(NotFound):
            await remove_device(world.ctx, world["maker"], device)
        await remove_device(world.ctx, world["customer"], device)


class TestFunds:
    """Test money, in development only."""

    async def test_a_key_gets_it_once(self, world: World) -> None:
        before = world.chain.balance_minor(address_of("maker"))
        for _ in range(2):
            assert await ask_for_funds(world.ctx, world["maker"]) == world.ctx.policy.test_funds_minor
            await world.work()
        assert world.chain.balance_minor(address_of("maker")) == before + FUNDS_MINOR

    async def test_outside_development_there_is_none(self, opening: Open) -> None:
        async with opening(development=False) as world:
            with pytest.raises(NotFound):
                await ask_for_funds(world.ctx, world["maker"])

    async def test_a_key_comes_first(self, world: World) -> None:
        async with world.ctx.uow.write() as tx:
            account = await tx.parties.account(world["customer"].id)
        assert account is not None
        keyless = type(account)(**{name: getattr(account, name) for name in account.__slots__} | {"own_address": None})
        with pytest.raises(InvalidInput, match="address"):
            await ask_for_funds(world.ctx, keyless)
