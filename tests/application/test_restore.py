"""A database that came back from a backup: it learns from the chain what was paid since, and nobody is paid twice."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bootstrap.backup.sealing import LEAP, sealing
from marketplace.application.catch_up import STILL_ASKED
from marketplace.application.chain_sync import sync_chain
from marketplace.application.devices import add_device
from marketplace.application.hand_over import hand_over
from marketplace.application.handlers import HANDLERS
from marketplace.application.relay import relay_due
from marketplace.application.ship_order import ship_order
from marketplace.domain.agreement import AgreementStatus
from marketplace.domain.effects import HELD_AFTER_RESTORE, ON_CHAIN, Effect, EffectKind
from marketplace.domain.errors import NotFound
from marketplace.domain.evidence import EventCode
from marketplace.domain.order import Status
from marketplace.persistence.effects import Which, Word
from marketplace.ports.push import PushAddress, PushKind
from marketplace.ports.restores import LostAgreement
from tests.application.conftest import Open
from tests.application.example import SECRET, address_of
from tests.application.world import Scratch, World

PEOPLE = ("customer", "maker", "amp", "reconcavo", "tejo", "carrier")
PHONE = PushAddress(PushKind.WEB_PUSH, "https://push.example.org/1", "p", "a")
ENDED = 9
"""Moments of the story at which a backup is made."""


def copy(scratch: Scratch, folder: Path, name: str) -> Path:
    """The database as it is at this moment."""
    file = folder / f"{name}.db"
    with closing(sqlite3.connect(scratch.file)) as living, closing(sqlite3.connect(file)) as still:
        living.backup(still)
    return file


async def come_back(world: World, scratch: Scratch, backup: Path, *, sealed: bool = True) -> None:
    """The older database takes the place of the one there is; what the sender remembered is lost."""
    await world.database.close()
    scratch.begin(backup)
    world.chain.node.forget_keys()
    world.push.sent.clear()
    if sealed:
        made, now = world.clock.now() - timedelta(hours=1), datetime.now(UTC)
        with closing(sqlite3.connect(scratch.file)) as connection:
            for statement in sealing(made, now, "digest", on_sqlite=True):
                connection.execute(statement)
            connection.commit()


async def story(world: World, scratch: Scratch, folder: Path) -> tuple[str, dict[str, Path]]:
    """One order to its settled end, and the database at moments in between."""
    moments: dict[str, Path] = {}

    def here(name: str) -> None:
        moments[name] = copy(scratch, folder, name)

    here("before")
    order_id = (await world.place()).id
    here("placed")
    await world.work()
    here("sourcing")
    await world.sign_open("amp", "reconcavo", "maker")
    here("quoted")
    await world.confirm(order_id)
    here("confirmed")
    await world.work()
    here("contracted")
    await world.make("amp")
    await world.report("reconcavo", "started", "finished")
    await world.work()
    await world.sign_open("carrier")
    here("supplied")
    await world.work()
    await world.make("maker")
    await world.work()
    await ship_order(world.ctx, world["maker"], order_id)
    await hand_over(world.ctx, world["carrier"], order_id, secret=SECRET)
    here("handed over")
    await world.work()
    await world.accept(order_id)
    here("accepted")
    await world.work()
    for _ in range(3):
        world.pass_time(days=8)
        await world.work()
    assert await world.status(order_id) is Status.SETTLED
    return order_id, moments


def balances(world: World) -> dict[str, int]:
    return {name: world.chain.balance_minor(address_of(name)) for name in PEOPLE}


async def statuses(world: World) -> Counter[str]:
    return Counter(row.status for row in await world.rows("SELECT status FROM outbox"))


async def held(world: World) -> Counter[str]:
    return Counter(row.kind for row in await world.rows("SELECT kind FROM outbox WHERE status = 'held'"))


async def lost(world: World) -> Sequence[LostAgreement]:
    async with world.ctx.uow.read() as tx:
        return await tx.lost.all()


async def release(world: World) -> None:
    word = Word("operator", world.clock.now(), "compared with the chain")
    await world.database.effects().release(Which(statuses=("held",)), word)


async def repeat_every_move(world: World, order_id: str) -> None:
    """Each effect that sends a transaction, done once more, as if its row had come back as well."""
    delivery, *supplies = await world.agreements(order_id)
    details = {
        EffectKind.CLAIM_MILESTONE: str(int(EventCode.PRODUCTION_FINISHED)),
        EffectKind.SUBMIT_DELIVERED: f"secret:{SECRET}",
        EffectKind.SUBMIT_ACCEPTANCE: "0x" + "11" * 65,
        EffectKind.SUBMIT_DISPUTE: "1:1900000000:0x" + "11" * 65,
        EffectKind.TIMEOUT: "1",
        EffectKind.PAY_OUT: "payee",
    }
    for kind in sorted(ON_CHAIN - {EffectKind.FUND_TEST_ACCOUNT}):
        for agreement in (delivery, *supplies):
            effect = Effect(kind, f"once more:{agreement.id}", agreement.id, details.get(kind, ""))
            with suppress(NotFound):  # what machines said after the backup is lost, and so is the claim
                await HANDLERS[kind](world.ctx, order_id, effect)


@pytest.fixture
async def told(world: World) -> World:
    """A world in which the customer's phone listens."""
    await add_device(world.ctx, world["customer"], PHONE)
    return world


