"""How each event changes the fields of an order. Which status follows is the table's business, in `lifecycle`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from marketplace.domain import events as e
from marketplace.domain.order import Order, Status

Change = Callable[[Order, Status, Any], Order]


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
    return _move(order, status, choices=event.choices, price=event.price, waiting_reason=None)


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
    )


def _signed(order: Order, status: Status, event: e.TermsSigned) -> Order:
    signed = f"{event.agreement_id}:{event.role}"
    return _move(order, status, to_sign=tuple(name for name in order.to_sign if name != signed))


def _declined(order: Order, status: Status, event: e.SupplierDeclined) -> Order:
    """Back to the search: what was drafted is void, and the supplier is not asked again."""
    return _move(
        order,
        status,
        excluded_suppliers=(*order.excluded_suppliers, event.supplier_id),
        choices=(),
        delivery_id=None,
        supply_ids=(),
        to_sign=(),
        quote_digest=None,
        firm_until=None,
        waiting_reason=f"{event.supplier_name} declined; looking for another supplier",
    )


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


CHANGES: Mapping[type[e.Event], Change] = {
    e.MatchPostponed: _postponed,
    e.OrderMatched: _matched,
    e.DecisionAsked: _asked,
    e.OrderAccepted: _accepted,
    e.OrderRejected: _rejected,
    e.AgreementsDrafted: _drafted,
    e.TermsSigned: _signed,
    e.SupplierDeclined: _declined,
    e.QuoteIssued: _plain,
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
    e.OrderSettled: _plain,
    e.OrderRefunded: _plain,
    e.OrderExpired: _plain,
    e.OrderCancelled: _plain,
}
"""Event type → how the fields change; a test holds it against the transition table."""
