"""Open the delivery and all its supplies in one transaction: the money is secured, or nothing has happened."""

from marketplace.application.context import Context
from marketplace.domain.agreement import AgreementStatus
from marketplace.domain.order import Status


async def open_agreements(ctx: Context, order_id: str) -> None:
    """Submit the batch. Raises ChainRefused, ChainUnavailable; the answer comes from the chain."""
    async with ctx.uow.read() as tx:
        order = await tx.orders.get(order_id)
        agreements = await tx.agreements.of_order(order_id)
    if order is None or order.status is not Status.CONFIRMED:
        return
    delivery, *supplies = agreements
    if delivery.status is AgreementStatus.SIGNED:
        await ctx.chain.open_batch(f"open:{delivery.id}", delivery, supplies)
