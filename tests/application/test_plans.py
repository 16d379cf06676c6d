"""An order's slots follow it: held with its quote, kept once it is paid for, given back when it ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from marketplace.application import hold_slots as replanning
from marketplace.application import match_order as matching
from marketplace.application.cancel_order import cancel_order
from marketplace.application.chain_sync import sync_chain
from marketplace.application.hand_over import hand_over
from marketplace.application.hold_slots import hold_slots
from marketplace.application.inbox import messages
from marketplace.application.indicative_quote import indicative_quote
from marketplace.application.plan_book import Capacity, PlanBook, changed, plan_minute
from marketplace.application.planned import Planned
from marketplace.application.relay import relay_due
from marketplace.application.view_orders import order as view_order
from marketplace.domain.errors import Conflict, InvalidInput, NotMakeable
from marketplace.domain.order import Status
from marketplace.domain.reactions import CONFIRM_MARGIN
from marketplace.planning.machines import machines_of
from marketplace.planning.schedule import CannotPlan, Shop
from marketplace.ports.plans import Hold, PlanState
from tests.application.example import CONFIGURATION, SECRET, catalogue
from tests.application.world import World


async def plan_of(world: World, after: int = 0) -> tuple[PlanState, dict[str, Hold]]:
    async with world.ctx.uow.read() as tx:
        maker = await tx.parties.organisation_named("Model Factory")
        assert maker is not None
        holds = await tx.plans.changes(maker.id, after)
        return await tx.plans.state(maker.id), {hold.order_id: hold for hold in holds}


async def capacity(world: World, book: PlanBook) -> Capacity:
    async with world.ctx.uow.read() as tx:
        maker = await tx.parties.organisation_named("Model Factory")
    assert maker is not None
    return await book.of(world.ctx.uow, world.ctx.catalogue, (maker.id, maker.name), world.clock.now())


async def test_a_price_is_remembered_until_the_plan_or_the_minute_moves(world: World) -> None:
    asked = {"configuration": CONFIGURATION, "deliver_by": world.day(40)}

    async def quotations() -> int:
        await indicative_quote(world.ctx, world["customer"], "pneumatic-cylinder", **asked)
        return len(world.ctx.plans._quotations)

    first = await quotations()
    assert await quotations() == first
    asked["deliver_by"] = world.day(41)
    assert await quotations() == first
    world.pass_time(minutes=1)
    assert await quotations() == first + 1
    await fill(world, 10)
    known = len(world.ctx.plans._quotations)
    assert await quotations() == known + 1
    asked["configuration"] = CONFIGURATION | {"engraving": "ANOTHER"}
    assert await quotations() == known + 2


async def test_an_order_that_lost_its_price_before_its_match_is_rejected(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = (await world.place()).id

    def priceless(*_: object, **__: object) -> None:
        raise InvalidInput("configuration", "this order would cost 0 cents, which cannot be charged")

    monkeypatch.setattr("marketplace.planning.quotation.price", priceless)
    await world.work()
    assert await world.status(order_id) is Status.REJECTED
    with pytest.raises(InvalidInput, match="0 cents"):
        await world.place(deliver_by=world.day(41))


async def test_a_configuration_is_tried_once_and_a_bad_one_each_time(world: World) -> None:
    async def tried(**values: str) -> int:
        await world.place(product_id="engraved-sign", configuration=values)
        return len(world.ctx.sheets)

    assert [await tried(words="Ana"), await tried(words="Ana"), await tried(words="Ana", material="brass")] == [1, 1, 2]
    for _ in range(2):
        with pytest.raises(NotMakeable):
            await tried(words="Ana", material="walnut", corners="sharp")
    assert await tried(words="Ana") == 2


@pytest.mark.req(45, 52)
async def test_slots_are_held_with_the_quote_and_kept_once_it_is_paid_for(world: World) -> None:
    order_id = await world.quoted()
    _, holds = await plan_of(world)
    assert [slot[0] for slot in holds[order_id].slots] == ["drill#1", "laser#1", "bench#1", "bench#1"]
    expires = holds[order_id].expires
    assert expires is not None
    order = await world.order(order_id)
    assert order.firm_until is not None
    assert expires > plan_minute(order.firm_until)
    shown = (await view_order(world.ctx, world["customer"], order_id)).quote
    assert order.promise is not None
    assert shown is not None
    assert shown.promise is not None
    assert shown.promise.probability_bps == order.promise.probability_bps > 9_000
    delivery, *supplies = await world.agreements(order_id)
    rates = (delivery.terms.penalty_bps_per_day, delivery.terms.penalty_cap_bps)
    assert rates == (order.promise.penalty_bps_per_day, order.promise.penalty_cap_bps) == (100, 1_000)
    assert {one.terms.penalty_bps_per_day for one in supplies} == {world.ctx.policy.penalty_bps_per_day}
    await world.confirm(order_id)
    await world.work()
    assert (await plan_of(world))[1][order_id].expires is None


async def test_a_bold_date_has_a_low_penalty_in_its_terms(world: World) -> None:
    order_id = (await world.place(deliver_by=world.day(6))).id
    await fill(world, 10)  # before suppliers were found: now the day is a bold one
    await world.work()
    promise = (await world.order(order_id)).promise
    assert promise is not None
    assert promise.probability_bps == 0
    delivery, *_ = await world.agreements(order_id)
    assert 0 < delivery.terms.penalty_bps_per_day == promise.penalty_bps_per_day < 20


async def test_the_dates_that_are_told_lie_behind_what_is_held(world: World) -> None:
    await fill(world, 10)
    wanted = {"configuration": CONFIGURATION, "deliver_by": world.day(40)}
    shown = await indicative_quote(world.ctx, world["customer"], "pneumatic-cylinder", **wanted)
    assert world.day(10) < shown.earliest_delivery == shown.dates[0].day <= shown.p90_day
    assert [one.day for one in shown.dates if one.recommended] == [shown.recommended]
    assert await world.quoted(deliver_by=shown.recommended)


async def test_what_ends_gives_its_slots_back(world: World) -> None:
    order_id = await world.quoted()
    await cancel_order(world.ctx, world["customer"], order_id, reason="")
    assert (await plan_of(world))[1][order_id].slots == ()
    lapsed = await world.quoted()
    world.pass_time(days=2)
    await world.work()
    assert await world.status(lapsed) is Status.EXPIRED
    assert (await plan_of(world))[1][lapsed].slots == ()


async def relay_only(world: World) -> None:
    """The outbox's half of the worker: the chain is not read."""
    while await relay_due(world.ctx):
        pass


