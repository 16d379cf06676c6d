"""The manufacturer hands the parcel over for transport."""

from marketplace.application.access import received_order
from marketplace.application.apply import apply
from marketplace.application.context import Context
from marketplace.application.present import present
from marketplace.application.views import OrderView
from marketplace.domain.commands import ShipOrder
from marketplace.domain.parties import Account


async def ship_order(ctx: Context, caller: Account, order_id: str) -> OrderView:
    """Mark as shipped. Raises NotFound, InvalidTransition unless produced."""
    async with ctx.uow.write() as tx:
        await received_order(tx, caller, order_id)
        await apply(ctx, tx, order_id, ShipOrder())
    async with ctx.uow.read() as tx:
        return await present(ctx, tx, order_id, caller)
