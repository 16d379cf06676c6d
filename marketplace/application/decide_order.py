"""A person at the manufacturer decides what the rule does not cover."""

from marketplace.application.access import received_order
from marketplace.application.apply import apply
from marketplace.application.context import Context
from marketplace.application.present import present
from marketplace.application.views import OrderView
from marketplace.domain.commands import AcceptOrder, RejectOrder
from marketplace.domain.parties import Account


async def decide_order(ctx: Context, caller: Account, order_id: str, *, accept: bool, reason: str) -> OrderView:
    """Accept or reject. Raises NotFound, InvalidTransition."""
    command = AcceptOrder(caller.display_name) if accept else RejectOrder(reason, "manufacturer")
    async with ctx.uow.write() as tx:
        await received_order(tx, caller, order_id)
        await apply(ctx, tx, order_id, command)
    async with ctx.uow.read() as tx:
        return await present(ctx, tx, order_id, caller)