async def opened_late(world: World) -> str:
    """An order that was confirmed and given up, and whose money opened all the same, which nobody has read yet."""
    order_id = await world.quoted()
    await world.confirm(order_id)
    await relay_only(world)
    firm_until = (await world.order(order_id)).firm_until
    assert firm_until is not None
    world.clock.set(firm_until + CONFIRM_MARGIN)
    await relay_only(world)
    assert await world.status(order_id) is Status.EXPIRED
    assert (await plan_of(world))[1][order_id].slots == ()
    return order_id


@pytest.mark.req(52, 78)
async def test_money_that_opened_late_gets_slots_that_nobody_else_has(world: World) -> None:
    """As long as it was given up others took what it had; then it is planned into what is left."""
    late = await opened_late(world)
    other = (await world.place()).id
    await relay_only(world)
    await world.work()
    assert await world.status(late) is Status.CONTRACTED
    _, holds = await plan_of(world)
    assert [slot[0] for slot in holds[late].slots] == [slot[0] for slot in holds[other].slots] != []
    assert holds[late].expires is None
    assert {slot[:2] for slot in holds[late].slots}.isdisjoint(slot[:2] for slot in holds[other].slots)
    await hold_slots(world.ctx, late)  # done twice by two workers: it keeps what it has
    assert (await plan_of(world))[1][late] == holds[late]


