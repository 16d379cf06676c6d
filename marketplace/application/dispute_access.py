"""Who sees a dispute: the order's two sides, and whoever holds the key that the terms name as arbiter. Nobody else."""

from dataclasses import dataclass

from marketplace.domain.agreement import Agreement
from marketplace.domain.dispute import Dispute
from marketplace.domain.errors import NotFound
from marketplace.domain.order import Order
from marketplace.domain.parties import Account
from marketplace.domain.reactions import CUSTOMER, MANUFACTURER
from marketplace.ports.unit_of_work import Transaction

ARBITER = "arbiter"


@dataclass(frozen=True, slots=True)
class Seat:
    """An order with its delivery, and as what the caller sits at its table: customer, manufacturer or arbiter."""

    order: Order
    delivery: Agreement | None
    role: str

    @property
    def is_side(self) -> bool:
        """Whether the caller is one of the two parties."""
        return self.role != ARBITER


async def seat(tx: Transaction, caller: Account, order_id: str) -> Seat:
    """The caller's. Raises NotFound, for the platform's operators and those who supply or carry too."""
    order = await tx.orders.get(order_id)
    if order is None:
        raise NotFound("order")
    delivery = await tx.agreements.get(order.delivery_id) if order.delivery_id else None
    if caller.id == order.customer_id:
        return Seat(order, delivery, CUSTOMER)
    if caller.party_id == order.manufacturer_id:
        return Seat(order, delivery, MANUFACTURER)
    if delivery is not None and order.dispute is not Dispute.NONE and _decides(delivery, caller):
        return Seat(order, delivery, ARBITER)
    raise NotFound("order")


async def side(tx: Transaction, caller: Account, order_id: str) -> Seat:
    """The seat of one of the two parties. Raises NotFound, for the arbiter too, who says nothing here."""
    found = await seat(tx, caller, order_id)
    if not found.is_side:
        raise NotFound("order")
    return found


def _decides(delivery: Agreement, caller: Account) -> bool:
    return caller.address is not None and caller.address.lower() == delivery.terms.arbiter.lower()
