"""The lifecycle of an order: `decide` (command → events) and `evolve` (event → state) over the table `transitions`.

Pure: no clock, no I/O. *Wishes* (what a person wants) raise InvalidTransition where the table has no row. *Facts*
(what chain, floor or clock report) that no longer fit are answered by no event at all: a fact may be told twice.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marketplace.domain import commands as c
from marketplace.domain import events as e
from marketplace.domain import sourcing
from marketplace.domain.agreement import OnChain
from marketplace.domain.changes import CHANGES, placed
from marketplace.domain.dispute import Dispute
from marketplace.domain.effects import Effect
from marketplace.domain.errors import InvalidTransition
from marketplace.domain.order import VACANT, Order, Status
from marketplace.domain.reactions import answer_awaited, overdue, reactions, wait_of
from marketplace.domain.transitions import ENDS, OPEN_OFFER, RUNNING, TRANSITIONS, UNDELIVERED

__all__ = [
    "ENDS",
    "FACTS",
    "JUDGED",
    "OPEN_OFFER",
    "RUNNING",
    "TRANSITIONS",
    "UNDELIVERED",
    "WISHES",
    "Decision",
    "decide",
    "evolve",
    "place",
]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a command leads to: the events, the state after them, and what must happen outside."""

    order: Order
    events: tuple[e.Event, ...]
    effects: tuple[Effect, ...]


def evolve(order: Order | None, event: e.Event) -> Order:
    """The order after `event`. Raises InvalidTransition where the table has no row."""
    if order is None:
        if not isinstance(event, e.OrderPlaced):
            raise InvalidTransition("not there", type(event).__name__)
        return placed(event)
    target = TRANSITIONS.get((order.status, type(event)))
    if target is None:
        raise InvalidTransition(order.status, type(event).__name__)
    return CHANGES[type(event)](order, target, event)


def place(command: c.PlaceOrder, now: datetime) -> Decision:
    """The decision that begins an order."""
    event = e.OrderPlaced(**{name: getattr(command, name) for name in c.PlaceOrder.__dataclass_fields__}, at=now)
    order = evolve(None, event)
    return Decision(order, (event,), tuple(reactions(order, event, now)))


def decide(order: Order, command: c.Command, now: datetime) -> Decision:
    """What `command` leads to. Raises InvalidTransition for a wish that the lifecycle does not allow now."""
    events = tuple(_answer(order, command, now))
    effects: list[Effect] = []
    for event in events:
        order = evolve(order, event)
        effects += reactions(order, event, now)
    if isinstance(command, c.PassDeadline):
        effects += overdue(order, command.status)
    return Decision(order, events, tuple(effects))


def _answer(order: Order, command: c.Command, now: datetime) -> Iterable[e.Event]:
    kind = type(command)
    if kind in FACTS:
        return _fact(order, FACTS[kind](command))
    if kind in WISHES:
        wanted, event = WISHES[kind]
        return _allowed(order, wanted, event(command))
    if kind in JUDGED:
        return JUDGED[kind](order, command, now)
    raise InvalidTransition(order.status, kind.__name__)


def _fact(order: Order, event: e.Event) -> Iterable[e.Event]:
    return [event] if (order.status, type(event)) in TRANSITIONS else []


def _allowed(order: Order, wanted: str, event: e.Event) -> Iterable[e.Event]:
    if (order.status, type(event)) not in TRANSITIONS:
        raise InvalidTransition(order.status, wanted)
    return [event]


def _match(order: Order, command: c.RecordMatch, now: datetime) -> Iterable[e.Event]:
    found = e.OrderMatched(
        command.choices, command.price, command.partial, command.bench, command.offers_digest, command.promise
    )
    matched = _fact(order, found)
    # The late answer to a search before a supplier declined would ask that supplier again.
    stale = any(choice.supplier_id in order.excluded_suppliers for choice in command.choices)
    if stale or not matched:
        return []
    then = e.OrderAccepted("rule") if command.exception is None else e.DecisionAsked(command.exception)
    return [*matched, then]


def _draft(order: Order, command: c.DraftAgreements, now: datetime) -> Iterable[e.Event]:
    """Terms for other suppliers than the chosen ones belong to an earlier search."""
    drafted = _same(e.AgreementsDrafted, c.DraftAgreements)(command)
    return _fact(order, drafted) if len(command.supply_ids) == len(order.choices) else []


def _sign(order: Order, command: c.RecordSignature, now: datetime) -> Iterable[e.Event]:
    wanted = f"{command.agreement_id}:{command.role}"
    if order.status is not Status.SOURCING:
        raise InvalidTransition(order.status, "be signed")
    if wanted not in order.to_sign or order.price is None or order.firm_until is None:
        return []
    signed = e.TermsSigned(command.agreement_id, command.role, command.party)
    if order.to_sign != (wanted,) or VACANT in order.supply_ids:
        return [signed]
    return [signed, e.QuoteIssued(order.price.total_minor, order.price.currency, order.firm_until)]


