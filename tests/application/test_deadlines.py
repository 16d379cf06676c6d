"""Every wait ends by itself: offers lapse, late orders are refunded, silence counts as acceptance."""

from datetime import UTC, datetime, timedelta

import pytest

from marketplace.application.acceptance_rule import set_rule
from marketplace.application.confirm_quote import confirmation
from marketplace.application.gather_signatures import requests
from marketplace.application.hand_over import hand_over
from marketplace.application.relay import relay_due
from marketplace.domain.acceptance import AcceptanceRule
from marketplace.domain.agreement import AgreementStatus
from marketplace.domain.errors import Conflict, InvalidTransition
from marketplace.domain.order import Status
from marketplace.domain.reactions import CONFIRM_MARGIN, WAITS
from marketplace.ports.supplier_directory import DirectoryUnavailable
from tests.application.example import FUNDS_MINOR, SECRET, TOTAL_MINOR, address_of
from tests.application.world import World

SECOND = timedelta(seconds=1)


async def step_to(world: World, at: datetime) -> None:
    """Go there and let everything happen that is due."""
    world.set_time(at)
    await world.work()


async def refunds_at(world: World, order_id: str) -> datetime:
    """The first second in which anybody may send the delivery's money back."""
    terms = (await world.agreements(order_id))[0].terms
    return datetime.fromtimestamp(terms.deliver_by + terms.grace + 1, UTC)


async def relay_only(world: World) -> None:
    """The outbox's half of the worker: the chain is not read."""
    while await relay_due(world.ctx):
        pass


class TestOffers:
    @pytest.mark.req(88)
    async def test_an_order_that_nobody_can_make_lapses_after_a_day(self, world: World) -> None:
        world.directory.fail(DirectoryUnavailable("no answer"))
        order_id = (await world.place()).id
        await world.work()
        placed = world.clock.now()
        await step_to(world, placed + WAITS[Status.PLACED] - SECOND)
        assert await world.status(order_id) is Status.PLACED
        await step_to(world, placed + WAITS[Status.PLACED])
        assert await world.status(order_id) is Status.EXPIRED

    async def test_an_exception_that_nobody_decides_lapses(self, world: World) -> None:
        await set_rule(world.ctx, world["maker"], AcceptanceRule(accept_automatically=False))
        order_id = (await world.place()).id
        await world.work()
        await step_to(world, world.clock.now() + WAITS[Status.MATCHED])
        assert await world.status(order_id) is Status.EXPIRED

    @pytest.mark.req(78)
    async def test_terms_that_nobody_signs_are_void_with_their_requests(self, world: World) -> None:
        order_id = (await world.place()).id
        await world.work()
        drafts = await world.agreements(order_id)
        await world.sign_open("amp")
        (waiting,) = await requests(world.ctx, world["reconcavo"], open_only=True)
        firm_until = (await world.order(order_id)).firm_until
        assert firm_until is not None
        await step_to(world, firm_until - SECOND)
        assert await world.status(order_id) is Status.SOURCING
        await step_to(world, firm_until)
        assert await world.status(order_id) is Status.EXPIRED
        async with world.ctx.uow.read() as tx:
            for draft in drafts:
                found = await tx.agreements.get(draft.id)
                assert found is not None
                assert found.status is AgreementStatus.VOID
        assert await requests(world.ctx, world["reconcavo"], open_only=True) == ()
        with pytest.raises(Conflict, match="void"):
            await world.sign("reconcavo", waiting.id, dict(waiting.typed_data))

    async def test_a_quote_that_is_not_confirmed_lapses(self, world: World) -> None:
        order_id = await world.quoted()
        firm_until = (await world.order(order_id)).firm_until
        assert firm_until is not None
        await step_to(world, firm_until)
        assert await world.status(order_id) is Status.EXPIRED
        with pytest.raises(InvalidTransition):
            await confirmation(world.ctx, world["customer"], order_id)
        assert world.chain.balance_minor(address_of("customer")) == FUNDS_MINOR

    async def test_a_confirmed_order_that_cannot_be_opened_lapses_and_costs_nothing(self, world: World) -> None:
        order_id = await world.quoted()
        await world.confirm(order_id)
        world.chain.node.is_away = True
        firm_until = (await world.order(order_id)).firm_until
        assert firm_until is not None
        world.clock.set(firm_until + CONFIRM_MARGIN - SECOND)
        await relay_only(world)
        assert await world.status(order_id) is Status.CONFIRMED
        world.clock.set(firm_until + CONFIRM_MARGIN)
        await relay_only(world)
        assert await world.status(order_id) is Status.EXPIRED
        world.chain.node.is_away = False
        await step_to(world, world.clock.now() + timedelta(hours=1))
        assert await world.status(order_id) is Status.EXPIRED
        assert world.chain.balance_minor(address_of("customer")) == FUNDS_MINOR

    async def test_money_that_opened_after_we_had_given_up_is_still_money(self, world: World) -> None:
        order_id = await world.quoted()
        await world.confirm(order_id)
        await relay_only(world)  # it is on the chain, and nobody reads the chain
        firm_until = (await world.order(order_id)).firm_until
        assert firm_until is not None
        world.clock.set(firm_until + CONFIRM_MARGIN)
        await relay_only(world)
        assert await world.status(order_id) is Status.EXPIRED
        await world.work()
        assert await world.status(order_id) is Status.CONTRACTED
        assert [item.status for item in await world.agreements(order_id)] == [AgreementStatus.OPEN] * 3


