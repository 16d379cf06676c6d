"""Organisations are asked to sign, and sign or decline: terms, arrivals, acceptances."""

from dataclasses import replace

from marketplace.application.apply import apply
from marketplace.application.context import Context
from marketplace.application.present import present_request
from marketplace.application.views import SignatureRequestView
from marketplace.domain.agreement import Agreement, AgreementStatus
from marketplace.domain.commands import DeclineSupply, RecordSignature, RejectOrder
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.errors import Conflict, InvalidInput, NotFound
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

    Raises NotFound, Conflict when the request is no longer open, InvalidInput for a signature by another key.
    """
    request = await _mine(ctx, caller, request_id)
    if request.status == "signed":
        return await _view(ctx, request_id)
    signer = ctx.chain.signed_by(dict(request.typed_data), signature)
    if signer is None or signer.lower() != request.signer.lower():
        raise InvalidInput("signature", f"is not by {request.signer}, the key registered when the terms were drafted")
    async with ctx.uow.write() as tx:
        current = await tx.signatures.get(request_id)
        if current is None or current.status != "open":
            raise Conflict(f"this request is {current.status if current else 'gone'}")
        await tx.signatures.save(replace(current, status="signed", signature=signature))
        await _consequence(ctx, tx, caller, current, signature)
    return await _view(ctx, request_id)


async def decline(ctx: Context, caller: Account, request_id: str, *, reason: str) -> SignatureRequestView:
    """Say no to terms: another supplier is looked for; a manufacturer's no ends the order.

    Raises NotFound, Conflict, InvalidInput where declining makes no sense.
    """
    request = await _mine(ctx, caller, request_id)
    if request.purpose != "terms":
        raise InvalidInput("purpose", "only terms can be declined; let it lapse, or open a dispute")
    async with ctx.uow.write() as tx:
        current = await tx.signatures.get(request_id)
        if current is None or current.status != "open":
            raise Conflict(f"this request is {current.status if current else 'gone'}")
        agreement = await tx.agreements.get(request.agreement_id)
        order = await tx.orders.get(request.order_id)
        await tx.signatures.save(replace(current, status="declined"))
        if agreement is None or order is None:
            raise NotFound("signature request")
        if caller.party_id == order.manufacturer_id:
            await apply(ctx, tx, order.id, RejectOrder(reason, "manufacturer"))
        else:
            choice = next(item for item in order.choices if set(item.lines) == set(agreement.lines))
            await apply(ctx, tx, order.id, DeclineSupply(choice.supplier_id, choice.supplier_name, reason))
    return await _view(ctx, request_id)


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
