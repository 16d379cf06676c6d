"""What terms of deliveries and supplies are made of, and who is asked to sign them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from marketplace.application.advance import advance_of, with_dearest_reserve
from marketplace.application.browse_products import template_of
from marketplace.application.configure_product import configured
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
from marketplace.domain.configuration import RequiredLine, required_lines
from marketplace.domain.events import SupplyChoice
from marketplace.domain.evidence import EventCode, Witness
from marketplace.domain.money import BPS
from marketplace.domain.order import Order
from marketplace.domain.parties import Organisation, Role
from marketplace.domain.price_document import document_of
from marketplace.domain.pricing import Price
from marketplace.domain.sourcing import needed_by
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


def answer_by(ctx: Context, fund_by: int) -> datetime:
    """Until when a supplier that is asked now must answer.

    Never more than a share of what is left of the quote: whoever is silent leaves time for the next, and all of them
    leave time for the customer.
    """
    now = ctx.clock.now()
    left = fund_by - now.timestamp()
    return now + timedelta(seconds=max(0, min(ctx.policy.answer_s, left * ctx.policy.answer_share_bps / BPS)))


def quote_document(order: Order, price: Price) -> dict[str, Any]:
    """The quote as plain values: its digest is inside the specification hash, and so inside the terms."""
    beside: dict[str, Any] = {} if order.offers_digest is None else {"offers": order.offers_digest}
    if price.trace is not None:
        beside["trace"] = document_of(price.trace)
    if order.promise is not None:
        promised = asdict(order.promise)
        beside["promise"] = promised | {name: promised[name].isoformat() for name in ("p50_day", "p90_day")}
    return beside | {
        "total_minor": price.total_minor,
        "currency": price.currency,
        "lines": [{"label": line.label, "amount_minor": line.amount_minor} for line in price.lines],
        "platform_fee_minor": price.platform_fee_minor,
        "deliver_by": order.deliver_by.isoformat(),
    }


def specification(order: Order, price: Price, salt: str) -> dict[str, Any]:
    """What a delivery's `spec_hash` is the digest of: configuration, product, quote, salt, version."""
    return {
        "configuration": dict(order.configuration),
        "product": order.product_id,
        "quote": quote_document(order, price),
        "salt": salt,
        "version": order.product_version,
    }


def supply_specification(order: Order, lines: Sequence[RequiredLine], delivery_hash: str, salt: str) -> dict[str, Any]:
    """What a supply's `spec_hash` is the digest of: the supplier's own lines, and all else of the order as one hash.

    The hash is the delivery's: whoever has that document can hold it against this one, and nobody else learns from it
    what the customer pays, what is left to the manufacturer, or what others supply.
    """
    return {
        "lines": [
            {
                "id": line.id,
                "label": line.label,
                "category": line.category,
                "quantity": line.quantity,
                "attributes": dict(line.attributes),
            }
            for line in lines
        ],
        "order": delivery_hash,
        "product": order.product_id,
        "salt": salt,
        "version": order.product_version,
    }


async def lines_of(ctx: Context, order: Order) -> tuple[RequiredLine, ...]:
    """What must be bought for an order, as its suppliers were searched for. Raises NotFound, InvalidInput."""
    template = template_of(ctx, order.product_id)
    found = await configured(ctx, template, order.configuration, order.customer_id, anew=False)
    return required_lines(template, found.sheet)


async def parties_of(tx: Transaction, order: Order) -> Parties:
    """Everybody, as they stand now. Raises DraftingBlocked."""
    maker = await _side(tx, await tx.parties.organisation(order.manufacturer_id), "the manufacturer")
    suppliers = [(choice, await supplier_side(tx, choice)) for choice in order.choices]
    carriers = [carrier for carrier in await tx.parties.organisations_of_kind(Role.CARRIER) if carrier.address]
    carrier = await _side(tx, carriers[0] if carriers else None, "a carrier")
    return Parties(maker, tuple(suppliers), carrier)


async def supplier_side(tx: Transaction, choice: SupplyChoice) -> Side:
    """The supplier of a choice. Raises DraftingBlocked."""
    if choice.organisation_id is None:
        organisation = await tx.parties.organisation_in_registry(choice.supplier_id)
    else:
        organisation = await tx.parties.organisation(choice.organisation_id)
    return await _side(tx, organisation, choice.supplier_name)


async def _side(tx: Transaction, organisation: Organisation | None, who: str) -> Side:
    if organisation is None or organisation.address is None:
        raise DraftingBlocked(f"{who} has not registered a signing key yet")
    gateways = await tx.parties.gateways_of(organisation.id)
    return Side(organisation, organisation.address, gateways[0].address if gateways else ZERO_ADDRESS)


