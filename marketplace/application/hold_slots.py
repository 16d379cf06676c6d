"""An order that was paid for after its slots were given back is planned anew, at the earliest."""

import logging
from datetime import datetime

from marketplace.application.browse_products import template_of
from marketplace.application.configure_product import configured
from marketplace.application.context import Context
from marketplace.application.plan_book import plan_minute
from marketplace.application.planned import MOST_TRIES, Planned, hold, plan
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.errors import Conflict, InvalidInput, NotFound
from marketplace.domain.order import Order, Status
from marketplace.domain.reactions import MANUFACTURER, UNPLANNED
from marketplace.ports.unit_of_work import Transaction

log = logging.getLogger(__name__)

TO_BE_MADE = frozenset({Status.CONTRACTED, Status.IN_PRODUCTION})
"""Paid for, and still in need of machines."""


async def hold_slots(ctx: Context, order_id: str) -> None:
    """Hold slots for good for an order that is paid for and has none; where there are none, the manufacturer is told.

    Raises Conflict where others changed the manufacturer's plan again and again: trying later makes sense.
    """
    async with ctx.uow.read() as tx:
        order = await tx.orders.get(order_id)
    if order is None or order.status not in TO_BE_MADE:
        return
    for tries_left in reversed(range(MOST_TRIES)):
        planned = await _planned(ctx, order)
        try:
            async with ctx.uow.write() as tx:
                await _hold(ctx, tx, order_id, planned, ctx.clock.now())
            return
        except Conflict:
            if not tries_left:
                raise


async def _planned(ctx: Context, order: Order) -> Planned | None:
    """The order as it would be planned now, or None where it cannot be (any more)."""
    fee_bps = (await ctx.chain.parameters()).fee_bps
    try:
        template = template_of(ctx, order.product_id)
        found = await configured(ctx, template, order.configuration, order.customer_id, anew=False)
        maker = (order.manufacturer_id, template.manufacturer)
        return await plan(ctx, found, maker, fee_bps=fee_bps, choices=order.choices)
    except (InvalidInput, NotFound) as none:
        log.warning("order %s is paid for and has no slots: %s", order.id, none, extra={"order_id": order.id})
        return None


async def _hold(ctx: Context, tx: Transaction, order_id: str, planned: Planned | None, now: datetime) -> None:
    order = await tx.orders.get(order_id)
    if order is None or order.status not in TO_BE_MADE or await tx.plans.confirm(order_id, plan_minute(now)):
        return  # made or ended meanwhile, or a second worker has held them
    if planned is None:
        told = Effect(EffectKind.NOTIFY, UNPLANNED, UNPLANNED, MANUFACTURER)
        await tx.outbox.add(order_id, [told], now)
        return
    await hold(ctx, tx, order, planned)
    await tx.plans.confirm(order_id, plan_minute(now))
