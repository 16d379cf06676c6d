"""What an order's events lead to, said again: the status after each, and the effects that each must leave behind.

Written from `docs/order-lifecycle.md` and the descriptions of events and effects; the product's table is not read.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from bootstrap.doctor.rows import EventRow, OrderRow

AFTER: Final[dict[str, str | None]] = {
    "OrderPlaced": "placed",
    "MatchPostponed": None,
    "OrderMatched": "matched",
    "DecisionAsked": None,
    "OrderAccepted": "accepted",
    "OrderRejected": "rejected",
    "AgreementsDrafted": "sourcing",
    "TermsSigned": None,
    "SupplierDeclined": None,
    "SupplierSilent": None,
    "SupplierCountered": None,
    "NextSupplierAsked": None,
    "SupplyDrafted": None,
    "SearchReopened": "placed",
    "QuoteIssued": "quoted",
    "QuoteConfirmed": "confirmed",
    "AgreementsOpened": "contracted",
    "ProductionStarted": "in_production",
    "ProductionProgressed": None,
    "MilestoneProved": None,
    "SupplyDelivered": None,
    "ProductionFailed": None,
    "ProductionFinished": "produced",
    "OrderShipped": "shipped",
    "HandoverPresented": None,
    "OrderDelivered": "delivered",
    "DeliveryAccepted": None,
    "DisputeOpened": None,
    "DisputeRecorded": None,
    "DisputeAnswered": None,
    "DisputeDecided": None,
    "OrderSettled": "settled",
    "OrderRefunded": "refunded",
    "OrderExpired": "expired",
    "OrderCancelled": "cancelled",
}
"""Event → the status that it leads to; None leaves the order where it is."""

ENDS: Final = frozenset({"settled", "refunded", "rejected", "expired", "cancelled"})
"""Statuses that wait for nothing."""
OFFERS: Final = frozenset(
    {"placed", "matched", "accepted", "sourcing", "quoted", "confirmed", "rejected", "expired", "cancelled"}
)
"""Statuses in which no agreement of the order may be open."""
UNDELIVERED: Final = frozenset({"contracted", "in_production", "produced", "shipped"})
SECURED: Final = UNDELIVERED | {"delivered", "settled", "refunded"}
"""Statuses that only an opening on the chain leads to."""

TOLD_ONLY: Final = frozenset({"notify", "push", "fund_test_account"})
"""Kinds of effects that tell somebody something, and move no order."""
BY_CHAIN_TIME: Final = frozenset({"finalise", "release", "refund", "timeout", "pay_out"})
"""Kinds whose due instant is the chain's, compared with the stamp of its head."""
DEADLINES_OF_THE_CHAIN: Final = frozenset({"contracted", "delivered"})
"""Waits whose deadline is the chain's too: it moves secured money."""

_TIMED: Final = frozenset(
    {
        *("OrderPlaced", "OrderMatched", "OrderAccepted", "SearchReopened", "AgreementsDrafted", "QuoteIssued"),
        *("QuoteConfirmed", "AgreementsOpened", "OrderDelivered"),
    }
)
"""Events after which a deadline waits."""

Wanted = tuple[str, str]
"""Kind and key of an effect."""


def replay(events: Sequence[EventRow]) -> Iterator[tuple[EventRow, str]]:
    """Each event and the status after it. An unknown event leaves the order where it is."""
    status = ""
    for event in events:
        status = ("placed" if _reopens(event) else AFTER.get(event.name)) or status
        yield event, status


def _reopens(event: EventRow) -> bool:
    """Once every decline began a new search; since then one names its agreement, and another event says the rest."""
    return event.name == "SearchReopened" or (event.name == "SupplierDeclined" and not event.data.get("agreement_id"))


def effects_of(order: OrderRow, events: Sequence[EventRow]) -> Iterator[Wanted]:
    """The effects that the events of an order must have left in the outbox."""
    searches = 0
    for event, status in replay(events):
        searches += _reopens(event)
        if event.name in _TIMED or _reopens(event):
            yield "deadline", f"{status}:{event.version}"
        yield from _work(order, event, f"{status}:{searches}" if searches else status)


def _of_sourcing(event: EventRow) -> Iterator[Wanted]:
    """Who is asked must answer in time, and who is asked next needs terms."""
    match event.name:
        case "AgreementsDrafted" if event.data.get("answer_by"):
            for agreement in event.data.get("supply_ids", ()):
                yield "deadline", f"answer:{agreement}"
        case "SupplyDrafted":
            yield "deadline", f"answer:{event.data.get('agreement_id')}"
        case "NextSupplierAsked":
            yield "draft_supply", f"supply:{event.version}"
        case "SupplierCountered" if event.data.get("refusal") is None:
            yield "draft_supply", f"supply:{event.version}"


def _work(order: OrderRow, event: EventRow, wait: str) -> Iterator[Wanted]:
    if event.name == "OrderPlaced" or _reopens(event):
        yield "find_suppliers", f"find:{event.version}"
    yield from _of_sourcing(event)
    match event.name:
        case "MatchPostponed":
            yield "find_suppliers", f"find:{wait}:{event.data.get('retry_at')}"
        case "OrderAccepted":
            yield "draft_agreements", f"draft:{event.version}"
        case "QuoteConfirmed":
            yield "open_agreements", f"open:{event.data.get('agreement_id')}"
        case "AgreementsOpened":
            for agreement in order.supply_ids or (order.delivery_id,):
                yield "dispatch_jobs", f"dispatch:{agreement}"
        case "SupplyDelivered" if event.data.get("all_arrived"):
            yield "dispatch_jobs", f"dispatch:{order.delivery_id}"
        case _:
            yield from _submitted(order, event)


def _submitted(order: OrderRow, event: EventRow) -> Iterator[Wanted]:
    """What people have said or signed goes to the chain."""
    match event.name:
        case "HandoverPresented":
            yield "submit_delivered", f"delivered:{order.delivery_id}"
        case "DeliveryAccepted":
            yield "submit_acceptance", f"accept:{order.delivery_id}"
        case "DisputeOpened":
            yield "submit_dispute", f"dispute:{order.delivery_id}"