def _progress(order: Order, command: c.RecordProgress, now: datetime) -> Iterable[e.Event]:
    if order.status not in RUNNING:
        return []
    started = [e.ProductionStarted(command.station)] if order.status is Status.CONTRACTED else []
    step = e.ProductionProgressed(
        command.operation, command.step, command.station, command.done, command.of, command.reported_by
    )
    finishes = command.last and order.status in (Status.CONTRACTED, Status.IN_PRODUCTION)
    return [*started, step, *([e.ProductionFinished(command.reported_by)] if finishes else [])]


def _expire(order: Order, command: c.PassDeadline, now: datetime) -> Iterable[e.Event]:
    agreement_id = answer_awaited(command.status)
    if agreement_id is not None:
        return sourcing.silent(order, agreement_id, now)
    if wait_of(order) != command.status:
        return []
    return _fact(order, e.OrderExpired(order.status))


def _hand_over(order: Order, command: c.PresentHandover, now: datetime) -> Iterable[e.Event]:
    if order.handed_over:
        return []
    return _allowed(order, "be handed over", e.HandoverPresented(command.by, command.secret))


def _accept(order: Order, command: c.AcceptDelivery, now: datetime) -> Iterable[e.Event]:
    if order.accepted_by_customer:
        return []
    if order.dispute is not Dispute.NONE:
        raise InvalidTransition("in dispute", "be accepted by you: the arbiter divides what is held")
    return _allowed(order, "be accepted by you", e.DeliveryAccepted(command.signature))


def _dispute(order: Order, command: c.OpenDispute, now: datetime) -> Iterable[e.Event]:
    if order.dispute is not Dispute.NONE:
        raise InvalidTransition("in dispute already", "be disputed again: add what is missing to the dispute")
    if order.accepted_by_customer and command.since == OnChain.DELIVERED:
        raise InvalidTransition("accepted by you", "be disputed: your acceptance has been sent")
    return _allowed(order, "be disputed", _same(e.DisputeOpened, c.OpenDispute)(command))


def _answer_dispute(order: Order, command: c.AnswerDispute, now: datetime) -> Iterable[e.Event]:
    if order.dispute not in (Dispute.SENT, Dispute.OPEN):
        raise InvalidTransition(order.status, "be answered for: it is not in dispute")
    return _allowed(order, "be answered for", _same(e.DisputeAnswered, c.AnswerDispute)(command))


def _decide_dispute(order: Order, command: c.RecordDecision, now: datetime) -> Iterable[e.Event]:
    if order.dispute is Dispute.DECIDED or order.price is None:
        return []
    told = {name: getattr(command, name) for name in c.RecordDecision.__dataclass_fields__}
    return _fact(order, e.DisputeDecided(**told, currency=order.price.currency))


def _same(event: type[e.Event], command: type[c.Command]) -> Callable[[Any], e.Event]:
    """An event with the fields of the command that causes it."""
    return lambda told: event(**{name: getattr(told, name) for name in command.__dataclass_fields__})


FACTS: Mapping[type[c.Command], Callable[[Any], e.Event]] = {
    c.PostponeMatch: _same(e.MatchPostponed, c.PostponeMatch),
    c.RecordOpened: _same(e.AgreementsOpened, c.RecordOpened),
    c.RecordFailure: _same(e.ProductionFailed, c.RecordFailure),
    c.RecordClaim: _same(e.MilestoneProved, c.RecordClaim),
    c.RecordSupplyDelivered: _same(e.SupplyDelivered, c.RecordSupplyDelivered),
    c.RecordDelivered: _same(e.OrderDelivered, c.RecordDelivered),
    c.RecordDispute: _same(e.DisputeRecorded, c.RecordDispute),
    c.RecordSettled: _same(e.OrderSettled, c.RecordSettled),
    c.RecordRefunded: _same(e.OrderRefunded, c.RecordRefunded),
}
"""What chain, floor and search report: one event of the same content, or none where it no longer fits."""

WISHES: Mapping[type[c.Command], tuple[str, Callable[[Any], e.Event]]] = {
    c.AcceptOrder: ("be accepted", _same(e.OrderAccepted, c.AcceptOrder)),
    c.RejectOrder: ("be rejected", _same(e.OrderRejected, c.RejectOrder)),
    c.ConfirmQuote: ("be confirmed", _same(e.QuoteConfirmed, c.ConfirmQuote)),
    c.ShipOrder: ("be shipped", _same(e.OrderShipped, c.ShipOrder)),
    c.CancelOrder: ("be cancelled", _same(e.OrderCancelled, c.CancelOrder)),
}
"""What a person wants: the words for a refusal, and the event."""

JUDGED: Mapping[type[c.Command], Callable[[Order, Any, datetime], Iterable[e.Event]]] = {
    c.RecordMatch: _match,
    c.RecordSignature: _sign,
    c.DraftAgreements: _draft,
    c.DeclineSupply: sourcing.declined,
    c.CounterSupply: sourcing.countered,
    c.DraftSupply: sourcing.drafted,
    c.RecordProgress: _progress,
    c.PassDeadline: _expire,
    c.PresentHandover: _hand_over,
    c.AcceptDelivery: _accept,
    c.OpenDispute: _dispute,
    c.AnswerDispute: _answer_dispute,
    c.RecordDecision: _decide_dispute,
}
"""Commands whose answer depends on more than the status."""
