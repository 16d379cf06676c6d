"""Every status with every command: facts that do not fit say nothing, wishes that do not fit are refused."""

from typing import get_args

import pytest

from marketplace.domain import commands as c
from marketplace.domain.errors import InvalidTransition
from marketplace.domain.lifecycle import FACTS, JUDGED, WISHES, decide, place
from marketplace.domain.order import Status
from tests.domain.samples import (
    CHOICES,
    COMMANDS,
    COUNTER,
    DECLINE_COVERS,
    DRAFT,
    DRAFT_SPARE,
    LAST_STEP,
    MATCH_BY_RULE,
    MATCH_FOR_A_PERSON,
    NOW,
    PLACE,
    PRICE,
    SIGNATURES,
    STEP,
    TO_SIGN,
    after,
    order_at,
)

OPEN_OFFER = ("placed", "matched", "accepted", "sourcing", "quoted")
UNDELIVERED = ("contracted", "in_production", "produced", "shipped")
RUNNING = (*UNDELIVERED, "delivered")


def _in(statuses: tuple[str, ...], *events: str) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(statuses, events)


# What each fact leads to, status by status; in every other status it leads to nothing.
FACT_ANSWERS: list[tuple[c.Command, dict[str, tuple[str, ...]]]] = [
    (COMMANDS[c.PostponeMatch], _in(("placed",), "MatchPostponed")),
    (MATCH_BY_RULE, _in(("placed",), "OrderMatched", "OrderAccepted")),
    (MATCH_FOR_A_PERSON, _in(("placed",), "OrderMatched", "DecisionAsked")),
    (COMMANDS[c.DraftAgreements], _in(("accepted",), "AgreementsDrafted")),
    (DRAFT_SPARE, {}),
    (COMMANDS[c.RecordOpened], _in(("sourcing", "quoted", "confirmed", "expired"), "AgreementsOpened")),
    (
        STEP,
        _in(("contracted",), "ProductionStarted", "ProductionProgressed")
        | _in(("in_production", "produced", "shipped", "delivered"), "ProductionProgressed"),
    ),
    (
        LAST_STEP,
        _in(("contracted",), "ProductionStarted", "ProductionProgressed", "ProductionFinished")
        | _in(("in_production",), "ProductionProgressed", "ProductionFinished")
        | _in(("produced", "shipped", "delivered"), "ProductionProgressed"),
    ),
    (COMMANDS[c.RecordFailure], _in(("contracted", "in_production"), "ProductionFailed")),
    (COMMANDS[c.RecordClaim], _in(RUNNING, "MilestoneProved")),
    (COMMANDS[c.RecordSupplyDelivered], _in(RUNNING, "SupplyDelivered")),
    (COMMANDS[c.RecordDelivered], _in(UNDELIVERED, "OrderDelivered")),
    (COMMANDS[c.RecordDispute], _in(RUNNING, "DisputeRecorded")),
    (COMMANDS[c.RecordDecision], _in(RUNNING, "DisputeDecided")),
    (COMMANDS[c.RecordSettled], _in(RUNNING, "OrderSettled")),
    (COMMANDS[c.RecordRefunded], _in(UNDELIVERED, "OrderRefunded")),
    *((c.PassDeadline(status), _in((status,), "OrderExpired")) for status in (*OPEN_OFFER, "confirmed")),
    *((c.PassDeadline(status), {}) for status in (*RUNNING, "settled", "rejected", "expired", "cancelled", "refunded")),
]

