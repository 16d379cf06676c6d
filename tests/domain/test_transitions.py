"""The transition table against a table that was written by hand, status by status."""

from dataclasses import replace
from typing import get_args

import pytest

from marketplace.domain import events as e
from marketplace.domain.changes import CHANGES
from marketplace.domain.errors import InvalidTransition
from marketplace.domain.lifecycle import ENDS, TRANSITIONS, evolve
from marketplace.domain.order import Status
from tests.domain.samples import EVENTS, order_at

EVENT_TYPES = get_args(e.Event)

# Status → where each event leads, in the order of the customer's story. `=` means: it stays where it is.
MOVES: dict[str, dict[str, str]] = {
    "placed": {
        "MatchPostponed": "=",
        "OrderMatched": "matched",
        "OrderRejected": "rejected",
        "OrderExpired": "expired",
        "OrderCancelled": "cancelled",
    },
    "matched": {
        "DecisionAsked": "=",
        "OrderAccepted": "accepted",
        "OrderRejected": "rejected",
        "OrderExpired": "expired",
        "OrderCancelled": "cancelled",
    },
    "accepted": {
        "AgreementsDrafted": "sourcing",
        "OrderRejected": "rejected",
        "OrderExpired": "expired",
        "OrderCancelled": "cancelled",
    },
    "sourcing": {
        "TermsSigned": "=",
        "SupplierDeclined": "=",
        "SupplierSilent": "=",
        "SupplierCountered": "=",
        "NextSupplierAsked": "=",
        "SupplyDrafted": "=",
        "SearchReopened": "placed",
        "QuoteIssued": "quoted",
        "AgreementsOpened": "contracted",
        "OrderRejected": "rejected",
        "OrderExpired": "expired",
        "OrderCancelled": "cancelled",
    },
    "quoted": {
        "QuoteConfirmed": "confirmed",
        "AgreementsOpened": "contracted",
        "OrderExpired": "expired",
        "OrderCancelled": "cancelled",
    },
    "confirmed": {"AgreementsOpened": "contracted", "OrderExpired": "expired"},
    "contracted": {
        "ProductionStarted": "in_production",
        "ProductionProgressed": "=",
        "DisputeRecorded": "=",
        "DisputeAnswered": "=",
        "DisputeDecided": "=",
        "MilestoneProved": "=",
        "SupplyDelivered": "=",
        "ProductionFailed": "=",
        "OrderDelivered": "delivered",
        "OrderRefunded": "refunded",
        "OrderSettled": "settled",
    },
    "in_production": {
        "ProductionProgressed": "=",
        "DisputeRecorded": "=",
        "DisputeAnswered": "=",
        "DisputeDecided": "=",
        "MilestoneProved": "=",
        "SupplyDelivered": "=",
        "ProductionFailed": "=",
        "ProductionFinished": "produced",
        "OrderDelivered": "delivered",
        "OrderRefunded": "refunded",
        "OrderSettled": "settled",
    },
    "produced": {
        "ProductionProgressed": "=",
        "DisputeRecorded": "=",
        "DisputeAnswered": "=",
        "DisputeDecided": "=",
        "MilestoneProved": "=",
        "SupplyDelivered": "=",
        "OrderShipped": "shipped",
        "OrderDelivered": "delivered",
        "OrderRefunded": "refunded",
        "OrderSettled": "settled",
    },
    "shipped": {
        "ProductionProgressed": "=",
        "DisputeRecorded": "=",
        "DisputeAnswered": "=",
        "DisputeDecided": "=",
        "MilestoneProved": "=",
        "SupplyDelivered": "=",
        "HandoverPresented": "=",
        "OrderDelivered": "delivered",
        "OrderRefunded": "refunded",
        "OrderSettled": "settled",
    },
    "delivered": {
        "ProductionProgressed": "=",
        "DisputeRecorded": "=",
        "DisputeAnswered": "=",
        "DisputeDecided": "=",
        "MilestoneProved": "=",
        "SupplyDelivered": "=",
        "DeliveryAccepted": "=",
        "DisputeOpened": "=",
        "OrderSettled": "settled",
    },
    "expired": {"AgreementsOpened": "contracted"},
    "settled": {},
    "rejected": {},
    "cancelled": {},
    "refunded": {},
}


@pytest.mark.req(58, 88)
@pytest.mark.parametrize("event", EVENT_TYPES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("status", Status)
def test_every_pair_of_status_and_event_moves_or_is_refused(status: Status, event: type[e.Event]) -> None:
    order = replace(order_at(status), version=7)
    target = MOVES[status].get(event.__name__)
    if target is None:
        with pytest.raises(InvalidTransition) as refused:
            evolve(order, EVENTS[event])
        assert (refused.value.current, refused.value.wanted) == (status, event.__name__)
        return
    after = evolve(order, EVENTS[event])
    assert after.status == (status if target == "=" else target)
    assert after.version == 8


def test_the_hand_written_table_knows_every_status_and_every_event() -> None:
    assert set(MOVES) == set(Status)
    assert {name for moves in MOVES.values() for name in moves} | {"OrderPlaced"} == {k.__name__ for k in EVENT_TYPES}
    assert set(EVENTS) == set(EVENT_TYPES)


def test_every_event_type_has_a_change_and_a_row() -> None:
    later = set(EVENT_TYPES) - {e.OrderPlaced}
    assert set(CHANGES) == later
    assert {event for _, event in TRANSITIONS} == later


def test_ends_are_the_statuses_without_a_way_out_and_expired() -> None:
    assert {"settled", "rejected", "cancelled", "refunded", "expired"} == ENDS
    assert {status for status in Status if not MOVES[status]} == ENDS - {"expired"}


def test_an_order_begins_with_being_placed_and_with_nothing_else() -> None:
    order = evolve(None, EVENTS[e.OrderPlaced])
    assert (order.status, order.version, order.amount) == (Status.PLACED, 1, 40)
    for kind in set(EVENT_TYPES) - {e.OrderPlaced}:
        with pytest.raises(InvalidTransition, match="an order that is not there cannot"):
            evolve(None, EVENTS[kind])
