"""Orders, agreements and requests as their readers may see them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from marketplace.application.access import concerns
from marketplace.application.context import Context
from marketplace.application.indicative_quote import quote_view
from marketplace.application.quote_views import QuoteView
from marketplace.application.views import (
    AgreementView,
    ConfirmingView,
    LabelledValue,
    MilestoneView,
    NextAction,
    OrderView,
    PartyView,
    PaymentView,
    PayoutView,
    ProgressView,
    RequestedAgreement,
    SideView,
    SignatureRequestView,
)
from marketplace.application.wording import (
    DISPUTE_TITLES,
    DISPUTE_WAITS,
    STATUS_TITLES,
    WAITING_FOR,
    milestone_label,
    vouched_by,
)
from marketplace.domain.agreement import ZERO_ADDRESS, ZERO_HASH, Agreement, AgreementStatus
from marketplace.domain.configuration import Configuration, configure, spell_out
from marketplace.domain.dispute import Dispute
from marketplace.domain.errors import NotFound
from marketplace.domain.evidence import EventCode
from marketplace.domain.money import spell
from marketplace.domain.order import Order, Status
from marketplace.domain.parties import Account, Role
from marketplace.domain.transitions import RUNNING
from marketplace.ports.unit_of_work import SignatureRequest, Transaction

HELD = frozenset({AgreementStatus.OPEN, AgreementStatus.DELIVERED, AgreementStatus.RETAINED, AgreementStatus.DISPUTED})


@dataclass(frozen=True, slots=True)
class _Beside:
    """What is told with an order: its agreements, who is called what, when it changed, what is not final yet."""

    agreements: Sequence[Agreement]
    names: Mapping[str, str]
    changed_at: datetime
    confirming: ConfirmingView | None = None


async def present(ctx: Context, tx: Transaction, order_id: str, reader: Account) -> OrderView:
    """The order for `reader`: all for its two sides, a reduced view for suppliers and carriers. Raises NotFound."""
    order = await tx.orders.get(order_id)
    if order is None:
        raise NotFound("order")
    # There are none before terms are drafted.
    agreements = await tx.agreements.of_order(order_id) if order.delivery_id is not None else ()
    beside = _Beside(
        agreements,
        await tx.parties.names({order.customer_id, order.manufacturer_id, *_parties(*agreements)}),
        await tx.orders.changed_at(order_id) or order.placed_at,
        await _confirming(ctx, tx, _shown(order, agreements, reader)),
    )
    return _view(ctx, order, beside, reader)


def present_new(
    ctx: Context, order: Order, configuration: Configuration, maker: tuple[str, str], reader: Account
) -> OrderView:
    """An order that its customer has just placed: nothing of it has to be read or worked out again. `maker` is the
    manufacturer's id and name."""
    return _view(ctx, order, _Beside((), dict([maker]), order.placed_at), reader, configuration)


def _view(
    ctx: Context, order: Order, beside: _Beside, reader: Account, configuration: Configuration | None = None
) -> OrderView:
    full, customers, names = _is_side(order, reader), reader.id == order.customer_id, beside.names
    template = ctx.catalogue[order.product_id]
    # A supplier has its lines in what it signs (ADR 0017); what else the customer wants is for the two sides.
    spelled = spell_out(template, configuration or configure(template, order.configuration)) if full else ()
    return OrderView(
        id=order.id,
        status=order.status,
        title=DISPUTE_TITLES[order.dispute] if full and _is_disputed(order) else STATUS_TITLES[order.status],
        # What an order waits for, and a step's words, may name others: only its two sides read them.
        waiting_for=_waiting_for(order, beside.confirming) if full else None,
        next_action=_next_action(order, reader),
        product=PartyView(template.id, template.name),
        manufacturer=PartyView(order.manufacturer_id, names.get(order.manufacturer_id, "")),
        customer_name=names.get(order.customer_id) if full and not customers else None,
        customer_id=order.customer_id if full and not customers else None,
        configuration=tuple(LabelledValue(label, value) for label, value in spelled),
        amount=order.amount,
        deliver_by=order.deliver_by,
        placed_at=order.placed_at,
        updated_at=beside.changed_at,
        client_reference=order.client_reference if customers else None,
        quote=_quote(order) if full else None,
        agreements=tuple(agreement_view(item, names) for item in _shown(order, beside.agreements, reader)),
        progress=ProgressView(order.done, order.of, order.step if full else "") if order.of else None,
        payment=_payment(beside.agreements) if full else None,
        confirming=beside.confirming,
        dispute=order.dispute.value if full else None,
    )


