"""The customer signs last: one confirmation that orders and pays."""

from dataclasses import replace

from marketplace.application.access import own_order
from marketplace.application.apply import apply
from marketplace.application.context import Context
from marketplace.application.present import present, readable_terms
from marketplace.application.views import ConfirmationView, OrderView
from marketplace.domain.agreement import Agreement
from marketplace.domain.commands import ConfirmQuote
from marketplace.domain.errors import InvalidInput, InvalidTransition
from marketplace.domain.order import Order, Status
from marketplace.domain.parties import Account
from marketplace.ports.chain import TypedData


async def confirmation(ctx: Context, caller: Account, order_id: str) -> ConfirmationView:
    """What the customer signs. Raises NotFound, InvalidTransition before the quote is firm, ChainUnavailable."""
    order, delivery = await _quoted(ctx, caller, order_id)
    terms, permit = await _to_sign(ctx, delivery)
    async with ctx.uow.read() as tx:
        readable = await readable_terms(tx, delivery)
    return ConfirmationView(
        agreement_id=delivery.id,
        terms=terms,
        permit=permit,
        readable=readable,
        total_minor=delivery.terms.amount_minor,
        currency=order.price.currency if order.price else "",
        deliver_by=order.deliver_by,
    )


async def confirm_quote(
    ctx: Context, caller: Account, order_id: str, *, terms_signature: str, permit_signature: str
) -> OrderView:
    """Take the customer's signatures; a repeat after success is harmless.

    Raises NotFound, InvalidTransition, InvalidInput for a signature by another key, ChainUnavailable, ChainFundsLow
    while the platform could not open the agreements.
    """
    async with ctx.uow.read() as tx:
        order = await own_order(tx, caller, order_id)
        if order.status in (Status.CONFIRMED, Status.CONTRACTED):
            return await present(ctx, tx, order_id, caller)
    order, delivery = await _quoted(ctx, caller, order_id)
    await ctx.chain.require_funds()
    terms, permit = await _to_sign(ctx, delivery)
    _check(ctx, terms, terms_signature, order, "terms_signature")
    _check(ctx, permit, permit_signature, order, "permit_signature")
    async with ctx.uow.write() as tx:
        await apply(ctx, tx, order_id, ConfirmQuote(delivery.id))
        message = permit["message"]
        kept: dict[str, str | int] = {
            "value": str(message["value"]),
            "deadline": int(message["deadline"]),
            "signature": permit_signature,
        }
        await tx.agreements.save(replace(delivery, payer_signature=terms_signature, permit=kept))
    async with ctx.uow.read() as tx:
        return await present(ctx, tx, order_id, caller)


async def _quoted(ctx: Context, caller: Account, order_id: str) -> tuple[Order, Agreement]:
    async with ctx.uow.read() as tx:
        order = await own_order(tx, caller, order_id)
        delivery = await tx.agreements.get(order.delivery_id or "")
    if order.status is not Status.QUOTED or delivery is None:
        raise InvalidTransition(order.status, "be confirmed: the quote is not firm (any more)")
    return order, delivery


async def _to_sign(ctx: Context, delivery: Agreement) -> tuple[TypedData, TypedData]:
    terms = delivery.terms
    return (
        await ctx.chain.terms_to_sign(terms),
        await ctx.chain.permit_to_sign(terms.payer, terms.amount, terms.fund_by),
    )


def _check(ctx: Context, typed: TypedData, signature: str, order: Order, field: str) -> None:
    signer = ctx.chain.signed_by(typed, signature)
    if signer is None or signer.lower() != order.payer_address.lower():
        raise InvalidInput(field, "is not by the key that this order was placed with")
