"""A fork deeper than we waited for: the orders that it touches are frozen, until the chain or a person says go on."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from marketplace.application.context import Context
from marketplace.ports.chain_cursor import Freeze, RememberedEvent
from marketplace.ports.unit_of_work import Transaction

log = logging.getLogger(__name__)


FORKED = "a fork took away final events"
"""How the reason begins for which an order may be thawed without a person."""


async def freeze_orders(ctx: Context, tx: Transaction, orphans: Sequence[RememberedEvent]) -> list[str]:
    """Freeze every order of which a final event lost its block. Returns those that were not frozen before."""
    lost: dict[str, list[RememberedEvent]] = {}
    await tx.orders.hold({orphan.agreement_id for orphan in orphans})
    for orphan in orphans:
        agreement = await tx.agreements.get(orphan.agreement_id)
        if agreement is None:
            await tx.cursor.drop([orphan])  # nobody's here, so nothing came of it
        else:
            lost.setdefault(agreement.order_id, []).append(orphan)
    frozen = []
    for order_id, events in lost.items():
        said = ", ".join(f"{count} x {name}" for name, count in Counter(event.name for event in events).items())
        first = min(event.block for event in events)
        reason = f"{FORKED} from block {first} on: {said}"
        if await tx.freezes.freeze(Freeze(order_id, first, reason, ctx.clock.now())):
            frozen.append(order_id)
    return frozen


async def orphans_of(tx: Transaction, order_id: str) -> tuple[list[RememberedEvent], list[RememberedEvent]]:
    """(final events of the order that a fork took away, events of the branch that took their place and wait)."""
    ids = [agreement.id for agreement in await tx.agreements.of_order(order_id)]
    events = await tx.cursor.of_agreements(ids)
    return [event for event in events if event.orphaned], [event for event in events if not event.applied]


INSTANTS = frozenset({"at", "decide_by", "matures_at", "penalty_minor", "transaction"})
"""What another block may say otherwise of the same deed: when it was, what follows from that, and who carried it."""


def same_deed(one: RememberedEvent, other: RememberedEvent) -> bool:
    """Whether both tell of the same deed, at whatever time."""
    return one.agreement_id == other.agreement_id and one.name == other.name and _deed(one) == _deed(other)


def _deed(event: RememberedEvent) -> dict[str, Any]:
    return {name: value for name, value in event.fields.items() if name not in INSTANTS}


def pairs(
    orphans: Sequence[RememberedEvent],
    waiting: Sequence[RememberedEvent],
    alike: Callable[[RememberedEvent, RememberedEvent], bool] = RememberedEvent.says_the_same,
) -> dict[int, RememberedEvent]:
    """Index of an orphan → the event that says the same again. Each event answers for one orphan."""
    free, found = list(waiting), {}
    for index, orphan in enumerate(orphans):
        again = next((event for event in free if alike(event, orphan)), None)
        if again is not None:
            free.remove(again)
            found[index] = again
    return found


async def thaw_what_came_back(ctx: Context, tx: Transaction, up_to: int) -> list[str]:
    """Thaw the frozen orders whose lost events all stand again at final depth, word for word. Returns those orders."""
    thawed = []
    for freeze in await tx.freezes.open():
        if not freeze.reason.startswith(FORKED):
            continue
        orphans, waiting = await orphans_of(tx, freeze.order_id)
        again = pairs(orphans, [event for event in waiting if event.block <= up_to])
        if len(again) == len(orphans):
            await tx.cursor.mark_applied(again.values())
            await tx.cursor.drop(orphans)
            await tx.freezes.thaw(freeze.order_id, ctx.clock.now())
            thawed.append(freeze.order_id)
    return thawed
