"""How each event changes the fields of an order. Which status follows is the table's business, in `lifecycle`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from marketplace.domain import events as e
from marketplace.domain.dispute import Dispute
from marketplace.domain.order import VACANT, Order, Status

Change = Callable[[Order, Status, Any], Order]
Out = e.SupplierDeclined | e.SupplierSilent | e.SupplierCountered


def placed(event: e.OrderPlaced) -> Order:
    """The order that begins with `event`."""
    return Order(
        id=event.order_id,
        status=Status.PLACED,
        version=1,
        customer_id=event.customer_id,
        manufacturer_id=event.manufacturer_id,
        product_id=event.product_id,
        product_version=event.product_version,
        configuration=event.configuration,
        amount=event.amount,
        deliver_by=event.deliver_by,
        payer_address=event.payer_address,
        handover_hash=event.handover_hash,
        client_reference=event.client_reference,
        placed_at=event.at,
    )


def _move(order: Order, status: Status, **fields: Any) -> Order:
    return replace(order, status=status, version=order.version + 1, **fields)


def _plain(order: Order, status: Status, event: e.Event) -> Order:
    return _move(order, status)


def _postponed(order: Order, status: Status, event: e.MatchPostponed) -> Order:
    return _move(order, status, waiting_reason=event.reason)


def _matched(order: Order, status: Status, event: e.OrderMatched) -> Order:
    return _move(
        order,
        status,
        choices=event.choices,
        price=event.price,
        bench=event.bench,
        offers_digest=event.offers_digest,
        promise=event.promise,
        waiting_reason=None,
    )


def _asked(order: Order, status: Status, event: e.DecisionAsked) -> Order:
    return _move(order, status, waiting_reason=event.reason)


def _accepted(order: Order, status: Status, event: e.OrderAccepted) -> Order:
    return _move(order, status, waiting_reason=None)


def _rejected(order: Order, status: Status, event: e.OrderRejected) -> Order:
    return _move(order, status, waiting_reason=event.reason)


def _drafted(order: Order, status: Status, event: e.AgreementsDrafted) -> Order:
    return _move(
        order,
        status,
        delivery_id=event.delivery_id,
        supply_ids=event.supply_ids,
        to_sign=event.to_sign,
        quote_digest=event.quote_digest,
        firm_until=event.firm_until,
        firm_by=event.answer_by,
        supplies_most_minor=event.supplies_most_minor,
    )


def _signed(order: Order, status: Status, event: e.TermsSigned) -> Order:
    signed = f"{event.agreement_id}:{event.role}"
    return _move(order, status, to_sign=tuple(name for name in order.to_sign if name != signed))


def _out(order: Order, status: Status, event: Out, why: str) -> Order:
    """The supplier is not asked again."""
    return _move(
        order,
        status,
        excluded_suppliers=tuple(dict.fromkeys((*order.excluded_suppliers, event.supplier_id))),
        waiting_reason=f"{event.supplier_name} {why}",
    )


def _declined(order: Order, status: Status, event: e.SupplierDeclined) -> Order:
    return _out(order, status, event, f"declined: {event.reason}" if event.reason else "declined")


def _silent(order: Order, status: Status, event: e.SupplierSilent) -> Order:
    return _out(order, status, event, "did not answer in time")


def _countered(order: Order, status: Status, event: e.SupplierCountered) -> Order:
    """A refused counter is a no; else the same supplier is asked anew, for what it has named."""
    if event.refusal is not None:
        return _out(order, status, event, f"asked for other terms: {event.refusal}")
    gone = order.choices[order.supply_ids.index(event.agreement_id)]
    choice = replace(gone, amount_minor=event.amount_minor, deliver_by=event.deliver_by, countered=True)
    words = f"{event.supplier_name} asked for other terms and gets them"
    return _vacated(order, status, event.agreement_id, choice, words)


def _next(order: Order, status: Status, event: e.NextSupplierAsked) -> Order:
    words = f"{order.waiting_reason}; {event.choice.supplier_name} is asked next"
    return _vacated(order, status, event.agreement_id, event.choice, words)


def _vacated(order: Order, status: Status, agreement_id: str, choice: e.SupplyChoice, words: str) -> Order:
    """The supply's terms are void, and those for `choice` are to be written."""
    place = order.supply_ids.index(agreement_id)
    return _move(
        order,
        status,
        choices=(*order.choices[:place], choice, *order.choices[place + 1 :]),
        supply_ids=(*order.supply_ids[:place], VACANT, *order.supply_ids[place + 1 :]),
        to_sign=tuple(name for name in order.to_sign if not name.startswith(f"{agreement_id}:")),
        waiting_reason=words,
    )


