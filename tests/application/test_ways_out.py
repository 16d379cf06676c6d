"""What parties do on the chain by themselves reaches the order: contests, cancellations, disputes, changed terms."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from marketplace.application import drafting
from marketplace.application.chain_sync import sync_chain
from marketplace.application.hand_over import hand_over
from marketplace.application.relay import relay_due
from marketplace.application.view_orders import order as view_order
from marketplace.domain.agreement import (
    NEVER,
    ActionKind,
    Agreement,
    AgreementKind,
    AgreementStatus,
    Milestone,
    OnChain,
    Payout,
    Terms,
)
from marketplace.domain.evidence import EventCode, Witness
from marketplace.domain.order import Status
from marketplace.ports.chain import Consent, resolution
from marketplace.ports.fakes.chain_ledger import START
from marketplace.ports.fakes.chain_messages import sign
from tests.application.example import FUNDS_MINOR, SECRET, SUPPLY_MINOR, TOTAL_MINOR, address_of
from tests.application.world import World

LATE = START + 99 * 86_400
ADVANCE_MINOR = TOTAL_MINOR * 2_236 // 10_000  # as much as pays Tejo too, who is next in rank behind AMP
LEFT_MINOR = TOTAL_MINOR - ADVANCE_MINOR
OTHER_SECRET = "0x" + "5f" * 32


async def consent(world: World, who: str, agreement_id: str, action: ActionKind, number: int = 0, **by: str) -> Consent:
    """The word of somebody, who is named or given by an address."""
    typed = await world.chain.action_to_sign(agreement_id, action, LATE, number)
    signature = world.signature(who, typed) if who in world.people else sign(who, typed)
    return Consent(signature, LATE, number, **by)


async def act(world: World, who: str, agreement: Agreement, action: ActionKind, number: int = 0, **by: str) -> None:
    """A party signs, somebody relays; then the worker hears of it."""
    given = await consent(world, who, agreement.id, action, number, **by)
    key = f"{action.name}:{agreement.id}:{number}:{world.chain.node.head.number}"
    await world.chain.act(key, agreement, action, given)
    await world.work()


async def at(world: World, seconds: int) -> None:
    """That second has come, and the worker has done what is due then."""
    world.set_time(datetime.fromtimestamp(seconds, UTC))
    await world.work()


async def first(world: World, order_id: str) -> Agreement:
    return (await world.agreements(order_id))[0]


def customer(world: World) -> int:
    """What the customer has spent so far, in cents."""
    return FUNDS_MINOR - world.chain.balance_minor(address_of("customer"))


def with_terms(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Deliveries are drafted on other terms than the platform's."""
    complete = drafting.Terms

    def terms(**fields: Any) -> Terms:
        return complete(**(fields | (changes if fields["kind"] is AgreementKind.DELIVERY else {})))

    monkeypatch.setattr(drafting, "Terms", terms)


class TestTerms:
    async def test_what_a_machine_proves_can_be_cancelled_until_it_is_proved(self, world: World) -> None:
        order_id = await world.contracted()
        delivery, amp, reconcavo = await world.agreements(order_id)
        assert delivery.terms.milestones[delivery.terms.cancel_until].code is EventCode.PRODUCTION_FINISHED
        assert amp.terms.milestones[amp.terms.cancel_until].code is EventCode.PRODUCTION_FINISHED
        # Nobody's machine would end the right at the drilling shop, which reports by hand.
        assert reconcavo.terms.cancel_until == NEVER