def _is_disputed(order: Order) -> bool:
    return order.status in RUNNING and order.dispute in DISPUTE_TITLES


def _is_side(order: Order, reader: Account) -> bool:
    return reader.role is Role.OPERATOR or reader.party_id in (order.customer_id, order.manufacturer_id)


def _shown(order: Order, agreements: Sequence[Agreement], reader: Account) -> list[Agreement]:
    full = _is_side(order, reader)
    return [item for item in agreements if _may_see(item, order, reader, full=full)]


def _parties(*agreements: Agreement) -> set[str]:
    return {party for agreement in agreements for party in (agreement.payer_id, agreement.payee_id)}


def _waiting_for(order: Order, confirming: ConfirmingView | None) -> str | None:
    if confirming is not None:
        return f"The chain has it: {confirming.blocks} of {confirming.of} blocks."
    if _is_disputed(order):
        return DISPUTE_WAITS[order.dispute]
    return order.waiting_reason or WAITING_FOR.get(order.status)


async def _confirming(ctx: Context, tx: Transaction, agreements: Sequence[Agreement]) -> ConfirmingView | None:
    """How deep the newest word of the chain is that does not count yet."""
    of = ctx.policy.confirmations
    if not of or not agreements:
        return None
    said = await tx.cursor.of_agreements([agreement.id for agreement in agreements])
    newest = max((event.block for event in said if not event.applied), default=None)
    read = (await tx.cursor.peek()).read
    if newest is None or read is None:
        return None
    return ConfirmingView(blocks=min(max(read.number - newest, 0), of), of=of)


def _may_see(agreement: Agreement, order: Order, reader: Account, *, full: bool) -> bool:
    """A customer sees the own delivery agreement, the manufacturer all, a supplier its own."""
    if reader.role is Role.OPERATOR or reader.party_id == order.manufacturer_id:
        return True
    return concerns(agreement, reader) if not full else agreement.payer_id == order.customer_id


def _next_action(order: Order, reader: Account) -> NextAction | None:
    if reader.id == order.customer_id:
        match order.status:
            case Status.QUOTED:
                return NextAction("confirm", order.firm_until)
            case Status.SHIPPED if not order.handed_over:
                return NextAction("show_handover_code", None)
            case Status.DELIVERED if not order.accepted_by_customer and order.dispute is Dispute.NONE:
                return NextAction("accept_delivery", None)
    if reader.party_id == order.manufacturer_id:
        match order.status:
            case Status.MATCHED:
                return NextAction("decide", None)
            case Status.SOURCING:
                return NextAction("sign", order.firm_until)
            case Status.PRODUCED:
                return NextAction("ship", None)
    return None


def _quote(order: Order) -> QuoteView | None:
    if order.price is None:
        return None
    firm = order.status not in (Status.PLACED, Status.MATCHED, Status.ACCEPTED, Status.SOURCING)
    return replace(
        quote_view(order.price, order.deliver_by, order.promise),
        kind="firm" if firm else "indicative",
        version=1 + order.searches,
        firm_until=order.firm_until,
        digest=order.quote_digest,
        firm_by=None if firm else order.firm_by,
    )


def _payment(agreements: Sequence[Agreement]) -> PaymentView | None:
    """The delivery's money: what is held, and what has left."""
    if not agreements or agreements[0].status in (AgreementStatus.DRAFTED, AgreementStatus.SIGNED):
        return None
    delivery = agreements[0]
    total = delivery.terms.amount_minor
    released = sum(payout.amount_minor for payout in delivery.payouts)
    return PaymentView(total, total - released if delivery.status in HELD else 0, released)


def agreement_view(agreement: Agreement, called: Mapping[str, str]) -> AgreementView:
    """The agreement as its parties see it; `called` has their names by id."""
    terms = agreement.terms
    payer, payee = called.get(agreement.payer_id, ""), called.get(agreement.payee_id, "")
    others = {"fee": "Platform fee", "supply": "Suppliers", "successor": "The changed agreement"}
    names = {"payer": payer, "payee": payee} | others
    payouts: dict[tuple[str, str], int] = {}
    for payout in agreement.payouts:
        key = (payout.party, payout.address)
        payouts[key] = payouts.get(key, 0) + payout.amount_minor
    return AgreementView(
        id=agreement.id,
        kind=agreement.kind.name.lower(),
        address=agreement.address,
        status=agreement.status,
        payer=SideView(payer, terms.payer),
        payee=SideView(payee, terms.payee),
        amount_minor=terms.amount_minor,
        deliver_by=datetime.fromtimestamp(terms.deliver_by, UTC),
        description=agreement.description,
        milestones=tuple(_milestones(agreement)),
        payouts=tuple(PayoutView(party, names[party], address, amount) for (party, address), amount in payouts.items()),
    )