def _supply_drafted(order: Order, status: Status, event: e.SupplyDrafted) -> Order:
    place = event.place
    return _move(
        order,
        status,
        supply_ids=(*order.supply_ids[:place], event.agreement_id, *order.supply_ids[place + 1 :]),
        to_sign=(*order.to_sign, *event.to_sign),
        firm_by=max(order.firm_by or event.answer_by, event.answer_by),
    )


def _reopened(order: Order, status: Status, event: e.SearchReopened) -> Order:
    """Back to the search: what was drafted is void."""
    return _move(
        order,
        status,
        searches=order.searches + 1,
        choices=(),
        bench=(),
        offers_digest=None,
        delivery_id=None,
        supply_ids=(),
        to_sign=(),
        quote_digest=None,
        firm_until=None,
        firm_by=None,
        supplies_most_minor=0,
        waiting_reason=event.reason,
    )


def _issued(order: Order, status: Status, event: e.QuoteIssued) -> Order:
    return _move(order, status, waiting_reason=None)


def _started(order: Order, status: Status, event: e.ProductionStarted) -> Order:
    return _move(order, status, production_started=True)


def _progressed(order: Order, status: Status, event: e.ProductionProgressed) -> Order:
    return _move(order, status, done=event.done, of=event.of, step=event.step)


def _failed(order: Order, status: Status, event: e.ProductionFailed) -> Order:
    return _move(order, status, waiting_reason=event.reason)


def _finished(order: Order, status: Status, event: e.ProductionFinished) -> Order:
    return _move(order, status, waiting_reason=None)


def _handed_over(order: Order, status: Status, event: e.HandoverPresented) -> Order:
    return _move(order, status, handed_over=True)


def _accepted_delivery(order: Order, status: Status, event: e.DeliveryAccepted) -> Order:
    return _move(order, status, accepted_by_customer=True)


def _disputed(order: Order, status: Status, event: e.DisputeOpened) -> Order:
    return _move(order, status, dispute=Dispute.SENT)


def _recorded(order: Order, status: Status, event: e.DisputeRecorded) -> Order:
    return _move(order, status, dispute=Dispute.OPEN)


def _decided(order: Order, status: Status, event: e.DisputeDecided) -> Order:
    return _move(order, status, dispute=Dispute.DECIDED)


CHANGES: Mapping[type[e.Event], Change] = {
    e.MatchPostponed: _postponed,
    e.OrderMatched: _matched,
    e.DecisionAsked: _asked,
    e.OrderAccepted: _accepted,
    e.OrderRejected: _rejected,
    e.AgreementsDrafted: _drafted,
    e.TermsSigned: _signed,
    e.SupplierDeclined: _declined,
    e.SupplierSilent: _silent,
    e.SupplierCountered: _countered,
    e.NextSupplierAsked: _next,
    e.SupplyDrafted: _supply_drafted,
    e.SearchReopened: _reopened,
    e.QuoteIssued: _issued,
    e.QuoteConfirmed: _plain,
    e.AgreementsOpened: _plain,
    e.ProductionStarted: _started,
    e.ProductionProgressed: _progressed,
    e.MilestoneProved: _plain,
    e.SupplyDelivered: _plain,
    e.ProductionFailed: _failed,
    e.ProductionFinished: _finished,
    e.OrderShipped: _plain,
    e.HandoverPresented: _handed_over,
    e.OrderDelivered: _plain,
    e.DeliveryAccepted: _accepted_delivery,
    e.DisputeOpened: _disputed,
    e.DisputeRecorded: _recorded,
    e.DisputeAnswered: _plain,
    e.DisputeDecided: _decided,
    e.OrderSettled: _plain,
    e.OrderRefunded: _plain,
    e.OrderExpired: _plain,
    e.OrderCancelled: _plain,
}
"""Event type → how the fields change; a test holds it against the transition table."""
