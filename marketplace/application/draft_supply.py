"""Fix the terms of a supply anew, for whoever takes a vacant place, under the delivery as it stands."""

from marketplace.application.apply import apply
from marketplace.application.context import Context
from marketplace.application.drafting import (
    answer_by,
    draft_supply_terms,
    lines_of,
    requests_for,
    supplier_side,
    to_sign,
)
from marketplace.domain.commands import DraftSupply
from marketplace.domain.order import VACANT, Status


async def draft_supply(ctx: Context, order_id: str) -> None:
    """Write a draft for every vacant place and ask for its signatures. Raises DraftingBlocked, ChainUnavailable.

    The delivery's terms, and what the manufacturer has signed of them, stay as they are.
    """
    async with ctx.uow.read() as tx:
        order = await tx.orders.get(order_id)
        places = [place for place, one in enumerate(order.supply_ids) if one == VACANT] if order else []
    for place in places:
        await _draft(ctx, order_id, place)


async def _draft(ctx: Context, order_id: str, place: int) -> None:
    async with ctx.uow.read() as tx:
        order = await tx.orders.get(order_id)
        if order is None or order.status is not Status.SOURCING or order.price is None:
            return
        delivery = await tx.agreements.get(order.delivery_id or "")
        if delivery is None:
            return
        choice = order.choices[place]
        side = await supplier_side(tx, choice)
    answer = answer_by(ctx, delivery.terms.fund_by)
    supply = await draft_supply_terms(ctx, order, await lines_of(ctx, order), choice, side, delivery)
    requests = await requests_for(ctx, supply, answer)
    command = DraftSupply(delivery.id, place, choice, supply.id, to_sign(requests), answer)
    async with ctx.uow.write() as tx:
        drafted = await apply(ctx, tx, order_id, command)
        if supply.id in drafted.supply_ids:
            await tx.agreements.save(supply)
            for request in requests:
                await tx.signatures.add(request)
