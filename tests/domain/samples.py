"""One command and one event of every type, and an order in every status, reached by commands alone."""

from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta

from marketplace.domain import commands as c
from marketplace.domain import events as e
from marketplace.domain.lifecycle import decide, place
from marketplace.domain.order import Order, Status
from marketplace.domain.pricing import Price, PriceLine

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
FIRM_UNTIL = NOW + timedelta(hours=4)
REFUND_AT = NOW + timedelta(days=20)
FINALISE_AT = NOW + timedelta(days=30)

PRICE = Price("EUR", (PriceLine("Base", 60_000),), 600)
CHOICES = (
    e.SupplyChoice("bases", "Bases Ltd", ("bases",), 10_000, 3, ("cheapest",)),
    e.SupplyChoice("covers", "Covers Ltd", ("covers",), 8_000, 2),
)
SPARE = e.SupplyChoice("spare", "Spare Ltd", ("bases",), 11_000, 3)
BENCH = (SPARE,)
"""For the bases there is somebody else, for the covers there is nobody."""
ANSWER_BY = NOW + timedelta(hours=1)
MOST_MINOR = 19_500
TO_SIGN = ("delivery:payee", "supply-1:payee", "supply-2:payee")

PLACE = c.PlaceOrder(
    order_id="order",
    customer_id="customer",
    manufacturer_id="maker",
    product_id="pneumatic-cylinder",
    product_version=1,
    configuration={"amount": 40},
    amount=40,
    deliver_by=date(2026, 1, 20),
    payer_address="0x" + "11" * 20,
    handover_hash="0x" + "22" * 32,
    client_reference="reference",
)
MATCH_BY_RULE = c.RecordMatch(CHOICES, PRICE, partial=False, exception=None, bench=BENCH, offers_digest="0xd1")
MATCH_FOR_A_PERSON = replace(MATCH_BY_RULE, exception="the order is large")
DRAFT = c.DraftAgreements(
    "delivery", ("supply-1", "supply-2"), TO_SIGN, "0x" + "33" * 32, FIRM_UNTIL, ANSWER_BY, MOST_MINOR
)
DRAFT_ONE = replace(DRAFT, supply_ids=("supply-2",), to_sign=("delivery:payee", "supply-2:payee"))
DRAFT_NONE = replace(DRAFT, supply_ids=(), to_sign=("delivery:payee",))
NEW_TO_SIGN = ("supply-3:payee", "supply-3:payer")
DRAFT_SPARE = c.DraftSupply("delivery", 0, SPARE, "supply-3", NEW_TO_SIGN, ANSWER_BY + timedelta(hours=1))
SPARE_SIGNATURES = (c.RecordSignature("supply-3", "payee", "spare"), c.RecordSignature("supply-3", "payer", "maker"))
COUNTER = c.CounterSupply("supply-1", 10_500, None, "steel is dear")
COUNTERED = replace(CHOICES[0], amount_minor=10_500, deliver_by=date(2026, 1, 19), countered=True)
DECLINE_COVERS = c.DeclineSupply("supply-2", "no sheet")
SIGNATURES = (
    c.RecordSignature("supply-1", "payee", "bases"),
    c.RecordSignature("supply-2", "payee", "covers"),
    c.RecordSignature("delivery", "payee", "maker"),
)
STEP = c.RecordProgress("assembly", "assemble", "station 1", 1, 40, "machine", last=False)
LAST_STEP = c.RecordProgress("assembly", "inspect", "station 2", 40, 40, "machine", last=True)

COMMANDS: dict[type[c.Command], c.Command] = {
    type(command): command
    for command in (
        PLACE,
        c.PostponeMatch("no registry answers", NOW + timedelta(minutes=1)),
        MATCH_BY_RULE,
        c.AcceptOrder("Ada"),
        c.RejectOrder("no capacity", "Ada"),
        DRAFT,
        SIGNATURES[0],
        c.DeclineSupply("supply-1", "no steel"),
        COUNTER,
        DRAFT_SPARE,
        c.ConfirmQuote("delivery"),
        c.RecordOpened("0xabc", REFUND_AT),
        STEP,
        c.RecordFailure("assembly", "the drill broke"),
        c.RecordClaim("delivery", 300, 6_000, "machine"),
        c.RecordSupplyDelivered("supply-1", "Bases Ltd", all_arrived=True),
        c.ShipOrder(),
        c.PresentHandover("carrier", "0x" + "44" * 32),
        c.RecordDelivered(NOW + timedelta(days=10), FINALISE_AT),
        c.AcceptDelivery("0x" + "55" * 65),
        c.OpenDispute("The covers are bent.", ("0x" + "66" * 32,), 1, 1_800_000_000, "0x" + "77" * 65),
        c.RecordDispute(NOW + timedelta(days=20)),
        c.AnswerDispute("manufacturer", "Model Factory", "They left us straight.", ()),
        c.RecordDecision("verdict", 30_000, 11_800, 200),
        c.RecordSettled(),
        c.RecordRefunded(),
        c.PassDeadline("placed"),
        c.CancelOrder("changed my mind"),
    )
}