async def test_money_that_opened_late_is_planned_even_while_others_plan(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = await opened_late(world)
    await sync_chain(world.ctx)
    old = replace(await capacity(world, PlanBook()), version=0)
    fresh = PlanBook.of

    async def outdated(*_: Any) -> Capacity:
        return old

    monkeypatch.setattr(PlanBook, "of", outdated)
    with pytest.raises(Conflict, match="look at it again"):
        await hold_slots(world.ctx, late)
    monkeypatch.setattr(PlanBook, "of", fresh)
    await world.work()
    assert (await plan_of(world))[1][late].slots


@pytest.mark.req(78)
async def test_late_money_is_money_even_if_no_machine_has_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    late = await opened_late(world)

    def full(*_: Any, **__: Any) -> None:
        raise CannotPlan("there is no gap within ten years")

    monkeypatch.setattr("marketplace.application.planned.quotation", full)
    await world.work()
    await hold_slots(world.ctx, late)
    assert await world.status(late) is Status.CONTRACTED
    assert await world.parked() == []
    for name, times in (("maker", 1), ("customer", 0)):
        told = [message.title for message in (await messages(world.ctx, world[name])).items]
        assert told.count("An order has no slots") == times
    assert (await plan_of(world))[1][late].slots == ()


async def test_slots_are_held_only_for_what_is_still_to_be_made(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question comes late: before it is asked, while it is planned, or for an order that is not there."""
    await hold_slots(world.ctx, "ord_none")
    order_id = await world.shipped()
    before = await plan_of(world)
    await hold_slots(world.ctx, order_id)
    late = await opened_late(world)
    await sync_chain(world.ctx)
    planned = replanning._planned

    async def overtaken(*given: Any) -> Planned | None:
        monkeypatch.setattr(replanning, "_planned", planned)
        await hold_slots(world.ctx, late)
        return await planned(*given)

    monkeypatch.setattr(replanning, "_planned", overtaken)
    await hold_slots(world.ctx, late)
    after = await plan_of(world)
    assert after[1][order_id] == before[1][order_id]
    assert after[1][late].slots


async def test_a_delivery_teaches_how_long_it_took(world: World) -> None:
    order_id = await world.shipped()
    world.pass_time(days=3)
    await hand_over(world.ctx, world["carrier"], order_id, secret=SECRET)
    await world.work()
    assert await world.status(order_id) is Status.DELIVERED
    state, holds = await plan_of(world)
    assert (state.lessons, holds[order_id].slots) == (1, ())
    book = PlanBook()
    assert (await capacity(world, book)).promises.lead_times.calibration.residuals


async def test_every_process_sees_what_others_hold(world: World) -> None:
    other = PlanBook()
    before = await capacity(world, other)
    assert await capacity(world, other) == before
    first = await world.quoted()
    second = await world.quoted()
    seen, own = await capacity(world, other), await capacity(world, world.ctx.plans)
    assert seen == replace(own, lessons=seen.lessons)
    holders = seen.shop.machines["drill#1"].calendar.holders
    assert set(holders) == {first, second}
    anew = await capacity(world, PlanBook())
    assert anew.shop == seen.shop
    world.pass_time(days=8)
    assert (await capacity(world, other)).origin > seen.origin


async def test_who_looked_at_an_old_plan_looks_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await world.quoted()
    stale = [replace(await capacity(world, PlanBook()), version=0, shop=Shop(machines_of(catalogue().values()), {}))]
    fresh = PlanBook.of

    async def outdated(self: PlanBook, *given: Any) -> Capacity:
        return stale.pop() if stale else await fresh(self, *given)

    order = await world.place()
    monkeypatch.setattr(PlanBook, "of", outdated)
    await matching.match_order(world.ctx, order.id)
    assert not stale
    _, holds = await plan_of(world)
    assert {slot[:2] for slot in holds[first].slots}.isdisjoint(slot[:2] for slot in holds[order.id].slots)


async def test_a_match_that_comes_too_late_holds_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second worker that does the same effect finds the order matched, and what is held for it kept for good."""
    order = await world.place()
    real = matching.plan

    async def overtaken(*given: Any, **named: Any) -> Planned:
        monkeypatch.setattr(matching, "plan", real)
        await matching.match_order(world.ctx, order.id)
        async with world.ctx.uow.write() as tx:
            assert await tx.plans.confirm(order.id, 0)
        return await real(*given, **named)

    monkeypatch.setattr(matching, "plan", overtaken)
    await matching.match_order(world.ctx, order.id)
    assert (await plan_of(world))[1][order.id].expires is None


async def test_a_plan_that_never_rests_is_tried_again_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.quoted()
    old = replace(await capacity(world, PlanBook()), version=0)

    async def outdated(*_: Any) -> Capacity:
        return old

    order = await world.place()
    monkeypatch.setattr(PlanBook, "of", outdated)
    with pytest.raises(Conflict, match="look at it again"):
        await matching.match_order(world.ctx, order.id)
    assert await world.status(order.id) is Status.PLACED


async def fill(world: World, days: int) -> None:
    """Somebody else's order takes every shift of the next days."""
    known = await capacity(world, PlanBook())
    shifts = tuple(
        (name, begin, begin + 480, 480)
        for name in known.shop.machines
        for begin in range(
            known.origin + 480, known.moment(world.clock.now()).minute + known.origin + days * 1_440, 1_440
        )
    )
    order_id = (await world.place()).id
    await cancel_order(world.ctx, world["customer"], order_id, reason="")
    async with world.ctx.uow.write() as tx:
        state = await tx.plans.state(known.organisation_id)
        lesson = {"version": 1, "promised": 0}
        await tx.plans.hold(known.organisation_id, Hold(order_id, shifts), lesson, seen=state.version)


async def test_a_full_shop_promises_no_near_date(world: World) -> None:
    await fill(world, 30)
    with pytest.raises(InvalidInput, match="takes time") as refused:
        await world.place()
    assert refused.value.field == "deliver_by"
    assert (await world.place(deliver_by=world.day(60))).status == Status.PLACED


def test_changes_of_shifts_and_machines_never_stop_a_start() -> None:
    shop = Shop(machines_of(catalogue().values()), {})
    holds = [
        Hold("a", (("drill#1", 480, 600, 120), ("gone#1", 600, 700, 100)), 900),
        Hold("b", (("drill#1", 540, 660, 120),)),
        Hold("past", (("drill#1", -500, -400, 100),)),
        Hold("released", ()),
    ]
    filled = changed(shop, holds, 0)
    calendar = filled.machines["drill#1"].calendar
    assert list(zip(calendar.starts, calendar.ends, calendar.holders, strict=True)) == [(0, 120, "a"), (120, 180, "b")]
    assert filled.expiries == ((900, "a"),)
    again = changed(filled, [Hold("c", (("drill#1", 500, 560, 60),)), Hold("a", ())], 0)
    assert set(again.machines["drill#1"].calendar.holders) >= {"b", "c"}
    assert filled.at(900).machines["drill#1"].calendar.holders == ("b",)


def test_minutes_of_a_plan_begin_on_a_monday() -> None:
    monday = datetime(2027, 3, 1, tzinfo=UTC)
    assert monday.weekday() == plan_minute(monday) % (7 * 1_440) == 0
    assert plan_minute(monday + timedelta(seconds=119)) % (7 * 1_440) == 1
