"""The customer accepts the goods: what is left of the money goes to the manufacturer."""

from marketplace.application.access import own_order
from marketplace.application.apply import apply
from marketplace.application.context import Context
from marketplace.application.present import present
from marketplace.application.views import AcceptanceView, LabelledValue, OrderView
from marketplace.domain.agreement import ActionKind, Agreement
from marketplace.domain.commands import AcceptDelivery
from marketplace.domain.dispute import Dispute
from marketplace.domain.errors import InvalidInput, InvalidTransition, NotFound
from marketplace.domain.money import spell
from marketplace.domain.order import Order, Status
from marketplace.domain.parties import Account


def acceptance_deadline(agreement: Agreement) -> int:
    """Until when an acceptance is good: as long as the agreement can still be delivered and accepted."""
    terms = agreement.terms
    return terms.deliver_by + terms.grace + terms.accept_window


async def acceptance(ctx: Context, caller: Account, order_id: str) -> AcceptanceView:
    """What the customer signs. Raises NotFound, InvalidTransition before the delivery."""
    order, delivery = await _delivered(ctx, caller, order_id)
    typed = await ctx.chain.action_to_sign(delivery.id, ActionKind.ACCEPT, acceptance_deadline(delivery))
    left = sum(payout.amount_minor for payout in delivery.payouts)
    currency = order.price.currency if order.price else ""
    readable = (
        LabelledValue("You confirm", "the goods are there and as ordered"),
        LabelledValue("Then we release", spell(delivery.terms.amount_minor - left, currency)),
    )
    return AcceptanceView(typed, readable)


async def accept_delivery(ctx: Context, caller: Account, order_id: str, *, signature: str) -> OrderView:
    """Take the acceptance; a repeat is harmless. Raises NotFound, InvalidTransition, InvalidInput."""
    order, delivery = await _delivered(ctx, caller, order_id)
    typed = await ctx.chain.action_to_sign(delivery.id, ActionKind.ACCEPT, acceptance_deadline(delivery))
    signer = ctx.chain.signed_by(typed, signature)
    if signer is None or signer.lower() != order.payer_address.lower():
        raise InvalidInput("signature", "is not by the key that this order was placed with")
    async with ctx.uow.write() as tx:
        await apply(ctx, tx, order_id, AcceptDelivery(signature))
    async with ctx.uow.read() as tx:
        return await present(ctx, tx, order_id, caller)


async def _delivered(ctx: Context, caller: Account, order_id: str) -> tuple[Order, Agreement]:
    async with ctx.uow.read() as tx:
        order = await own_order(tx, caller, order_id)
        delivery = await tx.agreements.get(order.delivery_id or "")
    if order.status is not Status.DELIVERED:
        raise InvalidTransition(order.status, "be accepted by you: it has not been delivered")
    if order.dispute is not Dispute.NONE:
        raise InvalidTransition("in dispute", "be accepted by you: the arbiter divides what is held")
    if delivery is None:
        raise NotFound("agreement")
    return order, delivery