def _base(ctx: Context) -> dict[str, Any]:
    """What the platform's policy says in all terms."""
    policy = ctx.policy
    return {
        "witness": ZERO_ADDRESS,
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


def _penalty(ctx: Context, order: Order) -> dict[str, int]:
    """What the quote promises of its day, never above the policy's bounds; orders of before have those themselves."""
    found, policy = order.promise, ctx.policy
    if found is None:
        return {}
    return {
        "penalty_bps_per_day": min(found.penalty_bps_per_day, policy.penalty_bps_per_day),
        "penalty_cap_bps": min(found.penalty_cap_bps, policy.penalty_cap_bps),
    }


def _end_of(day: date) -> int:
    """The last second of a day."""
    midnight = datetime.combine(day + timedelta(days=1), time(), UTC)
    return int(midnight.timestamp()) - 1


async def draft_delivery(
    ctx: Context, order: Order, price: Price, parties: Parties, known: ChainParameters, fund_by: int
) -> Agreement:
    """The delivery's draft. Its advance also pays whoever is next in rank, as far as the chain's ceiling goes."""
    salt = ctx.random_hash()
    dearest = with_dearest_reserve(order.choices, order.bench)
    advance = advance_of(ctx.policy, price.total_minor, dearest, known) or known.self_attested_bps
    milestones = [Milestone(advance, EventCode.OPENED)]
    # Advance and machine's share together stay below the ceiling of what the maker alone can prove.
    machine = min(ctx.policy.machine_bps, known.self_attested_bps - advance)
    document = ctx.canonical(specification(order, price, salt))
    if parties.maker.attestor != ZERO_ADDRESS and machine > 0:
        milestones.append(Milestone(machine, EventCode.PRODUCTION_FINISHED, Witness.ATTESTOR))
    terms = Terms(
        **(_base(ctx) | _penalty(ctx, order)),
        carrier=parties.carrier.address,
        arbiter=known.arbiter,
        token=known.token,
        unit=known.unit,
        kind=AgreementKind.DELIVERY,
        supply_count=len(parties.suppliers),
        payer=order.payer_address,
        payee=parties.maker.address,
        attestor=parties.maker.attestor,
        amount=price.total_minor * known.unit,
        milestones=tuple(milestones),
        cancel_until=_until_made(milestones),
        fund_by=fund_by,
        deliver_by=_end_of(order.deliver_by),
        fee_bps=known.fee_bps,
        handover=order.handover_hash,
        parent=ZERO_HASH,
        spec_hash=ctx.chain.keccak(document),
        salt=salt,
    )
    description = f"{order.amount} × {template_of(ctx, order.product_id).name}"
    return await _agreement(ctx, order, terms, document.decode(), order.customer_id, parties.maker, description)


async def draft_supply_terms(
    ctx: Context,
    order: Order,
    lines: Sequence[RequiredLine],
    choice: SupplyChoice,
    side: Side,
    delivery: Agreement,
) -> Agreement:
    """A supply's draft under the delivery as it stands: its money, its parties and its time are the delivery's.

    `lines` are all that the order needs.
    """
    above = delivery.terms
    salt = ctx.random_hash()
    proved = Milestone(ctx.policy.supply_machine_bps, EventCode.PRODUCTION_FINISHED, Witness.ATTESTOR)
    milestones = [proved] if side.attestor != ZERO_ADDRESS else []
    own = [line for line in lines if line.id in choice.lines]
    document = ctx.canonical(supply_specification(order, own, above.spec_hash, salt))
    terms = Terms(
        **_base(ctx),
        carrier=above.carrier,
        arbiter=above.arbiter,
        token=above.token,
        unit=above.unit,
        kind=AgreementKind.SUPPLY,
        supply_count=0,
        payer=above.payee,
        payee=side.address,
        attestor=side.attestor,
        amount=choice.amount_minor * above.unit,
        milestones=tuple(milestones),
        cancel_until=_until_made(milestones),
        fund_by=above.fund_by,
        deliver_by=_end_of(choice.deliver_by or needed_by(order)),
        fee_bps=0,
        handover=ZERO_HASH,
        parent=delivery.id,
        spec_hash=ctx.chain.keccak(document),
        salt=salt,
    )
    description = f"{', '.join(choice.lines)} for {order.amount} pieces"
    text = document.decode()
    return await _agreement(ctx, order, terms, text, order.manufacturer_id, side, description, choice.lines)


def _until_made(milestones: Sequence[Milestone]) -> int:
    """The milestone until whose claim the payer may cancel: the machine's, or NEVER where no machine would end it."""
    codes = [milestone.code for milestone in milestones]
    return codes.index(EventCode.PRODUCTION_FINISHED) if EventCode.PRODUCTION_FINISHED in codes else NEVER


async def _agreement(
    ctx: Context,
    order: Order,
    terms: Terms,
    document: str,
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
        specification=document,
    )


async def requests_for(ctx: Context, agreement: Agreement, answer: datetime) -> list[SignatureRequest]:
    """Who is asked to sign: a delivery's payee (the customer signs last), both sides of a supply.

    The supplier has until `answer`, the manufacturer as long as the quote could still be had.
    """
    terms, is_supply = agreement.terms, agreement.kind is AgreementKind.SUPPLY
    typed = await ctx.chain.terms_to_sign(terms)
    sides = [("payee", agreement.payee_id, terms.payee, int(answer.timestamp()) if is_supply else terms.fund_by)]
    if is_supply:
        sides.append(("payer", agreement.payer_id, terms.payer, terms.fund_by))
    return [
        SignatureRequest(
            id=f"{agreement.id}-terms-{role}",
            order_id=agreement.order_id,
            agreement_id=agreement.id,
            organisation_id=organisation_id,
            purpose="terms",
            role=role,
            signer=signer,
            typed_data=typed,
            deadline=deadline,
        )
        for role, organisation_id, signer, deadline in sides
    ]


def to_sign(requests: Sequence[SignatureRequest]) -> tuple[str, ...]:
    """As an order remembers who has not signed yet."""
    return tuple(f"{request.agreement_id}:{request.role}" for request in requests)