# What each wish leads to, status by status, and the words of its refusal in every other status.
WISH_ANSWERS: list[tuple[c.Command, str, dict[str, tuple[str, ...]]]] = [
    (COMMANDS[c.AcceptOrder], "be accepted", _in(("matched",), "OrderAccepted")),
    (
        COMMANDS[c.RejectOrder],
        "be rejected",
        _in(("placed", "matched", "accepted", "sourcing"), "OrderRejected"),
    ),
    (COMMANDS[c.RecordSignature], "be signed", _in(("sourcing",), "TermsSigned")),
    (
        COMMANDS[c.DeclineSupply],
        "be declined by a supplier",
        _in(("sourcing",), "SupplierDeclined", "NextSupplierAsked"),
    ),
    (COUNTER, "be countered by a supplier", _in(("sourcing",), "SupplierCountered")),
    (COMMANDS[c.ConfirmQuote], "be confirmed", _in(("quoted",), "QuoteConfirmed")),
    (COMMANDS[c.ShipOrder], "be shipped", _in(("produced",), "OrderShipped")),
    (COMMANDS[c.PresentHandover], "be handed over", _in(("shipped",), "HandoverPresented")),
    (COMMANDS[c.AcceptDelivery], "be accepted by you", _in(("delivered",), "DeliveryAccepted")),
    (COMMANDS[c.OpenDispute], "be disputed", _in(("delivered",), "DisputeOpened")),
    (COMMANDS[c.AnswerDispute], "be answered for: it is not in dispute", {}),
    (COMMANDS[c.CancelOrder], "be cancelled", _in(OPEN_OFFER, "OrderCancelled")),
    (PLACE, "PlaceOrder", {}),
]


