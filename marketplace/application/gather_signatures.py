"""Organisations are asked to sign, and sign, decline or counter: terms, arrivals, acceptances."""

from dataclasses import replace
from datetime import date

from marketplace.application.apply import apply
from marketplace.application.context import Context
from marketplace.application.present import present_request
from marketplace.application.views import SignatureRequestView
from marketplace.domain.agreement import Agreement, AgreementKind, AgreementStatus
from marketplace.domain.commands import Command, CounterSupply, DeclineSupply, RecordSignature, RejectOrder
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.errors import Conflict, InvalidInput, NotFound
from marketplace.domain.money import MAX_MINOR
from marketplace.domain.order import Status
from marketplace.domain.parties import Account
from marketplace.ports.unit_of_work import SignatureRequest, Transaction


async def requests(ctx: Context, caller: Account, *, open_only: bool) -> tuple[SignatureRequestView, ...]:
    """What the caller's organisation is, or was, asked to sign; oldest first."""
    async with ctx.uow.read() as tx:
        found = await tx.signatures.of_organisation(caller.party_id, open_only=open_only)
        return tuple([await present_request(tx, request) for request in found])


async def sign(ctx: Context, caller: Account, request_id: str, *, signature: str) -> SignatureRequestView:
    """Take the organisation's signature; a repeat is harmless.

    Raises NotFound, Conflict when the request is no longer open (in words), InvalidInput for a signature by another
    key.
    """
    request = await _mine(ctx, caller, request_id)
    if request.status == "signed":
        return await _view(ctx, request_id)
    signer = ctx.chain.signed_by(dict(request.typed_data), signature)
    if signer is None or signer.lower() != request.signer.lower():
        raise InvalidInput("signature", f"is not by {request.signer}, the key registered when the terms were drafted")
    async with ctx.uow.write() as tx:
        current = await _open(tx, request)
        await tx.signatures.save(replace(current, status="signed", signature=signature))
        await _consequence(ctx, tx, caller, current, signature)
    return await _view(ctx, request_id)


async def decline(ctx: Context, caller: Account, request_id: str, *, reason: str) -> SignatureRequestView:
    """Say no to terms: the next supplier is asked; a manufacturer's no ends the order.

    Raises NotFound, Conflict, InvalidInput where declining makes no sense.
    """
    request = await _mine(ctx, caller, request_id)
    if request.purpose != "terms":
        raise InvalidInput("purpose", "only terms can be declined; let it lapse, or open a dispute")
    is_supplier = await _is_supplier(ctx, request)
    command = DeclineSupply(request.agreement_id, reason) if is_supplier else RejectOrder(reason, "manufacturer")
    return await _answer_otherwise(ctx, request, "declined", command)


async def counter(
    ctx: Context,
    caller: Account,
    request_id: str,
    *,
    amount_minor: int | None,
    deliver_by: date | None,
    reason: str,
) -> SignatureRequestView:
    """Ask for another price or day: new terms where the quote and the manufacturer's rule leave room, else a decline.

    Raises NotFound, Conflict, InvalidInput for what is no offer, or where nobody can ask for other terms.
    """
    request = await _mine(ctx, caller, request_id)
    if request.purpose != "terms" or not await _is_supplier(ctx, request):
        raise InvalidInput("purpose", "only suppliers ask for other terms, and only before they sign")
    if amount_minor is None and deliver_by is None:
        raise InvalidInput("amount_minor", "name another price, another day or both")
    if amount_minor is not None and (type(amount_minor) is not int or not 0 < amount_minor <= MAX_MINOR):
        raise InvalidInput("amount_minor", f"must be a whole number of cents from 1 to {MAX_MINOR}")
    if deliver_by is not None and deliver_by < ctx.clock.now().date():
        raise InvalidInput("deliver_by", "is over already")
    command = CounterSupply(request.agreement_id, amount_minor, deliver_by, reason)
    return await _answer_otherwise(ctx, request, "countered", command)


async def _answer_otherwise(
    ctx: Context, request: SignatureRequest, status: str, command: Command
) -> SignatureRequestView:
    async with ctx.uow.write() as tx:
        current = await _open(tx, request)
        await tx.signatures.save(replace(current, status=status))
        await apply(ctx, tx, request.order_id, command)
    return await _view(ctx, request.id)


async def _open(tx: Transaction, request: SignatureRequest) -> SignatureRequest:
    """The request as it stands. Raises Conflict if it is no longer open.

    The order comes first, for everybody: two that hold one another's rows would wait for each other.
    """
    await tx.orders.get(request.order_id)
    current = await tx.signatures.get(request.id)
    if current is None or current.status != "open":
        why = f": {current.note}" if current and current.status == "void" and current.note else ""
        raise Conflict(f"this request is {current.status if current else 'gone'}{why}")
    return current


async def _is_supplier(ctx: Context, request: SignatureRequest) -> bool:
    """Whether the one who is asked delivers a supply. Raises NotFound."""
    async with ctx.uow.read() as tx:
        agreement = await tx.agreements.get(request.agreement_id)
    if agreement is None:
        raise NotFound("signature request")
    return agreement.kind is AgreementKind.SUPPLY and request.role == "payee"


async def _mine(ctx: Context, caller: Account, request_id: str) -> SignatureRequest:
    async with ctx.uow.read() as tx:
        request = await tx.signatures.get(request_id)
    if request is None or request.organisation_id != caller.party_id:
        raise NotFound("signature request")
    return request


async def _view(ctx: Context, request_id: str) -> SignatureRequestView:
    async with ctx.uow.read() as tx:
        request = await tx.signatures.get(request_id)
        if request is None:
            raise NotFound("signature request")
        return await present_request(tx, request)


async def _consequence(
    ctx: Context, tx: Transaction, caller: Account, request: SignatureRequest, signature: str
) -> None:
    now = ctx.clock.now()
    subject = request.agreement_id
    match request.purpose:
        case "terms":
            await _sign_terms(ctx, tx, caller, request, signature)
        case "accept":
            effect = Effect(EffectKind.SUBMIT_ACCEPTANCE, f"accept:{subject}", subject, signature)
            await tx.outbox.add(request.order_id, [effect], now)
        case "delivered":
            effect = Effect(EffectKind.SUBMIT_DELIVERED, f"delivered:{subject}", subject, f"signature:{signature}")
            await tx.outbox.add(request.order_id, [effect], now)


async def _sign_terms(
    ctx: Context, tx: Transaction, caller: Account, request: SignatureRequest, signature: str
) -> None:
    agreement = await tx.agreements.get(request.agreement_id)
    if agreement is None:
        raise NotFound("agreement")
    await tx.agreements.save(_with_signature(agreement, request.role, signature))
    name = caller.organisation.name if caller.organisation else caller.display_name
    command = RecordSignature(request.agreement_id, request.role, name)
    order = await apply(ctx, tx, request.order_id, command)
    if order.status is Status.QUOTED:
        for signed in await tx.agreements.of_order(order.id):
            await tx.agreements.save(replace(signed, status=AgreementStatus.SIGNED))


def _with_signature(agreement: Agreement, role: str, signature: str) -> Agreement:
    if role == "payer":
        return replace(agreement, payer_signature=signature)
    return replace(agreement, payee_signature=signature)
