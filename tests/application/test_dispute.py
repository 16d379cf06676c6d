"""Something is wrong with a delivery: signature, photos and words here, the question and the split on the chain."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from marketplace.application import dispute_photos
from marketplace.application.accept_delivery import acceptance
from marketplace.application.dispute_order import answer_dispute, dispute, open_dispute
from marketplace.application.dispute_photos import drop_photo, read_photo_of, upload_photo
from marketplace.application.dispute_views import DisputeView
from marketplace.application.view_orders import order as view_order
from marketplace.application.view_timeline import timeline
from marketplace.domain.agreement import ActionKind, Agreement, AgreementStatus
from marketplace.domain.errors import Conflict, InvalidInput, InvalidTransition, NotFound
from marketplace.domain.order import Status
from marketplace.domain.parties import Role
from marketplace.ports.chain import Consent, resolution
from tests.application.example import address_of
from tests.application.faults import Faults, first_time, restarting
from tests.application.test_ways_out import at, consent, customer
from tests.application.world import World
from tests.planning.test_photo_file import photo

BENT = "The covers are bent."


async def signed(world: World, order_id: str, **changes: Any) -> DisputeView:
    """The customer opens a dispute, as the app does."""
    shown = await dispute(world.ctx, world["customer"], order_id)
    assert shown.typed_data is not None
    given = {"reason": BENT, "photos": (), "signature": world.signature("customer", shown.typed_data)} | changes
    return await open_dispute(world.ctx, world["customer"], order_id, **given)


async def disputed(world: World) -> str:
    """An order in dispute, as the chain says; its id."""
    order_id = await world.delivered()
    await signed(world, order_id)
    await world.work()
    return order_id


async def delivery_of(world: World, order_id: str) -> Agreement:
    return (await world.agreements(order_id))[0]


async def decide(world: World, order_id: str, payee_bps: int) -> None:
    """The arbiter signs a share, and somebody sends it."""
    delivery = await delivery_of(world, order_id)
    books = world.chain.node.ledger.books[delivery.id]
    number = resolution(books.disputed_at, payee_bps)
    given: Consent = await consent(world, delivery.terms.arbiter, delivery.id, ActionKind.RESOLVE, number)
    await world.chain.act(f"verdict:{order_id}", delivery, ActionKind.RESOLVE, given)
    await world.work()


async def show(world: World, who: str, order_id: str, **more: Any) -> str:
    """Somebody hands a photo in; its digest."""
    return (await upload_photo(world.ctx, world[who], order_id, "JPEG", photo("JPEG", **more))).digest


@pytest.mark.req(54, 91)
async def test_a_worker_that_dies_anywhere_asks_the_arbiter_once(world: World) -> None:
    order_id = await world.delivered()
    faults = Faults(first_time(""))
    restarting(world, faults)
    await signed(world, order_id)
    await world.work()
    assert {"before commit", "after commit"} <= set(faults.crashes)
    assert any("chain" in point for point in faults.crashes)
    assert (await delivery_of(world, order_id)).status is AgreementStatus.DISPUTED
    rows = await world.rows("SELECT attempts FROM outbox WHERE kind = 'submit_dispute' AND status = 'done'")
    assert [row.attempts >= 2 for row in rows] == [True]
    assert [name for name in await world.events(order_id) if name == "DisputeRecorded"] == ["DisputeRecorded"]
    assert await world.parked() == []


@pytest.mark.req(88, 91)
async def test_from_the_complaint_to_the_split(world: World) -> None:
    order_id = await world.delivered()
    before = await dispute(world.ctx, world["customer"], order_id)
    delivery = await delivery_of(world, order_id)
    held = delivery.terms.amount_minor - sum(payout.amount_minor for payout in delivery.payouts)
    assert (before.state, before.may_open, before.held_minor) == ("none", True, held)
    rows = {row.label: row.value for row in before.readable}
    assert rows["Held until it is decided"] == f"€ {held / 100:,.2f}"
    assert rows["Time to decide"] == "14 days"
    assert rows["If the arbiter says nothing"] == f"€ {held / 100:,.2f} to the manufacturer"
    head = datetime.fromtimestamp(world.chain.node.head.timestamp, UTC)
    assert before.open_until is not None
    assert before.open_until <= head + timedelta(seconds=world.ctx.policy.accept_window_s)
    sent = await signed(world, order_id, photos=[await show(world, "customer", order_id)])
    assert (sent.state, sent.typed_data, sent.may_open) == ("sent", None, False)
    await world.work()
    assert (await delivery_of(world, order_id)).status is AgreementStatus.DISPUTED
    shown = await view_order(world.ctx, world["customer"], order_id)
    assert (shown.dispute, shown.title) == ("open", "In dispute: the arbiter decides")
    assert shown.next_action is None
    await answer_dispute(world.ctx, world["maker"], order_id, text="They left us straight.", photos=())
    for who in ("customer", "maker"):
        told = await dispute(world.ctx, world[who], order_id)
        assert [(one.by, one.text, len(one.photos)) for one in told.statements] == [
            ("customer", BENT, 1),
            ("manufacturer", "They left us straight.", 0),
        ]
        assert told.decide_by is not None
    spent = customer(world)
    await decide(world, order_id, 2_500)
    await world.sign_open("maker")  # the supplies end by their own ways
    await world.work()
    assert await world.status(order_id) is Status.SETTLED
    ended = await dispute(world.ctx, world["customer"], order_id)
    assert ended.outcome is not None
    part = held * 2_500 // 10_000
    assert (ended.state, ended.outcome.why) == ("decided", "verdict")
    assert ended.outcome.customer_minor == held - part == spent - customer(world)
    assert ended.outcome.manufacturer_minor + ended.outcome.fee_minor == part
    assert ended.readable == ()
    names = await world.events(order_id)
    assert [name for name in names if name.startswith("Dispute")] == [
        "DisputeOpened",
        "DisputeRecorded",
        "DisputeAnswered",
        "DisputeDecided",
    ]
    assert await world.parked() == []


async def test_a_silent_arbiter_is_told_as_silence(world: World) -> None:
    order_id = await disputed(world)
    (asked,) = await world.rows("SELECT * FROM outbox WHERE kind = 'timeout'")
    for late_s in (1, 120):
        await at(world, int(asked.detail) + late_s)
    ended = await dispute(world.ctx, world["maker"], order_id)
    assert ended.outcome is not None
    assert (ended.outcome.why, ended.outcome.customer_minor) == ("silence", 0)
    assert await world.parked() == []


async def test_time_does_not_accept_what_is_disputed(world: World) -> None:
    order_id = await disputed(world)
    world.pass_time(seconds=world.ctx.policy.accept_window_s + 2)
    await world.work()
    assert (await delivery_of(world, order_id)).status is AgreementStatus.DISPUTED
    assert await world.parked() == []
    with pytest.raises(InvalidTransition, match="the arbiter divides what is held"):
        await acceptance(world.ctx, world["customer"], order_id)


class TestRefusals:
    async def test_what_was_not_delivered_is_not_disputed_here(self, world: World) -> None:
        order_id = await world.shipped()
        shown = await dispute(world.ctx, world["customer"], order_id)
        assert (shown.may_open, shown.typed_data, shown.readable) == (False, None, ())
        assert shown.why_not == "an order that is shipped cannot be disputed before it is delivered"
        with pytest.raises(InvalidTransition, match="before it is delivered"):
            await open_dispute(world.ctx, world["customer"], order_id, reason=BENT, photos=(), signature="0x00")

    async def test_before_there_is_an_agreement_there_is_nothing_to_dispute(self, world: World) -> None:
        order_id = (await world.place()).id
        shown = await dispute(world.ctx, world["customer"], order_id)
        assert (shown.held_minor, shown.may_open, shown.statements) == (0, False, ())
        with pytest.raises(NotFound):
            await open_dispute(world.ctx, world["customer"], order_id, reason=BENT, photos=(), signature="0x00")

    async def test_too_late_is_said_before_the_chain_says_it(self, world: World) -> None:
        order_id = await world.delivered()
        until = (await dispute(world.ctx, world["customer"], order_id)).open_until
        assert until is not None
        world.clock.set(until + timedelta(seconds=1))
        shown = await dispute(world.ctx, world["customer"], order_id)
        assert shown.why_not is not None
        assert shown.why_not.endswith("the time to check the goods has passed")

    async def test_what_was_accepted_is_not_disputed(self, world: World) -> None:
        order_id = await world.delivered()
        await world.accept(order_id)
        assert "your acceptance has been sent" in str((await dispute(world.ctx, world["customer"], order_id)).why_not)
        await world.work()
        assert "its money has been paid out" in str((await dispute(world.ctx, world["customer"], order_id)).why_not)

    async def test_another_key_opens_nothing(self, world: World) -> None:
        order_id = await world.delivered()
        shown = await dispute(world.ctx, world["customer"], order_id)
        assert shown.typed_data is not None
        with pytest.raises(InvalidInput, match="signature"):
            await signed(world, order_id, signature=world.signature("maker", shown.typed_data))
        with pytest.raises(InvalidInput, match="say what is wrong"):
            await signed(world, order_id, reason="  ")
        assert (await world.order(order_id)).dispute == "none"

    async def test_it_is_opened_once(self, world: World) -> None:
        order_id = await world.delivered()
        shown = await dispute(world.ctx, world["customer"], order_id)
        assert shown.typed_data is not None
        signature = world.signature("customer", shown.typed_data)
        await signed(world, order_id)
        with pytest.raises(InvalidTransition, match="add what is missing"):
            await signed_again(world, order_id, signature)

    async def test_nobody_answers_what_is_not_disputed(self, world: World) -> None:
        order_id = await world.delivered()
        with pytest.raises(InvalidTransition, match="it is not in dispute"):
            await answer_dispute(world.ctx, world["maker"], order_id, text="Why?", photos=())
        with pytest.raises(InvalidInput, match="is needed where no photo is shown"):
            await answer_dispute(world.ctx, world["maker"], order_id, text=" ", photos=())


async def signed_again(world: World, order_id: str, signature: str) -> None:
    await open_dispute(world.ctx, world["customer"], order_id, reason=BENT, photos=(), signature=signature)


class TestTable:
    """Who sits at it: both sides, and whoever holds the arbiter's key."""

    async def test_those_who_supply_or_carry_do_not(self, world: World) -> None:
        order_id = await disputed(world)
        for who in ("amp", "reconcavo", "carrier"):
            with pytest.raises(NotFound):
                await dispute(world.ctx, world[who], order_id)
            told = [item.name for item in await timeline(world.ctx, world[who], order_id)]
            assert not any(name.startswith("Dispute") for name in told)
            assert (await view_order(world.ctx, world[who], order_id)).dispute is None

    async def test_the_arbiter_does_once_there_is_a_dispute_and_says_nothing(self, world: World) -> None:
        arbiter = "arbiter"
        await world.join(arbiter, Role.CUSTOMER)
        parameters = await world.chain.parameters()
        world.chain._parameters = type(parameters)(
            **{name: getattr(parameters, name) for name in parameters.__dataclass_fields__ if name != "arbiter"},
            arbiter=address_of(arbiter),
        )
        order_id = await world.delivered()
        digest = await show(world, "customer", order_id)
        with pytest.raises(NotFound):
            await dispute(world.ctx, world[arbiter], order_id)
        await signed(world, order_id, photos=[digest])
        seen = await dispute(world.ctx, world[arbiter], order_id)
        assert (seen.state, seen.may_open, seen.may_answer, seen.typed_data) == ("sent", False, False, None)
        assert await read_photo_of(world.ctx, world[arbiter], order_id, digest)
        with pytest.raises(NotFound):
            await answer_dispute(world.ctx, world[arbiter], order_id, text="Hm.", photos=())
        with pytest.raises(NotFound):
            await upload_photo(world.ctx, world[arbiter], order_id, "JPEG", photo())
        with pytest.raises(NotFound):
            await view_order(world.ctx, world[arbiter], order_id)