@pytest.mark.req(76, 80)
@pytest.mark.parametrize("stage", ["contracted", "supplied", "shipped"])
async def test_what_never_comes_is_refunded_after_date_and_grace(world: World, stage: str) -> None:
    order_id = await getattr(world, stage)()
    late = await refunds_at(world, order_id)
    await step_to(world, late - timedelta(minutes=1))
    assert await world.status(order_id) not in (Status.REFUNDED, Status.SETTLED)
    await step_to(world, late)
    await step_to(world, late + timedelta(minutes=2))
    assert await world.status(order_id) is Status.REFUNDED
    assert await world.parked() == []
    delivery, *supplies = await world.agreements(order_id)
    assert delivery.status is AgreementStatus.REFUNDED
    back = sum(item.amount_minor for item in delivery.payouts if item.party == "payer")
    assert world.chain.balance_minor(address_of("customer")) == FUNDS_MINOR - TOTAL_MINOR + back
    # What was not proved went back whole; no supply is left open either.
    assert back >= TOTAL_MINOR * 7 // 10
    assert {item.status for item in supplies} <= {AgreementStatus.REFUNDED, AgreementStatus.SETTLED}


async def test_what_was_delivered_is_never_refunded(world: World) -> None:
    order_id = await world.delivered()
    await step_to(world, await refunds_at(world, order_id) + timedelta(days=1))
    assert "OrderRefunded" not in await world.events(order_id)
    assert (await world.agreements(order_id))[0].status is AgreementStatus.SETTLED


@pytest.mark.req(80, 86)
async def test_silence_counts_as_acceptance_after_the_window(world: World) -> None:
    order_id = await world.delivered()
    window = timedelta(seconds=world.ctx.policy.accept_window_s)
    await step_to(world, world.clock.now() + window - timedelta(minutes=1))
    assert await world.status(order_id) is Status.DELIVERED
    await step_to(world, world.clock.now() + timedelta(minutes=3))
    await step_to(world, world.clock.now() + timedelta(minutes=3))
    assert await world.status(order_id) is Status.SETTLED
    assert {item.status for item in await world.agreements(order_id)} == {AgreementStatus.SETTLED}
    assert "DeliveryAccepted" not in await world.events(order_id)
    assert await world.parked() == []
    paid = [world.chain.balance_minor(address_of(name)) for name in ("customer", "amp", "reconcavo")]
    assert paid == [FUNDS_MINOR - TOTAL_MINOR, 7_600, 3_200]


@pytest.mark.req(80)
async def test_a_proved_share_is_paid_when_nobody_contests_it_in_time(world: World) -> None:
    order_id = await world.contracted()
    await world.make("amp")
    await world.work()
    supply = (await world.agreements(order_id))[1]
    assert supply.milestone_states[0][0] == "proved"
    assert world.chain.balance_minor(address_of("amp")) == 0
    window = timedelta(seconds=world.ctx.policy.contest_window_s)
    await step_to(world, world.clock.now() + window - timedelta(minutes=1))
    assert world.chain.balance_minor(address_of("amp")) == 0
    await step_to(world, world.clock.now() + timedelta(minutes=3))
    assert world.chain.balance_minor(address_of("amp")) == 7_600 * 3_000 // 10_000
    assert (await world.agreements(order_id))[1].milestone_states[0][0] == "paid"


async def test_a_late_delivery_costs_the_maker_by_the_day(world: World) -> None:
    order_id = await world.shipped()
    terms = (await world.agreements(order_id))[0].terms
    await step_to(world, datetime.fromtimestamp(terms.deliver_by, UTC) + timedelta(hours=25))
    await hand_over(world.ctx, world["carrier"], order_id, secret=SECRET)
    await world.work()
    await world.accept(order_id)
    await world.work()
    two_days = TOTAL_MINOR * 2 * world.ctx.policy.penalty_bps_per_day // 10_000
    assert world.chain.balance_minor(address_of("customer")) == FUNDS_MINOR - TOTAL_MINOR + two_days
