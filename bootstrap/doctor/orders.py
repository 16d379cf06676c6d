"""Each order against its events, its agreements on the chain, and what still waits to be done for it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bootstrap.doctor.abi import RETENTION
from bootstrap.doctor.agreements import BEFORE
from bootstrap.doctor.books import Life
from bootstrap.doctor.lifecycle import (
    AFTER,
    ENDS,
    OFFERS,
    SECURED,
    TOLD_ONLY,
    UNDELIVERED,
    Wanted,
    effects_of,
    replay,
)
from bootstrap.doctor.report import Report
from bootstrap.doctor.rows import AgreementRow, EventRow, OrderRow

ZERO_ID = "0x" + "0" * 64
DELIVERY, SUPPLY = 1, 2


@dataclass
class Case:
    """An order and everything that belongs to it."""

    order: OrderRow
    events: list[EventRow] = field(default_factory=list)
    agreements: list[AgreementRow] = field(default_factory=list)
    lives: dict[str, Life] = field(default_factory=dict)
    effects: list[tuple[str, str, str]] = field(default_factory=list)
    """Kind, key and status of each."""
    is_asked: bool = False
    """A signature request is open."""
    is_made: bool = False
    """A job is not at its end."""
    is_moving: bool = False
    """Something of it is on the way to the chain, or there and not final."""


def examine_order(report: Report, case: Case) -> None:
    """Everything that must be true of one order."""
    _events(report, case)
    _family(report, case)
    _status(report, case)
    _effects(report, case)
    if case.order.status not in ENDS or not all(life.is_whole for life in case.lives.values()):
        _next_action(report, case)


def _events(report: Report, case: Case) -> None:
    order, events = case.order, case.events
    report.saw("order-events", len(events))
    wrong = []
    if [event.version for event in events] != list(range(1, len(events) + 1)):
        missing = sorted(set(range(1, order.version + 1)) - {event.version for event in events})
        wrong.append(f"versions {missing[:5]} are missing" if missing else "versions are counted twice")
    elif len(events) != order.version:
        wrong.append(f"the row is at version {order.version}, its last event at {len(events)}")
    if not events or events[0].name != "OrderPlaced":
        wrong.append("it does not begin with OrderPlaced")
    if strange := sorted({event.name for event in events} - AFTER.keys()):
        wrong.append(f"unknown events {', '.join(strange)}")
    if not wrong:
        last = list(replay(events))[-1][1]
        if last != order.status:
            wrong.append(f"the row says {order.status}, its events lead to {last}")
    for what in wrong:
        report.find("order-events", what, order=order.id)


def _family(report: Report, case: Case) -> None:
    """Rows: which agreements the order names. Terms: parent, payer, money, and how many supplies open together."""
    order = case.order
    current = {row.id: row for row in case.agreements if row.status != "void"}
    report.saw("family", len(current))
    # In the place of a supply whose terms are being written there is no id.
    named = {one for one in (*order.supply_ids, order.delivery_id) if one}
    # An order that ended before its money opened goes on naming its drafts, which are void.
    there = {row.id for row in case.agreements if row.status != "void" or order.status in OFFERS}
    for missing in sorted(named - there):
        report.find("family", f"the order names agreement {missing}, which has no row", order=order.id)
    delivery = current.get(order.delivery_id or "")
    if delivery is None:
        return
    if delivery.kind != DELIVERY:
        report.find("family", f"agreement {delivery.id} is named as the delivery and is none", order=order.id)
    if delivery.terms["supplyCount"] != len(order.supply_ids):
        told = f"the delivery opens with {delivery.terms['supplyCount']} supplies, the order names"
        report.find("family", f"{told} {len(order.supply_ids)}", order=order.id)
    if delivery.terms["payer"] != order.payer:
        told = f"the delivery is paid by {delivery.terms['payer']}, the order by {order.payer}"
        report.find("family", told, order=order.id)
    deliveries = {row.id: row for row in current.values() if row.kind == DELIVERY}
    for row in current.values():
        for what in _misfits(row, deliveries, current):
            report.find("family", f"agreement {row.id}: {what}", order=order.id, agreement=row.id)


def _misfits(row: AgreementRow, deliveries: dict[str, AgreementRow], all_: dict[str, AgreementRow]) -> Iterable[str]:
    terms = row.terms
    if terms["replaces"] != ZERO_ID and terms["replaces"] not in all_:
        yield f"it replaces {terms['replaces']}, which is none of this order's"
    if row.kind == DELIVERY and terms["parent"] != ZERO_ID:
        yield "a delivery has no parent"
    if row.kind == SUPPLY:
        parent = deliveries.get(terms["parent"])
        if parent is None:
            yield f"its parent {terms['parent']} is no delivery of this order"
        elif terms["payer"] != parent.terms["payee"]:
            yield f"it is paid by {terms['payer']}, its delivery is made by {parent.terms['payee']}"
        elif (terms["token"], terms["unit"]) != (parent.terms["token"], parent.terms["unit"]):
            yield "it counts in other money than its delivery"


def _status(report: Report, case: Case) -> None:
    order, lives = case.order, case.lives
    report.saw("order-status")
    delivery = lives.get(order.delivery_id or "")
    deliveries = [life for life in lives.values() if life.terms["kind"] == DELIVERY]
    for what in _ahead(order, delivery, deliveries, case):
        report.find("order-status", f"the order is {order.status}, {what}", order=order.id)


def _ahead(order: OrderRow, delivery: Life | None, deliveries: Sequence[Life], case: Case) -> Iterable[str]:
    is_delivered = any(life.delivered for life in deliveries)
    is_refunded = any(life.status == "refunded" for life in deliveries)
    if order.status in SECURED and delivery is None:
        yield "and the chain has not opened its delivery"
    if order.status in OFFERS and case.lives and _complete(case):
        yield "and the chain has opened its agreements"
    if order.status == "delivered" and not is_delivered:
        yield "and the chain knows no handover"
    if order.status in UNDELIVERED and is_delivered:
        yield "and the chain knows its handover"
    if order.status == "refunded" and not is_refunded:
        yield "and the chain has not sent the money back"
    if order.status in UNDELIVERED and is_refunded:
        yield "and the chain has sent the money back"
    if order.status == "settled" and not _finished(case):
        yield "and not every cent has arrived"
    if order.status in UNDELIVERED | {"delivered"} and not is_refunded and _finished(case):
        yield "and every cent has arrived"


def _complete(case: Case) -> bool:
    """A batch opens whole: the delivery and as many supplies as it names."""
    delivery = case.lives.get(case.order.delivery_id or "")
    return delivery is None or len(case.lives) >= 1 + int(delivery.terms["supplyCount"])


def _finished(case: Case) -> bool:
    current = [row for row in case.agreements if row.status != "void"]
    lives = [case.lives.get(row.id) for row in current]
    known = {life.clone for life in lives if life is not None}
    successors = [due.address for life in lives if life for due in life.dues if due.party == "successor"]
    return bool(current) and all(life is not None and life.is_whole for life in lives) and known.issuperset(successors)


def _effects(report: Report, case: Case) -> None:
    stored = {(kind, key) for kind, key, _ in case.effects}
    # What an ended order has asked for does not matter any more; its agreements may still hold money.
    of_order = [] if case.order.status in ENDS else effects_of(case.order, case.events)
    wanted = dict.fromkeys([*of_order, *_of_agreements(case)])
    report.saw("effect-missing", len(wanted))
    for kind, key in wanted:
        if (kind, key) not in stored:
            report.find("effect-missing", f"the effect {kind} {key} was never written, or is lost", order=case.order.id)


def _of_agreements(case: Case) -> Iterable[Wanted]:
    """What the events of running agreements must have left behind: moves that time allows, and somebody must make."""
    for row in case.agreements:
        life = case.lives.get(row.id)
        if life is None or life.ended or row.status in BEFORE:
            continue
        is_the_orders = life.terms["kind"] == DELIVERY and life.terms["replaces"] == ZERO_ID
        if not is_the_orders:
            yield "refund", f"refund:{row.id}"
        if life.delivered and not is_the_orders:
            yield "finalise", f"finalise:{row.id}"
        if life.delivered and life.terms["kind"] == SUPPLY:
            yield "ask_acceptance", f"acceptance:{row.id}"
        if life.status == "retained" and life.terms.lane_of(RETENTION) is not None:
            yield "release", f"release:{row.id}"
        for fact in life.facts:
            if fact.name == "Claimed":
                yield "pay_out", f"sweep:{row.id}:{fact.fields['milestone']}"
            elif fact.name == "Disputed":
                yield "timeout", f"timeout:{row.id}:{fact.fields['decideBy']}"


def _next_action(report: Report, case: Case) -> None:
    report.saw("next-action")
    waits = any(status in ("waiting", "held") and kind not in TOLD_ONLY for kind, _, status in case.effects)
    if not (waits or case.is_asked or case.is_made or case.is_moving):
        told = f"the order is {case.order.status}, and no effect, deadline, signature or job waits for it"
        report.find("next-action", told, order=case.order.id)