LEARNT = ("sourcing", "quoted", "confirmed", "contracted", "supplied", "handed over", "accepted")


async def test_every_payment_is_learnt_back_whenever_the_backup_was_made(
    told: World, scratch: Scratch, tmp_path: Path
) -> None:
    """Nobody is paid twice and nobody is told twice, also after the operator has let everything go."""
    world = told
    order_id, moments = await story(world, scratch, tmp_path)
    paid, blocks = balances(world), len(world.chain.node.blocks)
    assert len(moments) == ENDED
    for name in LEARNT:
        await come_back(world, scratch, moments[name])
        await world.work()
        assert (name, await world.status(order_id)) == (name, Status.SETTLED)
        assert (name, world.push.sent) == (name, [])
        assert set(await held(world)) <= HELD_AFTER_RESTORE
        assert (name, set(await held(world))) <= (name, {EffectKind.NOTIFY, EffectKind.PUSH})
        assert await lost(world) == []
        await release(world)
        await world.work()
        assert not await held(world)
        assert (name, await world.parked()) == (name, [])
        await repeat_every_move(world, order_id)
        assert (name, balances(world)) == (name, paid)
        assert (name, len(world.chain.node.blocks)) == (name, blocks)
        # What the operator let go reaches the phone under the order's topic: there it replaces what stood before.
        assert {message.topic for _, message in world.push.sent} <= {order_id}


async def test_an_unsealed_copy_does_things_twice(told: World, scratch: Scratch, tmp_path: Path) -> None:
    """Negative control: let go at once, without the seal, the same database tells people again what they know."""
    world = told
    _, moments = await story(world, scratch, tmp_path)
    await come_back(world, scratch, moments["contracted"], sealed=False)
    await world.work()
    assert world.push.sent


async def test_nothing_is_done_before_the_chain_was_read_to_its_end(
    opening: Open, scratch: Scratch, tmp_path: Path
) -> None:
    async with opening(confirmations=4) as world:
        order_id = await world.quoted()
        await world.confirm(order_id)
        backup = copy(scratch, tmp_path, "confirmed")
        await relay_due(world.ctx)
        await come_back(world, scratch, backup)
        assert not await relay_due(world.ctx)
        for _ in range(4):
            await sync_chain(world.ctx)
            assert not await relay_due(world.ctx), "what is not final may still come"
            assert (await statuses(world))["waiting"]
            world.chain.node.mine(world.chain.node.head.timestamp + 1)
        await sync_chain(world.ctx)
        async with world.ctx.uow.read() as tx:
            restore = await tx.restores.last()
            assert await tx.restores.catching_up() is None
        assert restore is not None
        assert restore.caught_up_at is not None
        assert await world.status(order_id) is Status.CONTRACTED
        done = await world.rows("SELECT reason FROM outbox WHERE kind = 'open_agreements'")
        assert [row.reason for row in done] == ["the chain says that it has happened"]
        assert set(await held(world)) == {EffectKind.NOTIFY, EffectKind.DISPATCH_JOBS}


async def test_what_never_happened_waits_for_the_operator(told: World, scratch: Scratch, tmp_path: Path) -> None:
    """A confirmed order that never reached the chain opens after the operator's word, once."""
    world = told
    order_id = await world.quoted()
    await world.confirm(order_id)
    await come_back(world, scratch, copy(scratch, tmp_path, "confirmed"))
    await world.work()
    assert await world.status(order_id) is Status.CONFIRMED
    assert (await held(world))[EffectKind.OPEN_AGREEMENTS] == 1
    await release(world)
    await world.work()
    assert await world.status(order_id) is Status.CONTRACTED


