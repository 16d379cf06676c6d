"""Fix the terms of the delivery and of every supply, before anybody signs."""

from datetime import UTC, datetime

from marketplace.application.advance import supplies_most
from marketplace.application.apply import apply
from marketplace.application.context import Context
from marketplace.application.drafting import (
    answer_by,
    draft_delivery,
    draft_supply_terms,
    lines_of,
    parties_of,
    quote_document,
    requests_for,
    to_sign,
)
from marketplace.domain.commands import DraftAgreements
from marketplace.domain.order import Status


async def draft_agreements(ctx: Context, order_id: str) -> None:
    """Write the drafts and ask for signatures. Raises DraftingBlocked, ChainUnavailable."""
    async with ctx.uow.read() as tx:
        order = await tx.orders.get(order_id)
        if order is None or order.status is not Status.ACCEPTED or order.price is None:
            return
        parties = await parties_of(tx, order)
        rule = await tx.parties.rule(order.manufacturer_id)
    lines = await lines_of(ctx, order)
    known = await ctx.chain.parameters()
    fund_by = int(ctx.clock.now().timestamp()) + ctx.policy.quote_validity_s
    answer = answer_by(ctx, fund_by)
    delivery = await draft_delivery(ctx, order, order.price, parties, known, fund_by)
    supplies = [
        await draft_supply_terms(ctx, order, lines, choice, side, delivery) for choice, side in parties.suppliers
    ]
    requests = [request for one in (delivery, *supplies) for request in await requests_for(ctx, one, answer)]
    command = DraftAgreements(
        delivery_id=delivery.id,
        supply_ids=tuple(supply.id for supply in supplies),
        to_sign=to_sign(requests),
        quote_digest=ctx.chain.keccak(ctx.canonical(quote_document(order, order.price))),
        firm_until=datetime.fromtimestamp(fund_by, UTC),
        answer_by=answer,
        supplies_most_minor=supplies_most(order.price, order.choices, delivery.terms, rule),
    )
    async with ctx.uow.write() as tx:
        drafted = await apply(ctx, tx, order_id, command)
        if drafted.delivery_id == delivery.id:
            for agreement in (delivery, *supplies):
                await tx.agreements.save(agreement)
            for request in requests:
                await tx.signatures.add(request)
