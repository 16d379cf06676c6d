"""An order's slots on the manufacturer's machines: asked for with its quote, held while it stands, given back after."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from marketplace.application.configure_product import Configured
from marketplace.application.context import Context
from marketplace.application.plan_book import Capacity, lesson_document, plan_minute
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.errors import InvalidInput
from marketplace.domain.events import SupplyChoice
from marketplace.domain.order import Order, Status
from marketplace.domain.product import Template
from marketplace.domain.reactions import CONFIRM_MARGIN, WAITS
from marketplace.planning.distribution import Duration
from marketplace.planning.machines import Wanted
from marketplace.planning.quotation import Quotation, date_policy, quotation, supplied, usual_supplies
from marketplace.planning.schedule import CannotPlan
from marketplace.ports.unit_of_work import Transaction

HOLDING = frozenset(
    {
        Status.MATCHED,
        Status.ACCEPTED,
        Status.SOURCING,
        Status.QUOTED,
        Status.CONFIRMED,
        Status.CONTRACTED,
        Status.IN_PRODUCTION,
    }
)
"""Statuses in which an order's slots are held; once it is made they are past, and once it has ended they are free."""

MOST_TRIES = 5
"""How often the calendars are looked at anew within one attempt when somebody else was faster."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A quotation, and the calendars that it was made from."""

    capacity: Capacity
    quotation: Quotation


async def plan(
    ctx: Context,
    found: Configured,
    maker: tuple[str, str],
    *,
    fee_bps: int,
    choices: Sequence[SupplyChoice] | None = None,
) -> Planned:
    """The quotation of a configuration from its manufacturer (id and name), with the supplies that were chosen, or
    those that are usual. Raises InvalidInput for more work than is planned."""
    now = ctx.clock.now()
    capacity = await ctx.plans.of(ctx.uow, ctx.catalogue, maker, now)
    template, configuration = found.template, found.configuration
    wanted = Wanted(template, configuration, found.sheet)
    policy = date_policy(
        wanted, penalty_day_bps=ctx.policy.penalty_bps_per_day, penalty_cap_bps=ctx.policy.penalty_cap_bps
    )
    supplies = usual_supplies(wanted) if choices is None else _supplies(choices)
    asked = (template.id, template.version, frozenset(configuration.values.items()), supplies, policy, fee_bps)

    def work() -> Quotation:
        moment = capacity.moment(now)
        return quotation(wanted, capacity.shop, capacity.promises, moment, supplies, policy, fee_bps=fee_bps)

    try:
        quoted = ctx.plans.quotation(capacity, plan_minute(now), asked, work)
    except CannotPlan as full:
        raise InvalidInput("deliver_by", f"no date can be promised: {full}") from full
    except ValueError as much:
        raise InvalidInput("configuration", f"this is more work than can be planned: {much}") from much
    return Planned(capacity, quoted)


def _supplies(choices: Sequence[SupplyChoice]) -> tuple[Duration, ...]:
    return tuple(supplied(choice.lead_time_days) for choice in choices)


async def maker_of(ctx: Context, template: Template) -> tuple[str, str]:
    """Id and name of who makes a product; nobody of that name may have joined yet (""), and then nothing is held."""
    name = template.manufacturer
    if name not in ctx.makers:
        async with ctx.uow.glance() as tx:
            organisation = await tx.parties.organisation_named(name)
        if organisation is None:
            return "", name
        ctx.makers[name] = organisation.id
    return ctx.makers[name], name


async def hold(ctx: Context, tx: Transaction, order: Order, planned: Planned) -> None:
    """Hold the order's slots. Raises Conflict where the calendars have changed since they were looked at.

    The hold outlasts every deadline that the order may still wait for, so that it ends with the order; should nobody
    be there to end it, it expires.
    """
    now = ctx.clock.now()
    waits = WAITS[Status.MATCHED] + WAITS[Status.ACCEPTED] + timedelta(seconds=ctx.policy.quote_validity_s)
    held = planned.capacity.hold(order.id, planned.quotation.schedule, now + waits + 2 * CONFIRM_MARGIN)
    lesson = lesson_document(planned.quotation.lesson, plan_minute(now))
    await tx.plans.hold(order.manufacturer_id, held, lesson, seen=planned.capacity.version)


async def follow(tx: Transaction, before: Order, order: Order, now: datetime) -> None:
    """The slots follow the order: for good once its money is secured, given back once it needs them no more.

    Money that is secured after they were given back is money all the same: others are planned then, outside of this
    transaction, in which nothing may stand against it.
    """
    if before.status is order.status:
        return
    minute = plan_minute(now)
    if order.status is Status.CONTRACTED:
        if not await tx.plans.confirm(order.id, minute):
            await tx.outbox.add(order.id, [Effect(EffectKind.HOLD_SLOTS, f"slots:{order.version}")], now)
    elif before.status in HOLDING and order.status not in HOLDING:
        await tx.plans.release(order.id)
    if order.status is Status.DELIVERED and order.delivery_id is not None:
        span = await tx.production.span(order.delivery_id)
        worked = None if span is None else -(-(span[1] - span[0]) // 60_000)
        await tx.plans.learn(order.id, minute, worked)
