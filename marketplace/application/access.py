"""Whose order is it: an order is shown to its customer, its manufacturer and the parties of its agreements."""

from marketplace.domain.agreement import Agreement
from marketplace.domain.errors import NotFound
from marketplace.domain.order import Order
from marketplace.domain.parties import Account, Role
from marketplace.ports.unit_of_work import Transaction


async def order_for(tx: Transaction, caller: Account, order_id: str) -> Order:
    """The order, if the caller takes part in it. Raises NotFound, so that someone else's looks like none."""
    order = await tx.orders.get(order_id)
    if order is None or not await _takes_part(tx, caller, order):
        raise NotFound("order")
    return order


async def own_order(tx: Transaction, caller: Account, order_id: str) -> Order:
    """The order, if the caller is its customer. Raises NotFound."""
    order = await tx.orders.get(order_id)
    if order is None or order.customer_id != caller.id:
        raise NotFound("order")
    return order


async def received_order(tx: Transaction, caller: Account, order_id: str) -> Order:
    """The order, if the caller's organisation makes it. Raises NotFound."""
    order = await tx.orders.get(order_id)
    if order is None or order.manufacturer_id != caller.party_id:
        raise NotFound("order")
    return order


async def _takes_part(tx: Transaction, caller: Account, order: Order) -> bool:
    if caller.role is Role.OPERATOR or caller.party_id in (order.customer_id, order.manufacturer_id):
        return True
    return any(concerns(agreement, caller) for agreement in await tx.agreements.of_order(order.id))


def concerns(agreement: Agreement, caller: Account) -> bool:
    """Whether the caller is a party of the agreement or carries its goods."""
    carries = caller.role is Role.CARRIER and caller.address == agreement.terms.carrier
    return carries or caller.party_id in (agreement.payer_id, agreement.payee_id)
