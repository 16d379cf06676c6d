"""A supplier is out, or wants other terms: who is asked next, and what may change while the customer's quote does not.

Price, day and number of supplies are in the delivery's terms. So only somebody who delivers the same lines in time, for
what the delivery's advance and the manufacturer's margin leave, can take a place.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from marketplace.domain import commands as c
from marketplace.domain import events as e
from marketplace.domain.changes import Out
from marketplace.domain.errors import InvalidTransition
from marketplace.domain.money import spell
from marketplace.domain.order import VACANT, Order, Status

ASSEMBLY_DAYS = 1
"""The manufacturer's own day after the last supply has arrived."""


def needed_by(order: Order) -> date:
    """The day by which the manufacturer must have the parts."""
    return order.deliver_by - timedelta(days=ASSEMBLY_DAYS)


def next_in_rank(order: Order, place: int, now: datetime) -> e.SupplyChoice | None:
    """Who takes the place of `order.choices[place]`, or None."""
    gone = order.choices[place]
    out = {*order.excluded_suppliers, gone.supplier_id}
    longest = (needed_by(order) - now.date()).days
    for choice in order.bench:
        same_lines = set(choice.lines) == set(gone.lines)
        in_time = choice.lead_time_days <= longest
        if same_lines and in_time and choice.supplier_id not in out and _affordable(order, place, choice.amount_minor):
            return choice
    return None


def declined(order: Order, command: c.DeclineSupply, now: datetime) -> Iterable[e.Event]:
    """A supplier says no. One that is out already has said so: told again, it changes nothing."""
    place = _place(order, command.agreement_id, "be declined by a supplier")
    if place is None:
        return []
    gone = order.choices[place]
    fact = e.SupplierDeclined(gone.supplier_id, gone.supplier_name, command.reason, command.agreement_id)
    return [fact, _instead(order, place, fact, now)]


def silent(order: Order, agreement_id: str, now: datetime) -> Iterable[e.Event]:
    """The time to answer has passed; a supplier that has signed, or is out, has answered.

    Once the quote itself has lapsed nobody is asked next: its own deadline ends it.
    """
    if order.firm_until is not None and now >= order.firm_until:
        return []
    if order.status is not Status.SOURCING or f"{agreement_id}:payee" not in order.to_sign:
        return []
    place = order.supply_ids.index(agreement_id)
    gone = order.choices[place]
    fact = e.SupplierSilent(agreement_id, gone.supplier_id, gone.supplier_name)
    return [fact, _instead(order, place, fact, now)]


def countered(order: Order, command: c.CounterSupply, now: datetime) -> Iterable[e.Event]:
    """A supplier wants other terms: it gets them where nobody but the manufacturer notices, else it is out."""
    place = _place(order, command.agreement_id, "be countered by a supplier")
    if place is None or f"{command.agreement_id}:payee" not in order.to_sign:
        return []
    asked = order.choices[place]
    amount = asked.amount_minor if command.amount_minor is None else command.amount_minor
    day = command.deliver_by or asked.deliver_by or needed_by(order)
    fact = e.SupplierCountered(
        agreement_id=command.agreement_id,
        supplier_id=asked.supplier_id,
        supplier_name=asked.supplier_name,
        amount_minor=amount,
        deliver_by=day,
        reason=command.reason,
        refusal=_refusal(order, place, amount, day, now),
    )
    return [fact] if fact.refusal is None else [fact, _instead(order, place, fact, now)]


def drafted(order: Order, command: c.DraftSupply, now: datetime) -> Iterable[e.Event]:
    """Terms for a vacant place; terms for a place, a supplier or a delivery that is no longer meant are dropped."""
    wanted = (
        order.status is Status.SOURCING
        and order.delivery_id == command.delivery_id
        and order.supply_ids[command.place : command.place + 1] == (VACANT,)
        and order.choices[command.place] == command.choice
    )
    return [e.SupplyDrafted(command.agreement_id, command.place, command.to_sign, command.answer_by)] if wanted else []


def _place(order: Order, agreement_id: str, wanted: str) -> int | None:
    if order.status is not Status.SOURCING:
        raise InvalidTransition(order.status, wanted)
    return order.supply_ids.index(agreement_id) if agreement_id in order.supply_ids else None


def _affordable(order: Order, place: int, amount_minor: int) -> bool:
    others = sum(choice.amount_minor for index, choice in enumerate(order.choices) if index != place)
    return others + amount_minor <= order.supplies_most_minor


def _refusal(order: Order, place: int, amount_minor: int, day: date, now: datetime) -> str | None:
    """Why a counter cannot be had, or None."""
    if day > needed_by(order):
        return f"{day:%-d %B} is after {needed_by(order):%-d %B}, when the parts are needed"
    if order.choices[place].countered:
        return "its other terms were taken over once already"
    currency = order.price.currency if order.price else ""
    if not _affordable(order, place, amount_minor):
        return f"{spell(amount_minor, currency)} is more than the quote leaves"
    following = next_in_rank(order, place, now)
    # Else whoever is asked could name what is left, and would be right to.
    if following is not None and amount_minor > max(following.amount_minor, order.choices[place].amount_minor):
        return f"{spell(amount_minor, currency)} is more than the next in rank asks"
    return None


def _instead(order: Order, place: int, fact: Out, now: datetime) -> e.Event:
    following = next_in_rank(order, place, now)
    if following is not None:
        return e.NextSupplierAsked(fact.agreement_id, following)
    return e.SearchReopened(f"{fact.supplier_name} is out, and nobody is next in rank: looking for suppliers again")
