"""What must happen outside after an event: the effects, each with the key that makes it happen once."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from marketplace.domain import events as e
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.order import Order, Status
from marketplace.domain.transitions import UNDELIVERED

WAITS = {
    Status.PLACED: timedelta(hours=24),
    Status.MATCHED: timedelta(hours=24),
    Status.ACCEPTED: timedelta(hours=1),
}
"""How long an order may wait for search, for a person's decision, for the drafting of its terms."""

CONFIRM_MARGIN = timedelta(minutes=10)
"""A confirmed order is given up this long after its terms lapsed: by then no block can still open them."""

REPEATED = frozenset({Status.PLACED, Status.MATCHED, Status.ACCEPTED, Status.SOURCING})
"""Statuses that an order enters again after a search was reopened."""

ANSWER = "answer:"
"""Before the id of a supply, in the subject of the deadline by which its supplier must have answered."""

MOVES_BY_TIME = frozenset(
    {EffectKind.REFUND, EffectKind.FINALISE, EffectKind.RELEASE, EffectKind.TIMEOUT, EffectKind.PAY_OUT}
)
"""Moves of an agreement that the contracts allow from a second on: from a second of the chain's, not of our clock."""

CUSTOMER = "customer"
MANUFACTURER = "manufacturer"
SUPPLIER = "supplier:"
"""Before the id of a supply: the supplier that it is asked of."""
ASKED = "SupplierAsked"
"""What a supplier is told when terms wait for its signature."""
UNPLANNED = "Unplanned"
"""What a manufacturer is told when an order is paid for and its machines have no time that could be held."""

NOTICES: dict[type[e.Event], tuple[str, ...]] = {
    e.OrderMatched: (MANUFACTURER,),
    e.DecisionAsked: (MANUFACTURER,),
    e.OrderRejected: (CUSTOMER,),
    e.NextSupplierAsked: (CUSTOMER, MANUFACTURER),
    e.SearchReopened: (CUSTOMER, MANUFACTURER),
    e.SupplierCountered: (MANUFACTURER,),
    e.QuoteIssued: (CUSTOMER,),
    e.AgreementsOpened: (CUSTOMER, MANUFACTURER),
    e.ProductionStarted: (CUSTOMER,),
    e.ProductionFailed: (MANUFACTURER,),
    e.ProductionFinished: (CUSTOMER, MANUFACTURER),
    e.OrderShipped: (CUSTOMER,),
    e.OrderDelivered: (CUSTOMER, MANUFACTURER),
    e.DisputeOpened: (MANUFACTURER,),
    e.DisputeDecided: (CUSTOMER, MANUFACTURER),
    e.OrderSettled: (CUSTOMER, MANUFACTURER),
    e.OrderRefunded: (CUSTOMER, MANUFACTURER),
    e.OrderExpired: (CUSTOMER, MANUFACTURER),
    e.OrderCancelled: (MANUFACTURER,),
}
"""Who is told about which event."""


def reactions(order: Order, event: e.Event, now: datetime) -> list[Effect]:
    """The effects of `event`; `order` is the state after it."""
    notices = [
        Effect(EffectKind.NOTIFY, f"{type(event).__name__}:{order.version}:{audience}", type(event).__name__, audience)
        for audience in _audiences(event)
    ]
    return [*notices, *_deadline(order, event, now), *_answers(event), *_work(order, event, now)]


def _audiences(event: e.Event) -> tuple[str, ...]:
    """Of what one side says in a dispute the other is told."""
    if isinstance(event, e.DisputeAnswered):
        return (MANUFACTURER,) if event.by == CUSTOMER else (CUSTOMER,)
    return NOTICES.get(type(event), ())


def wait_of(order: Order) -> str:
    """The name of what `order` waits for: its status, and which search it is once one was reopened.

    A deadline carries this name, so that the deadline of an earlier search never ends a later one.
    """
    again = order.searches and order.status in REPEATED
    return f"{order.status}:{order.searches}" if again else str(order.status)


def answer_awaited(wait: str) -> str | None:
    """The id of the supply whose supplier must have answered when this wait ends, or None for another wait."""
    return wait.removeprefix(ANSWER) if wait.startswith(ANSWER) else None


def by_chain_time(effect: Effect) -> bool:
    """Whether the effect's due is a second of the chain: its head must have passed it, whatever our own clock says."""
    waits_for_the_chain = effect.kind is EffectKind.DEADLINE and effect.subject in (Status.CONTRACTED, Status.DELIVERED)
    return effect.due is not None and (effect.kind in MOVES_BY_TIME or waits_for_the_chain)