class TestPhotos:
    async def test_a_photo_is_its_sides_own_until_it_is_said(self, world: World) -> None:
        order_id = await world.delivered()
        digest = await show(world, "customer", order_id)
        assert [one.digest for one in (await dispute(world.ctx, world["customer"], order_id)).photos] == [digest]
        assert await read_photo_of(world.ctx, world["customer"], order_id, digest)
        with pytest.raises(NotFound):
            await read_photo_of(world.ctx, world["maker"], order_id, digest)
        await signed(world, order_id, photos=[digest, digest])
        told = await dispute(world.ctx, world["customer"], order_id)
        assert (told.photos, [one.digest for one in told.statements[0].photos]) == ((), [digest])
        assert await read_photo_of(world.ctx, world["maker"], order_id, digest)
        with pytest.raises(NotFound):
            await drop_photo(world.ctx, world["customer"], order_id, digest)

    async def test_it_is_content_addressed_and_can_be_taken_back(self, world: World) -> None:
        order_id = await world.delivered()
        digest = await show(world, "customer", order_id)
        assert await show(world, "customer", order_id) == digest
        data = await read_photo_of(world.ctx, world["customer"], order_id, digest)
        assert world.chain.keccak(data) == digest
        with pytest.raises(NotFound):
            await drop_photo(world.ctx, world["maker"], order_id, digest)
        await drop_photo(world.ctx, world["customer"], order_id, digest)
        assert (await dispute(world.ctx, world["customer"], order_id)).photos == ()

    async def test_nobody_shows_what_is_not_theirs(self, world: World) -> None:
        order_id = await world.delivered()
        theirs = await show(world, "maker", order_id)
        with pytest.raises(InvalidInput, match=r"photos\.0"):
            await signed(world, order_id, photos=[theirs])
        many = [f"0x{number:064x}" for number in range(7)]
        with pytest.raises(InvalidInput, match="more than 6 photos"):
            await signed(world, order_id, photos=many)
        assert (await world.order(order_id)).dispute == "none"

    async def test_there_is_an_end_to_them(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dispute_photos, "MOST_OF_A_SIDE", 2)
        order_id = await world.delivered()
        for width in (10, 20):
            await show(world, "customer", order_id, size=(width, 10))
        await show(world, "customer", order_id, size=(20, 10))  # it is there already
        with pytest.raises(Conflict, match="take one back"):
            await show(world, "customer", order_id, size=(30, 10))
        await show(world, "maker", order_id, size=(30, 10))

    @pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff broken"])
    async def test_what_is_no_photo_is_refused(self, world: World, data: bytes) -> None:
        order_id = await world.delivered()
        with pytest.raises(InvalidInput, match="file"):
            await upload_photo(world.ctx, world["customer"], order_id, "JPEG", data)

    async def test_what_is_too_much_is_refused(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        order_id = await world.delivered()
        monkeypatch.setattr(dispute_photos, "MOST_KEPT", 10)
        with pytest.raises(InvalidInput, match="too detailed"):
            await upload_photo(world.ctx, world["customer"], order_id, "JPEG", photo())


async def test_a_stale_signature_of_a_later_state_is_not_sent(world: World) -> None:
    """The relay sends a dispute only in the state that it names."""
    order_id = await world.delivered()
    delivery = await delivery_of(world, order_id)
    await signed(world, order_id)
    other = await consent(world, "customer", delivery.id, ActionKind.ACCEPT)
    await world.chain.act("accepted elsewhere", delivery, ActionKind.ACCEPT, other)
    await world.work()
    assert (await delivery_of(world, order_id)).status is AgreementStatus.SETTLED
    assert await world.parked() == []
