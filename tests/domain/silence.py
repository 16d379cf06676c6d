"""A small model checker: which orders would wait for ever if everybody fell silent?

It walks every order that commands can lead to, together with the deadlines that are running, and asks of each: do
these deadlines alone lead to an end, or to the money being sent back or settled on the chain?
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from marketplace.domain import commands as c
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.errors import InvalidTransition
from marketplace.domain.lifecycle import ENDS, decide, place
from marketplace.domain.order import Order, Status
from marketplace.domain.reactions import REPEATED, answer_awaited, wait_of
from tests.domain.samples import (
    CHOICES,
    COMMANDS,
    COUNTERED,
    DECLINE_COVERS,
    DRAFT_NONE,
    DRAFT_ONE,
    DRAFT_SPARE,
    LAST_STEP,
    MATCH_FOR_A_PERSON,
    NOW,
    PLACE,
    PRICE,
    SIGNATURES,
    SPARE_SIGNATURES,
)

MOST_OUT = 2
ON_THEIR_WAY = {
    EffectKind.REFUND: (Status.CONTRACTED, Status.IN_PRODUCTION, Status.PRODUCED, Status.SHIPPED),
    EffectKind.FINALISE: (Status.DELIVERED,),
}
"""A call to the chain, and where it helps; a stored effect is repeated until the chain answers."""
ON_CHAIN = (Status.CONTRACTED, Status.DELIVERED)
"""Waits whose deadlines move money in later statuses too."""
OTHERS = c.RecordMatch(CHOICES[1:], PRICE, partial=True, exception=None)
NOBODY_LEFT = c.RecordMatch((), PRICE, partial=True, exception=None)
STIMULI = (
    *(command for kind, command in COMMANDS.items() if kind not in (c.PlaceOrder, c.PassDeadline)),
    MATCH_FOR_A_PERSON,
    OTHERS,
    NOBODY_LEFT,
    LAST_STEP,
    *SIGNATURES[1:],
    DRAFT_ONE,
    DRAFT_NONE,
    *SPARE_SIGNATURES,
    DECLINE_COVERS,
    c.DeclineSupply("supply-3", ""),
    replace(DRAFT_SPARE, choice=COUNTERED),
)


class Deadline(NamedTuple):
    """A deadline that is running: due, and the name of the wait that it ends."""

    due: datetime
    wait: str


@dataclass(frozen=True)
class Situation:
    """An order, the deadlines that are running, and the calls that move its money on the chain."""

    order: Order
    deadlines: frozenset[Deadline] = frozenset()
    calls: frozenset[EffectKind] = frozenset()

    @property
    def essence(self) -> tuple[object, ...]:
        """What of it decides about the future; counters, texts and deadlines that nothing waits for do not."""
        order = self.order
        alive = {one for one in self.deadlines if _may_matter(order, one.wait)}
        marks: tuple[object, ...] = (order.handed_over, order.accepted_by_customer)
        if order.status in REPEATED:
            suppliers = tuple((choice.supplier_id, choice.countered) for choice in order.choices)
            marks = (order.to_sign, order.excluded_suppliers, order.supply_ids, suppliers, order.searches)
        return (order.status, *marks, frozenset(alive), self.calls)

    def after(self, order: Order, effects: tuple[Effect, ...]) -> "Situation":
        """The situation once `order` has followed, with the deadlines and calls that came with it."""
        new = {Deadline(e.due, e.subject) for e in effects if e.kind is EffectKind.DEADLINE and e.due is not None}
        calls = {effect.kind for effect in effects if effect.kind in ON_THEIR_WAY}
        return Situation(order, self.deadlines | new, self.calls | calls)

    def after_next_deadline(self) -> "Situation":
        """The situation once the earliest deadline has passed."""
        first = min(self.deadlines)
        decision = decide(self.order, c.PassDeadline(first.wait), first.due)
        rest = replace(self, deadlines=self.deadlines - {first})
        return rest.after(decision.order, decision.effects)


def _may_matter(order: Order, wait: str) -> bool:
    supply = answer_awaited(wait)
    return wait in (wait_of(order), *ON_CHAIN) if supply is None else f"{supply}:payee" in order.to_sign


def reachable() -> Iterator[Situation]:
    """Every situation that commands and passing deadlines can bring about, with up to `MOST_OUT` suppliers out."""
    decision = place(PLACE, NOW)
    start = Situation(decision.order).after(decision.order, decision.effects)
    seen, queue = {start.essence}, deque([start])
    while queue:
        situation = queue.popleft()
        yield situation
        for later in _next(situation):
            if later.essence not in seen and len(later.order.excluded_suppliers) <= MOST_OUT:
                seen.add(later.essence)
                queue.append(later)


def _next(situation: Situation) -> Iterator[Situation]:
    for command in STIMULI:
        try:
            decision = decide(situation.order, command, NOW)
        except InvalidTransition:
            continue
        yield situation.after(decision.order, decision.effects)
    if situation.deadlines:
        yield situation.after_next_deadline()


def ends_alone(situation: Situation) -> bool:
    """Whether the running deadlines alone bring an end, or a refund or settlement on the chain."""
    while not _is_over(situation):
        if not situation.deadlines:
            return False
        situation = situation.after_next_deadline()
    return True


def _is_over(situation: Situation) -> bool:
    status = situation.order.status
    return status in ENDS or any(status in ON_THEIR_WAY[call] for call in situation.calls)


def stuck() -> Mapping[str, int]:
    """Status → how many situations in it would wait for ever."""
    counts: dict[str, int] = {}
    for situation in reachable():
        if not ends_alone(situation):
            counts[situation.order.status] = counts.get(situation.order.status, 0) + 1
    return counts
