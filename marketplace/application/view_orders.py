"""Orders for those who take part in them."""

from collections.abc import Sequence

from marketplace.application.access import order_for
from marketplace.application.context import Context
from marketplace.application.present import present
from marketplace.application.views import OrderView, Page
from marketplace.domain.order import Order
from marketplace.domain.parties import Account, Role
from marketplace.ports.unit_of_work import Transaction


async def order(ctx: Context, caller: Account, order_id: str) -> OrderView:
    """One order. Raises NotFound, for someone else's too."""
    async with ctx.uow.read() as tx:
        await order_for(tx, caller, order_id)
        return await present(ctx, tx, order_id, caller)


async def list_orders(ctx: Context, caller: Account, *, limit: int, cursor: str | None) -> Page:
    """A page of the caller's orders, newest first."""
    async with ctx.uow.read() as tx:
        found = await _page(tx, caller, limit + 1, cursor)
        items = tuple([await present(ctx, tx, item.id, caller) for item in found[:limit]])
    return Page(items, items[-1].id if len(found) > limit else None)


async def _page(tx: Transaction, caller: Account, limit: int, cursor: str | None) -> Sequence[Order]:
    match caller.role:
        case Role.CUSTOMER:
            return await tx.orders.of_customer(caller.id, limit, cursor)
        case Role.MANUFACTURER:
            return await tx.orders.of_manufacturer(caller.party_id, limit, cursor)
        case _:
            return await tx.orders.of_party(caller.party_id, limit, cursor)
