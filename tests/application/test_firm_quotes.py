"""A quote becomes firm although suppliers decline, are silent or want more, and it stays what it was shown to be."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from marketplace.application.acceptance_rule import set_rule
from marketplace.application.draft_supply import draft_supply
from marketplace.application.gather_signatures import counter, decline, requests
from marketplace.application.view_orders import order as view_order
from marketplace.application.view_timeline import timeline
from marketplace.application.views import SignatureRequestView
from marketplace.domain.acceptance import AcceptanceRule
from marketplace.domain.agreement import AgreementKind, AgreementStatus
from marketplace.domain.errors import Conflict, DomainError, InvalidInput, NotFound
from marketplace.domain.order import VACANT, Status
from marketplace.ports.chain import ChainRefused
from tests.application.example import LISTINGS, SUPPLY_MINOR, TOTAL_MINOR
from tests.application.world import World


async def first(world: World, name: str) -> SignatureRequestView:
    """The request that lies longest before an organisation."""
    return (await requests(world.ctx, world[name], open_only=True))[0]


async def sourcing(world: World) -> str:
    """An order whose suppliers are asked: AMP for bases and covers, Reconcavo for drilling; Tejo is next for both."""
    order_id = (await world.place()).id
    await world.work()
    assert await world.status(order_id) is Status.SOURCING
    return order_id


@pytest.mark.req(71, 78)
async def test_a_decline_takes_the_next_in_rank_under_the_same_delivery(world: World) -> None:
    order_id = await sourcing(world)
    before = await world.agreements(order_id)
    await world.sign_open("reconcavo", "maker")
    view = await decline(world.ctx, world["amp"], (await first(world, "amp")).id, reason="no capacity")
    assert view.status == "declined"
    assert await world.status(order_id) is Status.SOURCING
    await world.work()
    delivery, *supplies = await world.agreements(order_id)
    assert (delivery.id, delivery.terms, len(supplies)) == (before[0].id, before[0].terms, 2)
    assert delivery.payee_signature is not None
    assert {one.payee_id for one in supplies} == {world[name].party_id for name in ("reconcavo", "tejo")}
    assert all(one.terms.parent == delivery.id for one in supplies)
    assert all(one.terms.fund_by == delivery.terms.fund_by for one in supplies)
    # Nobody but the new supplier and its payer is asked again.
    assert await world.sign_open("reconcavo") == 0
    assert await world.sign_open("tejo", "maker") == 2
    quoted = await world.order(order_id)
    assert (quoted.status, quoted.excluded_suppliers) == (Status.QUOTED, ("amp",))
    await world.confirm(order_id)
    await world.work()
    assert await world.status(order_id) is Status.CONTRACTED
    opened = await world.agreements(order_id)
    assert [one.status for one in opened] == [AgreementStatus.OPEN] * 3
    assert opened[0].terms.amount_minor == TOTAL_MINOR
    assert await world.parked() == []


@pytest.mark.req(47, 71)
async def test_silence_takes_the_next_in_rank_when_its_time_has_passed(world: World) -> None:
    order_id = await sourcing(world)
    late = await first(world, "amp")
    shown = (await view_order(world.ctx, world["customer"], order_id)).quote
    assert shown is not None
    assert (shown.kind, shown.version) == ("indicative", 1)
    assert shown.firm_by is not None
    assert shown.firm_by - world.clock.now() <= timedelta(seconds=world.ctx.policy.answer_s)
    assert abs(late.deadline - shown.firm_by) < timedelta(seconds=1)
    await world.sign_open("reconcavo", "maker")
    world.set_time(shown.firm_by - timedelta(seconds=1))
    await world.work()
    assert "SupplierSilent" not in await world.events(order_id)
    world.set_time(shown.firm_by + timedelta(seconds=1))
    await world.work()
    with pytest.raises(Conflict, match="void: the time to answer has passed, and another supplier is asked"):
        await world.sign("amp", late.id, dict(late.typed_data))
    later = (await view_order(world.ctx, world["customer"], order_id)).quote
    assert later is not None
    assert later.firm_by is not None
    assert later.firm_by > shown.firm_by
    await world.sign_open("tejo", "maker")
    firm = (await view_order(world.ctx, world["customer"], order_id)).quote
    assert firm is not None
    assert (firm.kind, firm.version, firm.firm_by, firm.firm_until) == ("firm", 1, None, shown.firm_until)
    assert (firm.total_minor, firm.deliver_by, firm.digest) == (shown.total_minor, shown.deliver_by, shown.digest)
    told = [item.title for item in await timeline(world.ctx, world["customer"], order_id)]
    assert "AMP did not answer in time" in told
    assert "Tejo Precision is asked next" in told


async def test_a_signature_in_time_is_no_silence(world: World) -> None:
    order_id = await sourcing(world)
    await world.sign_open("amp", "reconcavo")
    world.pass_time(hours=5)
    await world.work()
    assert "SupplierSilent" not in await world.events(order_id)


async def test_every_silent_supplier_leaves_time_for_the_next_and_for_the_customer(world: World) -> None:
    order_id = await sourcing(world)
    fund_by = (await world.order(order_id)).firm_until
    assert fund_by is not None
    for _ in range(2):
        asked = (await world.order(order_id)).firm_by
        assert asked is not None
        assert asked <= world.clock.now() + (fund_by - world.clock.now()) / 4
        world.set_time(asked + timedelta(seconds=1))
        await world.work()


async def test_an_exhausted_bench_searches_again_and_then_gives_up(world: World) -> None:
    order_id = await sourcing(world)
    await decline(world.ctx, world["amp"], (await first(world, "amp")).id, reason="no")
    await world.work()
    mine = await first(world, "tejo")
    others = await first(world, "reconcavo")
    await decline(world.ctx, world["tejo"], mine.id, reason="no")
    with pytest.raises(Conflict, match="void: suppliers are looked for again"):
        await world.sign("reconcavo", others.id, dict(others.typed_data))
    assert (await world.order(order_id)).searches == 1
    await world.work()
    assert await world.status(order_id) is Status.REJECTED
    async with world.ctx.uow.read() as tx:
        assert await tx.agreements.of_order(order_id) == []


class TestCounters:
    """A supplier names another price or day."""

    async def test_what_the_quote_has_room_for_is_drafted_anew_and_asked_of_both(self, world: World) -> None:
        order_id = await sourcing(world)
        asked = await first(world, "amp")
        await world.sign_open("maker", "reconcavo")
        view = await counter(
            world.ctx, world["amp"], asked.id, amount_minor=7_700, deliver_by=world.day(12), reason="sooner, but dearer"
        )
        assert view.status == "countered"
        await world.work()
        (supply,) = [one for one in await world.agreements(order_id) if one.payee_id == world["amp"].party_id]
        assert supply.terms.amount_minor == 7_700
        assert supply.terms.deliver_by < (await world.agreements(order_id))[0].terms.deliver_by - 86_400
        assert await world.sign_open("amp", "maker") == 2
        quote = (await view_order(world.ctx, world["customer"], order_id)).quote
        assert quote is not None
        assert (quote.kind, quote.total_minor) == ("firm", TOTAL_MINOR)
        with pytest.raises(Conflict, match="countered"):
            await world.sign("amp", asked.id, dict(asked.typed_data))

    async def test_what_it_has_no_room_for_asks_the_next(self, world: World) -> None:
        order_id = await sourcing(world)
        asked = await first(world, "amp")
        await counter(world.ctx, world["amp"], asked.id, amount_minor=50_000, deliver_by=None, reason="steel")
        await world.work()
        assert {choice.supplier_id for choice in (await world.order(order_id)).choices} == {"tejo", "reconcavo"}
        (told,) = [
            one for one in await timeline(world.ctx, world["maker"], order_id) if one.name == "SupplierCountered"
        ]
        assert told.title == "AMP asked for other terms"
        assert "more than the quote leaves" in told.detail

    @pytest.mark.parametrize("amount", [0, -1, True, 2**53, 1.5, float("nan"), float("inf"), 10**400])
    async def test_what_is_no_price_is_refused_and_changes_nothing(self, world: World, amount: object) -> None:
        order_id = await sourcing(world)
        asked = await first(world, "amp")
        with pytest.raises(InvalidInput, match="amount_minor"):
            await counter(world.ctx, world["amp"], asked.id, amount_minor=amount, deliver_by=None, reason="")  # type: ignore[arg-type]
        assert (await first(world, "amp")).status == "open"
        assert await world.status(order_id) is Status.SOURCING

    async def test_only_a_supplier_counters_and_names_something(self, world: World) -> None:
        await sourcing(world)
        mine, its = await first(world, "amp"), await first(world, "maker")
        for field, day in (("amount_minor", None), ("deliver_by", world.day(-1))):
            with pytest.raises(InvalidInput, match=field):
                await counter(world.ctx, world["amp"], mine.id, amount_minor=None, deliver_by=day, reason="")
        with pytest.raises(InvalidInput, match="purpose"):
            await counter(world.ctx, world["maker"], its.id, amount_minor=1, deliver_by=None, reason="")
        with pytest.raises(NotFound):
            await counter(world.ctx, world["tejo"], mine.id, amount_minor=1, deliver_by=None, reason="")


@pytest.mark.parametrize("other", ["decline", "counter"])
async def test_of_two_answers_at_once_one_counts(world: World, other: str) -> None:
    order_id = await sourcing(world)
    mine = await first(world, "amp")
    signing = world.sign("amp", mine.id, dict(mine.typed_data))
    if other == "decline":
        instead = decline(world.ctx, world["amp"], mine.id, reason="no")
    else:
        instead = counter(world.ctx, world["amp"], mine.id, amount_minor=7_700, deliver_by=None, reason="")
    answers = await asyncio.gather(signing, instead, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, DomainError)]
    assert len(refused) == 1
    assert isinstance(refused[0], Conflict)
    order = await world.order(order_id)
    assert (VACANT in order.supply_ids) == isinstance(answers[0], Conflict)


async def test_terms_are_drafted_once_however_often_the_effect_is_done(world: World) -> None:
    order_id = await sourcing(world)
    await draft_supply(world.ctx, order_id)  # there is no place to fill
    await decline(world.ctx, world["amp"], (await first(world, "amp")).id, reason="no")
    await asyncio.gather(draft_supply(world.ctx, order_id), draft_supply(world.ctx, order_id), return_exceptions=True)
    await draft_supply(world.ctx, order_id)
    await world.work()
    supplies = [one for one in await world.agreements(order_id) if one.kind is AgreementKind.SUPPLY]
    assert len(supplies) == 2
    assert (await world.events(order_id)).count("SupplyDrafted") == 1
    assert len(await requests(world.ctx, world["tejo"], open_only=True)) == 1
    assert await world.parked() == []


@pytest.mark.req(52)
async def test_terms_are_void_when_the_quote_lapses_here_and_on_the_chain(world: World) -> None:
    order_id = await world.quoted()
    delivery, *supplies = await world.agreements(order_id)
    world.set_time((await world.order(order_id)).firm_until + timedelta(seconds=1))  # type: ignore[operator]
    await world.work()
    assert await world.status(order_id) is Status.EXPIRED
    async with world.ctx.uow.read() as tx:
        for one in (delivery, *supplies):
            found = await tx.agreements.get(one.id)
            assert found is not None
            assert found.status is AgreementStatus.VOID
    with pytest.raises(ChainRefused):
        await world.chain.open_batch("too late", replace(delivery, payer_signature="0x"), supplies)


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"min_margin_bps": 9_000}, "the margin is smaller"),
        ({"most_open_orders": 0}, "0 orders are open"),
        ({"products": ("another",)}, "the product pneumatic-cylinder"),
        ({"known_customers_only": True}, "the customer is new"),
    ],
)
async def test_each_limit_of_the_rule_names_itself(world: World, limits: dict[str, object], why: str) -> None:
    await set_rule(world.ctx, world["maker"], AcceptanceRule(**limits))  # type: ignore[arg-type]
    order_id = (await world.place()).id
    await world.work()
    assert await world.status(order_id) is Status.MATCHED
    assert why in ((await world.order(order_id)).waiting_reason or "")


async def test_the_rule_counts_other_orders_and_knows_customers(world: World) -> None:
    await set_rule(world.ctx, world["maker"], AcceptanceRule(most_open_orders=1))
    first_id, second_id = (await world.place()).id, ""
    await world.work()
    assert await world.status(first_id) is Status.SOURCING
    second_id = (await world.place()).id
    await world.work()
    assert await world.status(second_id) is Status.MATCHED


async def test_the_margin_bounds_who_may_be_next(world: World) -> None:
    """22 % of € 600.00, less 2.5 % fee, are € 117.00; Tejo in AMP's place would make it € 130.80."""
    await set_rule(world.ctx, world["maker"], AcceptanceRule(min_margin_bps=7_800))
    order_id = await sourcing(world)
    assert (await world.order(order_id)).supplies_most_minor == 11_700
    assert sum(choice.amount_minor for choice in (await world.order(order_id)).choices) == SUPPLY_MINOR
    await decline(world.ctx, world["amp"], (await first(world, "amp")).id, reason="no")
    assert await world.status(order_id) is Status.PLACED


async def test_the_bench_is_ranked_fits_and_is_inside_what_is_signed(world: World) -> None:
    dear = [replace(one, id=f"x-{one.id}", supplier_id="x", supplier_name="X") for one in LISTINGS]
    world.directory.listings = [*LISTINGS, *dear]  # x has not joined: nobody could sign
    order_id = await sourcing(world)
    order = await world.order(order_id)
    assert [(one.supplier_id, set(one.lines)) for one in order.bench] == [
        ("tejo", set(choice.lines)) for choice in order.choices
    ]
    assert order.offers_digest is not None
    assert order.offers_digest.startswith("0x")
