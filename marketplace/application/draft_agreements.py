"""Fix the terms of the delivery and of every supply, before anybody signs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from marketplace.application.advance import advance_of
from marketplace.application.apply import apply
from marketplace.application.browse_products import template_of
from marketplace.application.context import Context
from marketplace.domain.agreement import (
    NEVER,
    ZERO_ADDRESS,
    ZERO_HASH,
    Agreement,
    AgreementKind,
    Milestone,
    Terms,
)
from marketplace.domain.commands import DraftAgreements
from marketplace.domain.events import SupplyChoice
from marketplace.domain.evidence import EventCode, Witness
from marketplace.domain.order import Order, Status
from marketplace.domain.parties import Organisation, Role
from marketplace.domain.pricing import Price
from marketplace.ports.chain import ChainParameters
from marketplace.ports.unit_of_work import SignatureRequest, Transaction


class DraftingBlocked(Exception):
    """Terms cannot be fixed yet: the text names what is missing. Trying later makes sense."""


@dataclass(frozen=True, slots=True)
class Side:
    """An organisation as terms need it: who it is, where it is paid, which gateway attests for it."""

    organisation: Organisation
    address: str
    attestor: str


@dataclass(frozen=True, slots=True)
class Parties:
    """Everybody the terms of an order name."""

    maker: Side
    suppliers: tuple[tuple[SupplyChoice, Side], ...]
    carrier: Side


async def draft_agreements(ctx: Context, order_id: str) -> None:
    """Write the drafts and ask for signatures. Raises DraftingBlocked, ChainUnavailable."""
    async with ctx.uow.read() as tx:
        order = await tx.orders.get(order_id)
        if order is None or order.status is not Status.ACCEPTED or order.price is None:
            return
        parties = await _parties(tx, order)
    known = await ctx.chain.parameters()
    now = ctx.clock.now()
    fund_by = int(now.timestamp()) + ctx.policy.quote_validity_s
    delivery = await _delivery(ctx, order, order.price, parties, known, fund_by)
    supplies = [
        await _supply(ctx, order, order.price, choice, side, parties, known, delivery)
        for choice, side in parties.suppliers
    ]
    requests = [await _request(ctx, delivery, "payee", parties.maker)]
    for supply, (_, side) in zip(supplies, parties.suppliers, strict=True):
        requests.append(await _request(ctx, supply, "payee", side))
        requests.append(await _request(ctx, supply, "payer", parties.maker))
    command = DraftAgreements(
        delivery_id=delivery.id,
        supply_ids=tuple(supply.id for supply in supplies),
        to_sign=tuple(f"{request.agreement_id}:{request.role}" for request in requests),
        quote_digest=ctx.chain.keccak(ctx.canonical(quote_document(order, order.price))),
        firm_until=datetime.fromtimestamp(fund_by, UTC),
    )
    async with ctx.uow.write() as tx:
        drafted = await apply(ctx, tx, order_id, command)
        if drafted.delivery_id == delivery.id:
            for agreement in (delivery, *supplies):
                await tx.agreements.save(agreement)
            for request in requests:
                await tx.signatures.add(request)


def quote_document(order: Order, price: Price) -> dict[str, Any]:
    """The quote as plain values: its digest is inside the specification hash, and so inside the terms."""
    return {
        "total_minor": price.total_minor,
        "currency": price.currency,
        "lines": [{"label": line.label, "amount_minor": line.amount_minor} for line in price.lines],
        "platform_fee_minor": price.platform_fee_minor,
        "deliver_by": order.deliver_by.isoformat(),
    }


def specification(order: Order, price: Price, salt: str, part: Sequence[str] = ()) -> dict[str, Any]:
    """What `spec_hash` is the digest of: configuration, quote, version, salt; for a supply also its lines."""
    return {
        "configuration": dict(order.configuration),
        "lines": list(part),
        "quote": quote_document(order, price),
        "salt": salt,
        "version": order.product_version,
    }


async def _parties(tx: Transaction, order: Order) -> Parties:
    maker = await _side(tx, await tx.parties.organisation(order.manufacturer_id), "the manufacturer")
    suppliers = [
        (choice, await _side(tx, await tx.parties.organisation_in_registry(choice.supplier_id), choice.supplier_name))
        for choice in order.choices
    ]
    carriers = [carrier for carrier in await tx.parties.organisations_of_kind(Role.CARRIER) if carrier.address]
    carrier = await _side(tx, carriers[0] if carriers else None, "a carrier")
    return Parties(maker, tuple(suppliers), carrier)


async def _side(tx: Transaction, organisation: Organisation | None, who: str) -> Side:
    if organisation is None or organisation.address is None:
        raise DraftingBlocked(f"{who} has not registered a signing key yet")
    gateways = await tx.parties.gateways_of(organisation.id)
    return Side(organisation, organisation.address, gateways[0].address if gateways else ZERO_ADDRESS)


def _base(ctx: Context, known: ChainParameters, parties: Parties) -> dict[str, Any]:
    """What all terms of an order share."""
    policy = ctx.policy
    return {
        "witness": ZERO_ADDRESS,
        "carrier": parties.carrier.address,
        "arbiter": known.arbiter,
        "token": known.token,
        "unit": known.unit,
        "grace": policy.grace_s,
        "contest_window": policy.contest_window_s,
        "accept_window": policy.accept_window_s,
        "retention_window": 0,
        "arbiter_window": policy.arbiter_window_s,
        "penalty_bps_per_day": policy.penalty_bps_per_day,
        "penalty_cap_bps": policy.penalty_cap_bps,
        "cancel_bps": policy.cancel_bps,
        "timeout_bps": policy.timeout_bps,
        "replaces": ZERO_HASH,
    }


def _end_of(order: Order, days_before: int) -> int:
    """The last second of the delivery day, or of a day before it."""
    midnight = datetime.combine(order.deliver_by + timedelta(days=1 - days_before), time(), UTC)
    return int(midnight.timestamp()) - 1


async def _delivery(
    ctx: Context, order: Order, price: Price, parties: Parties, known: ChainParameters, fund_by: int
) -> Agreement:
    salt = ctx.random_hash()
    advance = advance_of(ctx.policy, price.total_minor, order.choices, known) or known.self_attested_bps
    milestones = [Milestone(advance, EventCode.OPENED)]
    # Advance and machine's share together stay below the ceiling of what the maker alone can prove.
    machine = min(ctx.policy.machine_bps, known.self_attested_bps - advance)
    if parties.maker.attestor != ZERO_ADDRESS and machine > 0:
        milestones.append(Milestone(machine, EventCode.PRODUCTION_FINISHED, Witness.ATTESTOR))
    terms = Terms(
        **_base(ctx, known, parties),
        kind=AgreementKind.DELIVERY,
        supply_count=len(parties.suppliers),
        payer=order.payer_address,
        payee=parties.maker.address,
        attestor=parties.maker.attestor,
        amount=price.total_minor * known.unit,
        milestones=tuple(milestones),
        cancel_until=_until_made(milestones),
        fund_by=fund_by,
        deliver_by=_end_of(order, 0),
        fee_bps=known.fee_bps,
        handover=order.handover_hash,
        parent=ZERO_HASH,
        spec_hash=ctx.chain.keccak(ctx.canonical(specification(order, price, salt))),
        salt=salt,
    )
    description = f"{order.amount} × {template_of(ctx, order.product_id).name}"
    return await _agreement(ctx, order, terms, order.customer_id, parties.maker, description)


async def _supply(
    ctx: Context,
    order: Order,
    price: Price,
    choice: SupplyChoice,
    side: Side,
    parties: Parties,
    known: ChainParameters,
    delivery: Agreement,
) -> Agreement:
    salt = ctx.random_hash()
    proved = Milestone(ctx.policy.supply_machine_bps, EventCode.PRODUCTION_FINISHED, Witness.ATTESTOR)
    milestones = [proved] if side.attestor != ZERO_ADDRESS else []
    document = specification(order, price, salt, choice.lines)
    terms = Terms(
        **_base(ctx, known, parties),
        kind=AgreementKind.SUPPLY,
        supply_count=0,
        payer=parties.maker.address,
        payee=side.address,
        attestor=side.attestor,
        amount=choice.amount_minor * known.unit,
        milestones=tuple(milestones),
        cancel_until=_until_made(milestones),
        fund_by=delivery.terms.fund_by,
        deliver_by=_end_of(order, 1),
        fee_bps=0,
        handover=ZERO_HASH,
        parent=delivery.id,
        spec_hash=ctx.chain.keccak(ctx.canonical(document)),
        salt=salt,
    )
    description = f"{', '.join(choice.lines)} for {order.amount} pieces"
    return await _agreement(ctx, order, terms, order.manufacturer_id, side, description, choice.lines)


def _until_made(milestones: Sequence[Milestone]) -> int:
    """The milestone until whose claim the payer may cancel: the machine's, or NEVER where no machine would end it."""
    codes = [milestone.code for milestone in milestones]
    return codes.index(EventCode.PRODUCTION_FINISHED) if EventCode.PRODUCTION_FINISHED in codes else NEVER


async def _agreement(
    ctx: Context,
    order: Order,
    terms: Terms,
    payer_id: str,
    payee: Side,
    description: str,
    lines: tuple[str, ...] = (),
) -> Agreement:
    """The draft that these terms make: its id and address follow from them."""
    identity, address = await ctx.chain.terms_id(terms)
    return Agreement(
        id=identity,
        order_id=order.id,
        kind=terms.kind,
        address=address,
        terms=terms,
        payer_id=payer_id,
        payee_id=payee.organisation.id,
        description=description,
        lines=lines,
    )


async def _request(ctx: Context, agreement: Agreement, role: str, side: Side) -> SignatureRequest:
    return SignatureRequest(
        id=f"{agreement.id}-terms-{role}",
        order_id=agreement.order_id,
        agreement_id=agreement.id,
        organisation_id=side.organisation.id,
        purpose="terms",
        role=role,
        signer=side.address,
        typed_data=await ctx.chain.terms_to_sign(agreement.terms),
        deadline=agreement.terms.fund_by,
    )