def _work(order: Order, event: e.Event, now: datetime) -> Iterable[Effect]:
    match event:
        case e.OrderPlaced() | e.SearchReopened():
            return [Effect(EffectKind.FIND_SUPPLIERS, f"find:{order.version}")]
        case e.MatchPostponed():
            return [
                Effect(
                    EffectKind.FIND_SUPPLIERS, f"find:{wait_of(order)}:{event.retry_at.isoformat()}", due=event.retry_at
                )
            ]
        case e.OrderAccepted():
            return [Effect(EffectKind.DRAFT_AGREEMENTS, f"draft:{order.version}")]
        case e.NextSupplierAsked() | e.SupplierCountered(refusal=None):
            return [Effect(EffectKind.DRAFT_SUPPLY, f"supply:{order.version}")]
        case e.QuoteConfirmed():
            return [Effect(EffectKind.OPEN_AGREEMENTS, f"open:{event.agreement_id}", event.agreement_id)]
        case e.AgreementsOpened():
            # Where nothing is bought the manufacturer has nothing to wait for.
            return [_dispatch(agreement) for agreement in order.supply_ids or (order.delivery_id or "",)]
        case e.SupplyDelivered() if event.all_arrived:
            return [_dispatch(order.delivery_id or "")]
        case _:
            return _submitted(order.delivery_id or "", event)


def _submitted(delivery_id: str, event: e.Event) -> list[Effect]:
    """What people have said or signed goes to the chain."""
    match event:
        case e.HandoverPresented():
            proof = f"secret:{event.secret}"
            return [Effect(EffectKind.SUBMIT_DELIVERED, f"delivered:{delivery_id}", delivery_id, proof)]
        case e.DeliveryAccepted():
            return [Effect(EffectKind.SUBMIT_ACCEPTANCE, f"accept:{delivery_id}", delivery_id, event.signature)]
        case e.DisputeOpened():
            signed = f"{event.since}:{event.deadline}:{event.signature}"
            return [Effect(EffectKind.SUBMIT_DISPUTE, f"dispute:{delivery_id}", delivery_id, signed)]
        case _:
            return []


def _dispatch(agreement_id: str) -> Effect:
    return Effect(EffectKind.DISPATCH_JOBS, f"dispatch:{agreement_id}", agreement_id)


def _deadline(order: Order, event: e.Event, now: datetime) -> Iterable[Effect]:
    due = _due(order, event, now)
    if due is None:
        return []
    return [Effect(EffectKind.DEADLINE, f"{order.status}:{order.version}", wait_of(order), due=due)]


def _answers(event: e.Event) -> Iterable[Effect]:
    """Every supplier that is asked is told so, and has its own time to answer."""
    match event:
        case e.AgreementsDrafted() if event.answer_by is not None:
            asked = event.supply_ids
        case e.SupplyDrafted():
            asked = (event.agreement_id,)
        case _:
            return []
    deadlines = [Effect(EffectKind.DEADLINE, f"{ANSWER}{one}", f"{ANSWER}{one}", due=event.answer_by) for one in asked]
    return [*(Effect(EffectKind.NOTIFY, f"{ASKED}:{one}", ASKED, f"{SUPPLIER}{one}") for one in asked), *deadlines]


def _due(order: Order, event: e.Event, now: datetime) -> datetime | None:
    match event:
        case e.AgreementsOpened():
            return event.refund_at
        case e.OrderDelivered():
            return event.finalise_at
        case e.AgreementsDrafted() | e.QuoteIssued():
            return order.firm_until
        case e.QuoteConfirmed():
            return None if order.firm_until is None else order.firm_until + CONFIRM_MARGIN
        case e.OrderPlaced() | e.OrderMatched() | e.OrderAccepted() | e.SearchReopened():
            return now + WAITS[order.status]
        case _:
            return None


def overdue(order: Order, wait: str) -> list[Effect]:
    """What a deadline does beside `OrderExpired`.

    Deadlines of secured money move the chain, not the order: the order follows what the chain then says.
    """
    if wait == Status.CONTRACTED and order.status in UNDELIVERED:
        return refund(order)
    if wait == Status.DELIVERED and order.status is Status.DELIVERED:
        return finalise(order)
    return []


def refund(order: Order) -> list[Effect]:
    """After delivery date and grace anybody may send the money back; we do."""
    return [Effect(EffectKind.REFUND, f"refund:{order.delivery_id}", order.delivery_id or "")]


def finalise(order: Order) -> list[Effect]:
    """After the acceptance window anybody may settle; we do."""
    return [Effect(EffectKind.FINALISE, f"finalise:{order.delivery_id}", order.delivery_id or "")]