def _milestones(agreement: Agreement) -> list[MilestoneView]:
    views = []
    for index, milestone in enumerate(agreement.terms.milestones):
        state, at_ms = agreement.milestone_states.get(index, ("waiting", 0))
        if state != "waiting" and agreement.status is AgreementStatus.SETTLED:
            state = "paid"
        views.append(
            MilestoneView(
                code=int(milestone.code),
                label=milestone_label(milestone.code),
                amount_minor=agreement.terms.milestone_minor(index),
                vouched_by=vouched_by(milestone),
                state=state,
                at=datetime.fromtimestamp(at_ms / 1000, UTC) if at_ms else None,
            )
        )
    rest = agreement.terms.amount_minor - sum(view.amount_minor for view in views)
    done = agreement.status in (AgreementStatus.SETTLED, AgreementStatus.RESOLVED)
    state = "paid" if done else "proved" if agreement.status is AgreementStatus.DELIVERED else "waiting"
    divided = agreement.status is AgreementStatus.RESOLVED
    voucher = "divided between both sides" if divided else "confirmed by the recipient or the carrier"
    label = "Delivered and accepted"
    return [*views, MilestoneView(int(EventCode.DELIVERED), label, rest, voucher, state, None)]


async def _currency(tx: Transaction, agreement: Agreement) -> str:
    """The currency that the order was priced in. Raises NotFound for an agreement without a priced order."""
    order = await tx.orders.get(agreement.order_id)
    if order is None or order.price is None:
        raise NotFound("order")
    return order.price.currency


async def readable_terms(tx: Transaction, agreement: Agreement) -> tuple[LabelledValue, ...]:
    """The terms in words, in the order in which people ask. Raises NotFound."""
    view = agreement_view(agreement, await tx.parties.names(_parties(agreement)))
    return _in_words(agreement, view, await _currency(tx, agreement))


def _in_words(agreement: Agreement, view: AgreementView, currency: str) -> tuple[LabelledValue, ...]:
    terms = agreement.terms
    rows = [
        ("What", agreement.description),
        ("Made by", view.payee.name),
        ("Paid by", view.payer.name),
        ("Price, everything included", spell(terms.amount_minor, currency)),
        ("Delivered by", view.deliver_by.strftime("%d %B %Y, %H:%M UTC")),
        *((row.label, f"{spell(row.amount_minor, currency)}: {row.vouched_by}") for row in view.milestones),
        (
            "If it is late",
            f"{terms.penalty_bps_per_day / 100:g} % less for each day begun, at most {terms.penalty_cap_bps / 100:g} %",
        ),
        ("If it never comes", f"the money goes back {terms.grace // 3600} h after the date"),
        ("Time to check the goods", f"{terms.accept_window // 3600} h, then it counts as accepted"),
        ("Platform fee, inside the price", f"{terms.fee_bps / 100:g} %"),
    ]
    return tuple(LabelledValue(label, value) for label, value in rows)


async def present_request(tx: Transaction, request: SignatureRequest) -> SignatureRequestView:
    """A signature request with its agreement in words. Raises NotFound."""
    agreement = await tx.agreements.get(request.agreement_id)
    if agreement is None:
        raise NotFound("signature request")
    view = agreement_view(agreement, await tx.parties.names(_parties(agreement)))
    currency = await _currency(tx, agreement)
    unprotected = agreement.terms.carrier == ZERO_ADDRESS and agreement.terms.handover != ZERO_HASH
    note = "No carrier signs this delivery: the buyer alone holds the proof." if unprotected else request.note
    return SignatureRequestView(
        id=request.id,
        order_id=request.order_id,
        purpose=request.purpose,
        role=request.role,
        status=request.status,
        agreement=RequestedAgreement(
            id=view.id,
            kind=view.kind,
            amount_minor=view.amount_minor,
            currency=currency,
            payer=view.payer,
            payee=view.payee,
            deliver_by=view.deliver_by,
            description=view.description,
        ),
        typed_data=dict(request.typed_data),
        readable=_in_words(agreement, view, currency),
        deadline=datetime.fromtimestamp(request.deadline, UTC),
        note=note,
        specification=_specification(agreement, request),
    )


def _specification(agreement: Agreement, request: SignatureRequest) -> dict[str, Any] | None:
    """What is ordered, for the two who sign the terms; whoever carries the goods has no need of it."""
    if request.purpose != "terms" or agreement.specification is None:
        return None
    return dict(json.loads(agreement.specification))
