"""Questions that arise on the way: did the supply arrive (the carrier), is it accepted (the manufacturer)."""

from marketplace.application.accept_delivery import acceptance_deadline
from marketplace.application.context import Context
from marketplace.domain.agreement import ActionKind, Agreement
from marketplace.domain.parties import Organisation, Role
from marketplace.ports.unit_of_work import SignatureRequest


async def ask_carrier(ctx: Context, agreement_id: str) -> None:
    """Ask the carrier that the terms name for its delivery signature."""
    async with ctx.uow.read() as tx:
        agreement = await tx.agreements.get(agreement_id)
        carriers = await tx.parties.organisations_of_kind(Role.CARRIER)
    if agreement is None:
        return
    carrier = next((item for item in carriers if item.address == agreement.terms.carrier), None)
    await _ask(ctx, agreement, carrier, "delivered", "carrier", ActionKind.DELIVERED)


async def ask_acceptance(ctx: Context, agreement_id: str) -> None:
    """Ask the payer of a delivered supply to accept it."""
    async with ctx.uow.read() as tx:
        agreement = await tx.agreements.get(agreement_id)
        payer = await tx.parties.organisation(agreement.payer_id) if agreement else None
    if agreement is not None:
        await _ask(ctx, agreement, payer, "accept", "payer", ActionKind.ACCEPT)


async def _ask(
    ctx: Context, agreement: Agreement, who: Organisation | None, purpose: str, role: str, action: ActionKind
) -> None:
    if who is None or who.address is None:
        return
    deadline = acceptance_deadline(agreement)
    signer = agreement.terms.carrier if role == "carrier" else agreement.terms.payer
    request = SignatureRequest(
        id=f"{agreement.id}-{purpose}-{role}",
        order_id=agreement.order_id,
        agreement_id=agreement.id,
        organisation_id=who.id,
        purpose=purpose,
        role=role,
        signer=signer,
        typed_data=await ctx.chain.action_to_sign(agreement.id, action, deadline),
        deadline=deadline,
    )
    async with ctx.uow.write() as tx:
        await tx.signatures.add(request)