def _names(events: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(type(event).__name__ for event in events)


def _label(value: object) -> str:
    return value.status if isinstance(value, c.PassDeadline) else type(value).__name__


@pytest.mark.req(58)
@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize(("command", "answers"), FACT_ANSWERS, ids=_label)
def test_a_fact_fits_or_says_nothing(status: Status, command: c.Command, answers: dict[str, tuple[str, ...]]) -> None:
    order = order_at(status)
    decision = decide(order, command, NOW)
    assert _names(decision.events) == answers.get(status, ())
    if not decision.events:
        assert decision.order == order


@pytest.mark.req(42, 50, 58)
@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize(("command", "wanted", "answers"), WISH_ANSWERS, ids=_label)
def test_a_wish_fits_or_is_refused_in_words(
    status: Status, command: c.Command, wanted: str, answers: dict[str, tuple[str, ...]]
) -> None:
    order = order_at(status)
    if status in answers:
        assert _names(decide(order, command, NOW).events) == answers[status]
        return
    with pytest.raises(InvalidTransition) as refused:
        decide(order, command, NOW)
    assert (refused.value.current, refused.value.wanted) == (status, wanted)
    assert str(refused.value) == f"an order that is {status} cannot {wanted}"


def test_every_command_type_is_asked_about_here_and_answered_in_one_place() -> None:
    kinds = get_args(c.Command)
    assert {type(row[0]) for row in (*FACT_ANSWERS, *WISH_ANSWERS)} == set(kinds) == set(COMMANDS)
    assert sorted([*FACTS, *WISHES, *JUDGED, c.PlaceOrder], key=repr) == sorted(kinds, key=repr)


@pytest.mark.req(40, 41)
def test_placing_keeps_every_field_of_the_command() -> None:
    decision = place(PLACE, NOW)
    order = decision.order
    assert _names(decision.events) == ("OrderPlaced",)
    assert (order.id, order.customer_id, order.manufacturer_id) == ("order", "customer", "maker")
    assert (order.product_id, order.product_version, order.configuration) == ("pneumatic-cylinder", 1, {"amount": 40})
    assert (order.deliver_by, order.payer_address) == (PLACE.deliver_by, PLACE.payer_address)
    assert (order.handover_hash, order.client_reference) == (PLACE.handover_hash, "reference")
    assert order.placed_at == NOW


@pytest.mark.req(43, 44)
def test_a_match_is_accepted_by_rule_or_waits_for_a_person_and_says_why() -> None:
    by_rule = after(order_at(Status.PLACED), [COMMANDS[c.PostponeMatch], MATCH_BY_RULE])
    assert (by_rule.status, by_rule.choices, by_rule.price) == (Status.ACCEPTED, CHOICES, PRICE)
    assert by_rule.waiting_reason is None
    waiting = order_at(Status.MATCHED)
    assert waiting.waiting_reason == "the order is large"
    assert after(waiting, [COMMANDS[c.AcceptOrder]]).waiting_reason is None


def test_waiting_and_rejection_say_why() -> None:
    order = order_at(Status.PLACED)
    assert after(order, [COMMANDS[c.PostponeMatch]]).waiting_reason == "no registry answers"
    assert order_at(Status.REJECTED).waiting_reason == "no capacity"
    failed = after(order_at(Status.IN_PRODUCTION), [COMMANDS[c.RecordFailure]])
    assert failed.waiting_reason == "the drill broke"
    assert after(failed, [LAST_STEP]).waiting_reason is None


@pytest.mark.req(44, 45, 80)
def test_the_quote_becomes_firm_with_the_last_signature() -> None:
    order = order_at(Status.SOURCING)
    assert (order.to_sign, order.delivery_id, order.supply_ids) == (TO_SIGN, "delivery", DRAFT.supply_ids)
    for count, signature in enumerate(SIGNATURES, start=1):
        decision = decide(order, signature, NOW)
        order = decision.order
        last = count == len(SIGNATURES)
        assert _names(decision.events) == (("TermsSigned", "QuoteIssued") if last else ("TermsSigned",))
        assert len(order.to_sign) == len(SIGNATURES) - count
    quote = decision.events[-1]
    assert (quote.total_minor, quote.currency, quote.firm_until) == (60_000, "EUR", DRAFT.firm_until)
    assert order.status is Status.QUOTED


@pytest.mark.parametrize(
    "signature",
    [
        c.RecordSignature("delivery", "payer", "customer"),
        c.RecordSignature("another", "payee", "bases"),
    ],
)
def test_a_signature_that_nobody_asked_for_changes_nothing(signature: c.RecordSignature) -> None:
    order = order_at(Status.SOURCING)
    assert decide(order, signature, NOW).order == order


@pytest.mark.req(68, 71)
def test_where_nobody_is_next_in_rank_a_decline_sends_the_order_back_to_the_search() -> None:
    order = after(order_at(Status.SOURCING), [SIGNATURES[0], DECLINE_COVERS])
    assert order.status is Status.PLACED
    assert order.excluded_suppliers == ("covers",)
    assert (order.bench, order.supplies_most_minor, order.firm_by, order.searches) == ((), 0, None, 1)
    assert (order.choices, order.delivery_id, order.supply_ids, order.to_sign) == ((), None, (), ())
    assert (order.quote_digest, order.firm_until) == (None, None)
    assert order.waiting_reason == "Covers Ltd is out, and nobody is next in rank: looking for suppliers again"


def test_the_late_answer_of_an_earlier_search_is_dropped() -> None:
    order = after(order_at(Status.SOURCING), [DECLINE_COVERS])
    assert decide(order, MATCH_BY_RULE, NOW).events == ()
    other = c.RecordMatch(CHOICES[:1], PRICE, partial=False, exception=None)
    assert _names(decide(order, other, NOW).events) == ("OrderMatched", "OrderAccepted")


def test_handing_over_and_accepting_twice_is_one_event() -> None:
    shipped = after(order_at(Status.SHIPPED), [COMMANDS[c.PresentHandover]])
    assert shipped.handed_over
    assert decide(shipped, COMMANDS[c.PresentHandover], NOW).events == ()
    accepted = after(order_at(Status.DELIVERED), [COMMANDS[c.AcceptDelivery]])
    assert accepted.accepted_by_customer
    assert decide(accepted, COMMANDS[c.AcceptDelivery], NOW).events == ()


@pytest.mark.req(88, 107)
def test_progress_is_counted_and_named() -> None:
    order = order_at(Status.IN_PRODUCTION)
    assert order.production_started
    assert (order.done, order.of, order.step) == (1, 40, "assemble")
    finished = after(order, [LAST_STEP])
    assert (finished.done, finished.step, finished.status) == (40, "inspect", Status.PRODUCED)