async def test_time_goes_on_without_anybodys_word(told: World, scratch: Scratch, tmp_path: Path) -> None:
    """Delivered in the lost days: learnt, and settled by silence although messages are held."""
    world = told
    order_id = await world.shipped()
    backup = copy(scratch, tmp_path, "shipped")
    await hand_over(world.ctx, world["carrier"], order_id, secret=SECRET)
    await world.work()
    await come_back(world, scratch, backup)
    await world.work()
    assert await world.status(order_id) is Status.DELIVERED
    world.pass_time(days=8)
    await world.work()
    assert await world.status(order_id) is Status.SETTLED


@pytest.mark.parametrize("moment", ["before", "placed"])
async def test_an_agreement_that_nobody_here_knows_is_named_and_its_money_comes_back(
    told: World, scratch: Scratch, tmp_path: Path, moment: str
) -> None:
    """Its order is younger than the backup, or was searched for again: its terms are on the chain, and time is too."""
    world = told
    before = balances(world)
    files = {"before": copy(scratch, tmp_path, "before")}
    order_id = (await world.place()).id
    files["placed"] = copy(scratch, tmp_path, "placed")
    await world.work()
    await world.sign_open("amp", "reconcavo", "maker")
    await world.confirm(order_id)
    await world.work()
    opened = {agreement.id: agreement.terms for agreement in await world.agreements(order_id)}
    await come_back(world, scratch, files[moment])
    await world.work()
    found = {entry.agreement.id: entry.agreement for entry in await lost(world)}
    assert {agreement_id: entry.terms for agreement_id, entry in found.items()} == opened
    assert {entry.status for entry in found.values()} == {AgreementStatus.OPEN}
    assert {entry.order_id for entry in found.values()} == ({""} if moment == "before" else {order_id})
    if moment == "placed":
        async with world.ctx.uow.read() as tx:
            assert [freeze.order_id for freeze in await tx.freezes.open()] == [order_id]
        await release(world)
        await world.work()
        assert await world.status(order_id) is Status.PLACED, "nobody is asked for a second set of terms"
    world.pass_time(days=30)
    await world.work()
    assert {entry.agreement.status for entry in await lost(world)} == {AgreementStatus.REFUNDED}
    kept = balances(world)
    advance = before["customer"] - kept["customer"]
    assert 0 < advance < sum(terms.amount_minor for terms in opened.values())
    assert await world.parked() == []


async def test_what_strangers_open_is_theirs(told: World, scratch: Scratch, tmp_path: Path) -> None:
    world = told
    backup = copy(scratch, tmp_path, "before")
    order_id = await world.contracted()
    world.chain.strangers = {agreement.id for agreement in await world.agreements(order_id)}
    await come_back(world, scratch, backup)
    await world.work()
    assert await lost(world) == []


async def test_numbers_that_others_have_seen_are_not_given_again(told: World, scratch: Scratch, tmp_path: Path) -> None:
    """A gateway that has fetched command 7 asks for those after it."""
    world = told
    order_id = await world.contracted()
    await come_back(world, scratch, copy(scratch, tmp_path, "contracted"))
    await world.work()
    other = (await world.place(client_reference="another")).id
    numbers = {row.order_id: row.id for row in await world.rows("SELECT order_id, id FROM order_events")}
    assert numbers[other] > LEAP
    assert await world.status(order_id) is Status.CONTRACTED


def test_every_kind_that_is_held_has_been_thought_of() -> None:
    """Of what is held the chain answers all but messages and test money; what goes on by itself is no message."""
    assert set(STILL_ASKED) == HELD_AFTER_RESTORE - {
        EffectKind.NOTIFY,
        EffectKind.PUSH,
        EffectKind.SEND_INVITATION,
        EffectKind.SEND_CODE,
        EffectKind.FUND_TEST_ACCOUNT,
    }
    assert set(EffectKind) - HELD_AFTER_RESTORE == {
        EffectKind.CLAIM_MILESTONE,
        EffectKind.SUBMIT_DELIVERED,
        EffectKind.SUBMIT_ACCEPTANCE,
        EffectKind.SUBMIT_DISPUTE,
        EffectKind.FINALISE,
        EffectKind.RELEASE,
        EffectKind.REFUND,
        EffectKind.TIMEOUT,
        EffectKind.PAY_OUT,
        EffectKind.DEADLINE,
        EffectKind.HOLD_SLOTS,
    }
