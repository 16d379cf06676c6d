"""The customer withdraws before confirming: nobody owes anything."""

from marketplace.application.access import own_order
from marketplace.application.apply import apply
from marketplace.application.context import Context
from marketplace.application.present import present
from marketplace.application.views import OrderView
from marketplace.domain.commands import CancelOrder
from marketplace.domain.parties import Account


async def cancel_order(ctx: Context, caller: Account, order_id: str, *, reason: str) -> OrderView:
    """Cancel. Raises NotFound, InvalidTransition once the order is confirmed."""
    async with ctx.uow.write() as tx:
        await own_order(tx, caller, order_id)
        await apply(ctx, tx, order_id, CancelOrder(reason))
    async with ctx.uow.read() as tx:
        return await present(ctx, tx, order_id, caller)