class TestClaims:
    async def test_a_contested_share_waits_for_the_delivery(self, world: World) -> None:
        order_id = await world.contracted()
        await world.make("amp")
        await world.work()
        supply = (await world.agreements(order_id))[1]
        await act(world, "maker", supply, ActionKind.CONTEST, 0)
        contested = (await world.agreements(order_id))[1]
        assert contested.milestone_states[0] == ("contested", supply.milestone_states[0][1])
        (_, amp, _) = (await view_order(world.ctx, world["maker"], order_id)).agreements
        assert amp.milestones[0].state == "contested"
        await at(world, world.chain.node.head.timestamp + 2 * world.ctx.policy.contest_window_s)
        assert world.chain.balance_minor(address_of("amp")) == 0
        assert await world.parked() == []

    async def test_what_the_payer_approves_is_paid_at_once(self, world: World) -> None:
        order_id = await world.contracted()
        delivery = await first(world, order_id)
        await act(world, "customer", delivery, ActionKind.APPROVE, 1)
        assert (await first(world, order_id)).milestone_states[1][0] == "paid"
        assert all(item.paid for item in (await first(world, order_id)).payouts if item.party == "payee")


class TestCancellations:
    async def test_the_customer_cancels_before_it_is_made(self, world: World) -> None:
        order_id = await world.contracted()
        delivery = await first(world, order_id)
        costs = ADVANCE_MINOR + LEFT_MINOR * world.ctx.policy.cancel_bps // 10_000
        await act(world, "customer", delivery, ActionKind.CANCEL, costs * 10_000)
        assert await world.status(order_id) is Status.REFUNDED
        assert customer(world) == costs
        # The supplies do not follow: each ends by its own ways.
        assert [item.status for item in await world.agreements(order_id)] == ["refunded", "open", "open"]

    async def test_the_manufacturer_gives_up(self, world: World) -> None:
        order_id = await world.contracted()
        await act(world, "maker", await first(world, order_id), ActionKind.REVOKE)
        assert await world.status(order_id) is Status.REFUNDED
        assert customer(world) == ADVANCE_MINOR
        assert "OrderRefunded" in await world.events(order_id)

    async def test_a_supplier_gives_up_and_the_order_goes_on(self, world: World) -> None:
        order_id = await world.contracted()
        _, amp, _ = await world.agreements(order_id)
        await act(world, "amp", amp, ActionKind.REVOKE)
        assert await world.status(order_id) is Status.CONTRACTED
        assert (await world.agreements(order_id))[1].status is AgreementStatus.REFUNDED


class TestDisputes:
    async def test_a_silent_arbiter_sends_undelivered_money_back(self, world: World) -> None:
        order_id = await world.contracted()
        await act(world, "customer", await first(world, order_id), ActionKind.DISPUTE)
        assert (await first(world, order_id)).status is AgreementStatus.DISPUTED
        decide_by = world.chain.node.ledger.books[(await first(world, order_id)).id].last_decision
        await at(world, decide_by)
        assert (await first(world, order_id)).status is AgreementStatus.DISPUTED
        await at(world, decide_by + 1)
        await at(world, decide_by + 120)
        assert (await first(world, order_id)).status is AgreementStatus.RESOLVED
        assert customer(world) == ADVANCE_MINOR
        assert await world.parked() == []

    async def test_the_order_is_settled_once_its_supplies_have_ended_too(self, world: World) -> None:
        order_id = await world.delivered()
        delivery = await first(world, order_id)
        await act(world, "customer", delivery, ActionKind.DISPUTE, int(OnChain.DELIVERED))
        books = world.chain.node.ledger.books[delivery.id]
        decision = resolution(books.disputed_at, 5_000)
        await act(world, delivery.terms.arbiter, delivery, ActionKind.RESOLVE, decision)
        assert (await first(world, order_id)).status is AgreementStatus.RESOLVED
        assert await world.status(order_id) is Status.DELIVERED
        await world.sign_open("maker")
        await world.work()
        assert await world.status(order_id) is Status.SETTLED
        assert customer(world) == ADVANCE_MINOR + LEFT_MINOR // 2

    async def test_a_handover_gives_the_arbiter_a_new_term_and_the_old_one_is_let_pass(self, world: World) -> None:
        order_id = await world.shipped()
        delivery = await first(world, order_id)
        await act(world, "maker", delivery, ActionKind.DISPUTE, by="payee")
        before = world.chain.node.ledger.books[delivery.id].last_decision
        await at(world, before - 3_600)
        assert await world.status(order_id) is Status.SHIPPED
        await hand_over(world.ctx, world["carrier"], order_id, secret=SECRET)
        await world.work()
        # The court case is not over because the parcel came.
        assert (await first(world, order_id)).status is AgreementStatus.DISPUTED
        await at(world, before + 60)
        waiting = await world.rows("SELECT * FROM outbox WHERE kind = 'timeout' ORDER BY id")
        assert [row.status for row in waiting] == ["done", "waiting"]
        after = world.chain.node.ledger.books[delivery.id].last_decision
        assert after > before
        await at(world, after + 1)
        await at(world, after + 120)
        assert (await first(world, order_id)).status is AgreementStatus.RESOLVED
        assert await world.parked() == []

    async def test_a_chain_that_lags_behind_is_asked_again(self, world: World) -> None:
        """The wall clock says that the arbiter's time is over, the chain's does not yet."""
        order_id = await world.contracted()
        await act(world, "customer", await first(world, order_id), ActionKind.DISPUTE)
        decide_by = world.chain.node.ledger.books[(await first(world, order_id)).id].last_decision
        world.clock.set(datetime.fromtimestamp(decide_by + 1, UTC))
        while await relay_due(world.ctx):
            pass
        (row,) = await world.rows("SELECT * FROM outbox WHERE kind = 'timeout'")
        assert (row.status, row.attempts, "the chain's clock" in row.reason) == ("waiting", 0, True)
        await at(world, decide_by + 120)
        assert (await first(world, order_id)).status is AgreementStatus.RESOLVED