EVENTS: dict[type[e.Event], e.Event] = {
    type(event): event
    for event in (
        e.OrderPlaced(**{field.name: getattr(PLACE, field.name) for field in fields(PLACE)}, at=NOW),
        e.MatchPostponed("no registry answers", NOW),
        e.OrderMatched(CHOICES, PRICE, partial=False),
        e.DecisionAsked("the order is large"),
        e.OrderAccepted("rule"),
        e.OrderRejected("no capacity", "Ada"),
        e.AgreementsDrafted("delivery", ("supply-1", "supply-2"), TO_SIGN, "0x" + "33" * 32, FIRM_UNTIL),
        e.TermsSigned("supply-1", "payee", "bases"),
        e.SupplierDeclined("bases", "Bases Ltd", "no steel", "supply-1"),
        e.SupplierSilent("supply-1", "bases", "Bases Ltd"),
        e.SupplierCountered("supply-1", "bases", "Bases Ltd", 10_500, date(2026, 1, 19), "steel is dear", None),
        e.NextSupplierAsked("supply-1", SPARE),
        e.SupplyDrafted("supply-3", 0, NEW_TO_SIGN, ANSWER_BY),
        e.SearchReopened("nobody is next in rank"),
        e.QuoteIssued(60_000, "EUR", FIRM_UNTIL),
        e.QuoteConfirmed("delivery"),
        e.AgreementsOpened("0xabc", REFUND_AT),
        e.ProductionStarted("station 1"),
        e.ProductionProgressed("assembly", "assemble", "station 1", 1, 40, "machine"),
        e.MilestoneProved("delivery", 300, 6_000, "machine"),
        e.SupplyDelivered("supply-1", "Bases Ltd", all_arrived=True),
        e.ProductionFailed("assembly", "the drill broke"),
        e.ProductionFinished("machine"),
        e.OrderShipped(),
        e.HandoverPresented("carrier", "0x" + "44" * 32),
        e.OrderDelivered(NOW, FINALISE_AT),
        e.DeliveryAccepted("0x" + "55" * 65),
        e.DisputeOpened("The covers are bent.", ("0x" + "66" * 32,), 1, 1_800_000_000, "0x" + "77" * 65),
        e.DisputeRecorded(NOW + timedelta(days=20)),
        e.DisputeAnswered("manufacturer", "Model Factory", "They left us straight.", ()),
        e.DisputeDecided("verdict", 30_000, 11_800, 200, "EUR"),
        e.OrderSettled(),
        e.OrderRefunded(),
        e.OrderExpired("placed"),
        e.OrderCancelled("changed my mind"),
    )
}

_TO_QUOTED = (MATCH_BY_RULE, DRAFT, *SIGNATURES)
_TO_CONTRACTED = (*_TO_QUOTED, COMMANDS[c.ConfirmQuote], COMMANDS[c.RecordOpened])
_TO_DELIVERED = (*_TO_CONTRACTED, STEP, LAST_STEP, c.ShipOrder(), COMMANDS[c.RecordDelivered])

PATHS: dict[Status, tuple[c.Command, ...]] = {
    Status.PLACED: (),
    Status.MATCHED: (MATCH_FOR_A_PERSON,),
    Status.ACCEPTED: (MATCH_BY_RULE,),
    Status.SOURCING: (MATCH_BY_RULE, DRAFT),
    Status.QUOTED: _TO_QUOTED,
    Status.CONFIRMED: _TO_CONTRACTED[:-1],
    Status.CONTRACTED: _TO_CONTRACTED,
    Status.IN_PRODUCTION: _TO_DELIVERED[:-3],
    Status.PRODUCED: _TO_DELIVERED[:-2],
    Status.SHIPPED: _TO_DELIVERED[:-1],
    Status.DELIVERED: _TO_DELIVERED,
    Status.SETTLED: (*_TO_DELIVERED, c.RecordSettled()),
    Status.REJECTED: (COMMANDS[c.RejectOrder],),
    Status.EXPIRED: (*_TO_CONTRACTED[:-1], c.PassDeadline("confirmed")),
    Status.CANCELLED: (COMMANDS[c.CancelOrder],),
    Status.REFUNDED: (*_TO_CONTRACTED, c.RecordRefunded()),
}


def after(order: Order, commands: Iterable[c.Command]) -> Order:
    """`order` after these commands, all told at NOW."""
    for command in commands:
        order = decide(order, command, NOW).order
    return order


def order_at(status: Status) -> Order:
    """An order that has come to `status` by commands."""
    order = after(place(PLACE, NOW).order, PATHS[status])
    assert order.status is status
    return order
