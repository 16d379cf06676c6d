"""From the order to the last cent, driven by what the worker does and what people sign."""

import pytest

from marketplace.application.drafting import specification
from marketplace.application.hand_over import hand_over
from marketplace.application.inbox import messages
from marketplace.application.ship_order import ship_order
from marketplace.application.view_orders import list_orders
from marketplace.application.view_orders import order as view_order
from marketplace.application.view_timeline import timeline
from marketplace.domain.agreement import AgreementStatus
from marketplace.domain.order import Status
from marketplace.domain.price_trace import recompute
from tests.application.example import FUNDS_MINOR, SECRET, SUPPLY_MINOR, TOTAL_MINOR, address_of
from tests.application.world import World

FEE_MINOR = TOTAL_MINOR * 250 // 10_000
AMP_MINOR, RECONCAVO_MINOR = 7_600, 3_200
STORY = [
    *("OrderPlaced", "OrderMatched", "OrderAccepted", "AgreementsDrafted"),
    *("TermsSigned",) * 5,
    *("QuoteIssued", "QuoteConfirmed", "AgreementsOpened", "ProductionStarted"),
]


def balances(world: World) -> dict[str, int]:
    """Who has how much, in cents."""
    names = ("customer", "maker", "amp", "reconcavo")
    fee_receiver = "0x" + "fe" * 20
    return {name: world.chain.balance_minor(address_of(name)) for name in names} | {
        "fee": world.chain.balance_minor(fee_receiver)
    }


async def as_exported(world: World, order_id: str) -> None:
    """From what is stored the price can be worked out again, and the hash in every agreement's terms."""
    async with world.ctx.uow.read() as tx:
        order = await tx.orders.get(order_id)
    assert order is not None
    assert order.price is not None
    assert order.price.trace is not None
    assert recompute(order.price.trace) == ()
    delivery, *supplies = await world.agreements(order_id)
    for one in (delivery, *supplies):
        assert one.specification is not None
        assert world.chain.keccak(one.specification.encode()) == one.terms.spec_hash
    document = specification(order, order.price, delivery.terms.salt)
    assert world.ctx.canonical(document).decode() == delivery.specification
    document["quote"]["trace"]["lines"][0]["amount_minor"] += 1
    assert world.chain.keccak(world.ctx.canonical(document)) != delivery.terms.spec_hash


@pytest.mark.req(40, 43, 44, 47, 48, 53, 54, 58, 68, 70, 76, 78, 79, 80, 86, 88)
async def test_an_order_goes_from_placed_to_settled(world: World) -> None:
    order_id = await world.contracted()
    delivery, amp, reconcavo = await world.agreements(order_id)
    assert {item.status for item in (delivery, amp, reconcavo)} == {AgreementStatus.OPEN}
    assert [item.terms.amount_minor for item in (delivery, amp, reconcavo)] == [60_000, AMP_MINOR, RECONCAVO_MINOR]
    assert AMP_MINOR + RECONCAVO_MINOR == SUPPLY_MINOR
    await as_exported(world, order_id)
    # The suppliers' money came out of the advance: the manufacturer had none, and needed none.
    assert balances(world)["customer"] == FUNDS_MINOR - TOTAL_MINOR

    assert world.dispatch.queued(world.gateways["maker"].id) == []  # it waits for the parts
    await world.make("amp")
    await world.report("reconcavo", "started", "step", "finished")
    assert await world.status(order_id) is Status.IN_PRODUCTION
    await world.work()
    assert await world.sign_open("carrier") == 2
    await world.work()

    assert [job.operation for job, _ in world.dispatch.queued(world.gateways["maker"].id)] == ["assembly"]
    await world.make("maker")
    assert await world.status(order_id) is Status.PRODUCED
    await ship_order(world.ctx, world["maker"], order_id)
    await hand_over(world.ctx, world["carrier"], order_id, secret=SECRET)
    assert await world.status(order_id) is Status.SHIPPED  # the chain has not said so yet
    await world.work()
    assert await world.status(order_id) is Status.DELIVERED

    await world.accept(order_id)
    assert await world.sign_open("maker") == 2  # the supplies
    await world.work()
    assert await world.parked() == []
    assert await world.status(order_id) is Status.SETTLED
    assert {item.status for item in await world.agreements(order_id)} == {AgreementStatus.SETTLED}
    shares = len(delivery.terms.milestones) + 1
    found = balances(world)
    assert FEE_MINOR - shares < found["fee"] <= FEE_MINOR, "taken share by share, each rounded down"
    assert found == {
        "customer": FUNDS_MINOR - TOTAL_MINOR,
        "maker": TOTAL_MINOR - found["fee"] - SUPPLY_MINOR,
        "amp": AMP_MINOR,
        "reconcavo": RECONCAVO_MINOR,
        "fee": found["fee"],
    }
    story = await world.events(order_id)
    assert story[: len(STORY)] == STORY
    assert story[-3:] == ["OrderDelivered", "DeliveryAccepted", "OrderSettled"]