class TestRetention:
    async def test_what_is_retained_is_released_when_its_window_is_over(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lanes = (
            Milestone(2_000, EventCode.OPENED),
            Milestone(1_000, EventCode.PRODUCTION_FINISHED, Witness.ATTESTOR),
            Milestone(500, EventCode.RETAINED),
        )
        window = 40 * 86_400
        with_terms(monkeypatch, milestones=lanes, retention_window=window)
        order_id = await world.delivered()
        delivered_at = world.chain.node.ledger.books[(await first(world, order_id)).id].delivered_at
        await world.accept(order_id)
        await world.sign_open("maker")
        await world.work()
        delivery = await first(world, order_id)
        assert delivery.status is AgreementStatus.RETAINED
        assert await world.status(order_id) is Status.DELIVERED
        await at(world, delivered_at + window)
        assert (await first(world, order_id)).status is AgreementStatus.RETAINED
        await at(world, delivered_at + window + 1)
        await at(world, delivered_at + window + 120)
        delivery = await first(world, order_id)
        assert (delivery.status, delivery.milestone_states[2][0]) == (AgreementStatus.SETTLED, "paid")
        assert await world.status(order_id) is Status.SETTLED
        assert await world.parked() == []


class TestMoneyThatDoesNotArrive:
    async def test_a_refused_payment_is_tried_again_and_the_order_waits_for_it(self, world: World) -> None:
        order_id = await world.delivered()
        world.chain.freeze(address_of("maker"))
        await world.accept(order_id)
        await world.work()
        delivery = await first(world, order_id)
        assert delivery.status is AgreementStatus.SETTLED
        assert [item.paid for item in delivery.payouts if item.party == "payee"] == [True, False]
        await world.sign_open("maker")
        await world.work()
        assert await world.status(order_id) is Status.DELIVERED
        world.chain.freeze(address_of("maker"), thaw=True)
        world.pass_time(minutes=2)
        await world.work()
        assert await world.status(order_id) is Status.SETTLED
        assert await world.parked() == []


class TestChangedTerms:
    async def _successor(self, world: World, delivery: Agreement) -> Agreement:
        changes = {
            "replaces": delivery.id,
            "milestones": (),
            "cancel_until": NEVER,
            "supply_count": 0,
            "amount": (LEFT_MINOR - 1_000) * delivery.terms.unit,
            "handover": world.chain.keccak(bytes.fromhex(OTHER_SECRET[2:])),
            "fund_by": delivery.terms.deliver_by,
        }
        terms = replace(delivery.terms, **changes)
        identity, address = await world.chain.terms_id(terms)
        typed = await world.chain.terms_to_sign(terms)
        return replace(
            delivery,
            id=identity,
            address=address,
            terms=terms,
            status=AgreementStatus.SIGNED,
            payer_signature=world.signature("customer", typed),
            payee_signature=world.signature("maker", typed),
            permit=None,
            milestone_states={},
            payouts=(),
        )

    async def _novate(self, world: World, order_id: str, *, known: bool) -> Agreement:
        delivery = await first(world, order_id)
        successor = await self._successor(world, delivery)
        if known:
            async with world.ctx.uow.write() as tx:
                await tx.agreements.save(successor)
        payer = await consent(world, "customer", successor.id, ActionKind.NOVATE)
        await world.chain.novate("novate", delivery, successor, [], payer)
        await world.work()
        return successor

    async def test_a_successor_takes_over_and_has_deadlines_of_its_own(self, world: World) -> None:
        order_id = await world.contracted()
        successor = await self._novate(world, order_id, known=True)
        old, new, *_ = await world.agreements(order_id)
        assert (old.status, new.status) == (AgreementStatus.RESOLVED, AgreementStatus.OPEN)
        assert old.payouts[-2:] == (
            Payout("successor", successor.address, LEFT_MINOR - 1_000, paid=True),
            Payout("payer", successor.terms.payer, 1_000, paid=True),
        )
        views = (await view_order(world.ctx, world["customer"], order_id)).agreements
        assert [(item.party, item.amount_minor) for item in views[0].payouts][-2][0] == "successor"
        end = successor.terms.deliver_by + successor.terms.grace
        await at(world, end + 1)
        await at(world, end + 120)
        assert (await world.agreements(order_id))[1].status is AgreementStatus.REFUNDED
        assert await world.status(order_id) is Status.REFUNDED
        assert customer(world) == ADVANCE_MINOR
        assert await world.parked() == []

    async def test_a_delivered_successor_settles_the_order_by_time(self, world: World) -> None:
        order_id = await world.contracted()
        successor = await self._novate(world, order_id, known=True)
        await world.chain.delivered_by_secret("d", successor, OTHER_SECRET)
        await world.work()
        assert await world.status(order_id) is Status.DELIVERED
        await at(world, world.chain.node.head.timestamp + successor.terms.accept_window + 60)
        assert (await world.agreements(order_id))[1].status is AgreementStatus.SETTLED
        await at(world, successor.terms.deliver_by + successor.terms.grace + 60)
        await at(world, successor.terms.deliver_by + successor.terms.grace + 120)
        assert await world.status(order_id) is Status.SETTLED

    async def test_money_in_terms_that_we_do_not_know_has_not_arrived(self, world: World) -> None:
        order_id = await world.contracted()
        successor = await self._novate(world, order_id, known=False)
        await at(world, successor.terms.deliver_by + successor.terms.grace + 60)
        await at(world, successor.terms.deliver_by + successor.terms.grace + 120)
        assert {item.status for item in await world.agreements(order_id)} == {"resolved", "refunded"}
        assert await world.status(order_id) is Status.CONTRACTED


async def test_what_the_platform_owes_nobody_is_never_asked_for(world: World) -> None:
    """Moves pay by themselves: no payment is queued but the one that a claim's window will end with."""
    order_id = await world.delivered()
    await world.accept(order_id)
    await world.sign_open("maker")
    await world.work()
    assert await world.status(order_id) is Status.SETTLED
    payments = await world.rows("SELECT * FROM outbox WHERE kind = 'pay_out'")
    assert all(row.key.startswith("sweep:") for row in payments)
    assert await sync_chain(world.ctx) == 0
    assert sum(world.chain.balance_minor(address_of(name)) for name in ("amp", "reconcavo")) == SUPPLY_MINOR