@pytest.mark.req(48, 88)
async def test_both_sides_see_every_step_and_what_is_left_to_do(world: World) -> None:
    order_id = (await world.place()).id
    actions: list[tuple[str | None, str | None]] = []

    async def look() -> None:
        seen = [await view_order(world.ctx, world[name], order_id) for name in ("customer", "maker")]
        actions.append(tuple(view.next_action.action if view.next_action else None for view in seen))  # type: ignore[arg-type]

    await look()
    await world.work()
    await look()
    await world.sign_open("amp", "reconcavo", "maker")
    await look()
    await world.confirm(order_id)
    await world.work()
    await look()
    await world.make("amp")
    await world.report("reconcavo", "started", "finished")
    await world.work()
    await world.sign_open("carrier")
    await world.work()
    await world.make("maker")
    await look()
    await ship_order(world.ctx, world["maker"], order_id)
    await look()
    await hand_over(world.ctx, world["maker"], order_id, secret=SECRET)
    await world.work()
    await look()
    await world.accept(order_id)
    await look()
    assert actions == [
        (None, None),
        (None, "sign"),
        ("confirm", None),
        (None, None),
        (None, "ship"),
        ("show_handover_code", None),
        ("accept_delivery", None),
        (None, None),
    ]
    theirs = [await timeline(world.ctx, world[name], order_id) for name in ("customer", "maker")]
    assert [[item.name for item in items] for items in theirs] == [await world.events(order_id)] * 2


async def test_payment_in_the_view_is_what_the_chain_holds(world: World) -> None:
    order_id = await world.delivered()
    view = await view_order(world.ctx, world["customer"], order_id)
    assert view.payment is not None
    payment = view.payment
    assert payment.total_minor == payment.secured_minor + payment.released_minor == TOTAL_MINOR
    await world.accept(order_id)
    await world.work()
    view = await view_order(world.ctx, world["customer"], order_id)
    assert view.payment is not None
    assert (view.payment.secured_minor, view.payment.released_minor) == (0, TOTAL_MINOR)


@pytest.mark.req(46, 90)
async def test_everybody_is_told_once_of_what_concerns_them(world: World) -> None:
    order_id = await world.delivered()
    await world.accept(order_id)
    await world.sign_open("maker")
    await world.work()
    told = {name: [item.title for item in (await messages(world.ctx, world[name])).items] for name in world.people}
    assert sorted(told["customer"]) == sorted(
        [
            "Your quote is ready",
            "Payment secured",
            "Production has started",
            "Your order is made",
            "On its way",
            "Delivered",
            "Completed",
        ]
    )
    assert sorted(told["maker"]) == sorted(
        ["New order", "Payment secured", "An order is made", "Delivered", "Completed"]
    )
    assert told["amp"] == told["reconcavo"] == ["You are asked to sign"]
    assert told["tejo"] == told["carrier"] == []
    assert all(item.order_id == order_id for item in (await messages(world.ctx, world["customer"])).items)


@pytest.mark.req(191, 192)
async def test_one_piece_for_one_person_is_an_order_like_any_other(world: World) -> None:
    order_id = await world.contracted(configuration={"amount": 1, "base": "base-20mm"})
    assert (await world.order(order_id)).amount == 1
    assert {job.quantity for job, _ in world.dispatch.queued(world.gateways["amp"].id)} == {1}


async def test_two_orders_at_once_do_not_mix(world: World) -> None:
    first, second = await world.contracted(), await world.contracted()
    await world.make("amp")
    for job in {job.agreement_id: job for job, _ in world.dispatch.queued(world.gateways["amp"].id)}.values():
        async with world.ctx.uow.read() as tx:
            found = await tx.agreements.get(job.agreement_id)
        assert found is not None
        assert found.order_id == job.order_id
    assert [await world.status(order_id) for order_id in (first, second)] == [Status.IN_PRODUCTION] * 2
    page = await list_orders(world.ctx, world["customer"], limit=1, cursor=None)
    following = await list_orders(world.ctx, world["customer"], limit=1, cursor=page.next_cursor)
    assert {page.items[0].id, following.items[0].id} == {first, second}
    assert following.next_cursor is None
