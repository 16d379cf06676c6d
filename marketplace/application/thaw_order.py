"""An operator looks at orders that a fork froze, and lets one go on as the chain now stands."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from marketplace.application.chain_events import apply_event, wind_clocks
from marketplace.application.chain_forks import orphans_of, pairs, same_deed
from marketplace.application.chain_projection import project
from marketplace.application.context import Context
from marketplace.domain.agreement import AgreementStatus
from marketplace.domain.errors import Conflict, DomainError, NotFound
from marketplace.ports.chain_cursor import RememberedEvent
from marketplace.ports.unit_of_work import Transaction

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FrozenOrder:
    """A frozen order. `missing` are final events that the fork took and that are not on the chain again, at whatever
    time; `back` counts those that are."""

    order_id: str
    block: int
    reason: str
    at: datetime
    missing: tuple[str, ...]
    back: int


@dataclass(frozen=True, slots=True)
class Thawed:
    """What thawing an order did: events that were there again, new ones that counted, and what could not."""

    order_id: str
    back: int
    applied: int
    given_up: tuple[str, ...]
    refused: tuple[str, ...]


async def frozen_orders(tx: Transaction) -> Sequence[FrozenOrder]:
    """Every frozen order, the one that waits longest first."""
    final = (await tx.cursor.peek()).final
    found = []
    for freeze in await tx.freezes.open():
        orphans, waiting = await orphans_of(tx, freeze.order_id)
        there = [event for event in waiting if final is not None and event.block <= final.number]
        again = pairs(orphans, there, same_deed)
        missing = tuple(_words(orphan) for index, orphan in enumerate(orphans) if index not in again)
        found.append(FrozenOrder(freeze.order_id, freeze.block, freeze.reason, freeze.at, missing, len(again)))
    return found


async def thaw_order(ctx: Context, order_id: str, *, give_up: bool = False) -> Thawed:
    """Let a frozen order go on: what is known of its agreements is made anew from the chain's final events.

    Deeds that are on the chain again are not repeated for the order; new ones count now. Raises NotFound where the
    order is not frozen, Conflict where final events are still missing, unless they are given up.
    """
    await ctx.chain.parameters()  # known from then on, so that nothing is asked inside the transaction
    async with ctx.uow.write() as tx:
        final = (await tx.cursor.get()).final  # keeps the reader of the chain away
        frozen = {freeze.order_id for freeze in await tx.freezes.open()}
        if order_id not in frozen:
            raise NotFound("frozen order")
        await tx.orders.get(order_id)  # first of its rows, as everywhere
        orphans, waiting = await orphans_of(tx, order_id)
        waiting = [event for event in waiting if final is not None and event.block <= final.number]
        again = pairs(orphans, waiting, same_deed)
        missing = tuple(_words(orphan) for index, orphan in enumerate(orphans) if index not in again)
        if missing and not give_up:
            raise Conflict(f"not on the chain again: {'; '.join(missing)}")
        back = list(again.values())
        await tx.cursor.mark_applied(back)
        await tx.cursor.drop(orphans)
        await _make_anew(ctx, tx, order_id, back)
        new = [event for event in waiting if event not in back]
        refused = [words for event in new if (words := await _apply(ctx, tx, event)) is not None]
        await tx.cursor.mark_applied(new)
        await tx.freezes.thaw(order_id, ctx.clock.now())
    log.warning("order %s goes on: an operator said so", order_id, extra={"missing": missing, "refused": refused})
    return Thawed(order_id, len(back), len(new) - len(refused), missing, tuple(refused))


async def _make_anew(ctx: Context, tx: Transaction, order_id: str, back: Sequence[RememberedEvent]) -> None:
    """Every agreement as the events say that count; what waits for an instant that is another one now waits anew."""
    for known in await tx.agreements.of_order(order_id):
        events = [event for event in await tx.cursor.of_agreements([known.id]) if event.applied]
        if known.status in (AgreementStatus.DRAFTED, AgreementStatus.SIGNED) and not events:
            continue
        agreement = replace(known, status=AgreementStatus.SIGNED, milestone_states={}, payouts=())
        for event in events:
            agreement = await project(ctx, tx, agreement, event.event)
        await tx.agreements.save(agreement)
        for event in back:
            if event.agreement_id == known.id:
                await wind_clocks(ctx, tx, agreement, event.event)


async def _apply(ctx: Context, tx: Transaction, event: RememberedEvent) -> str | None:
    """Let a new event count; in words, if the order cannot follow it any more."""
    agreement = await tx.agreements.get(event.agreement_id)
    if agreement is None:
        return None
    try:
        await apply_event(ctx, tx, agreement, event.event)
    except (DomainError, LookupError, ValueError) as refused:
        return f"{_words(event)}: {type(refused).__name__}: {refused}"
    return None


def _words(event: RememberedEvent) -> str:
    fields = ", ".join(f"{name} {value}" for name, value in sorted(event.fields.items()))
    return f"{event.name} ({fields}) of agreement {event.agreement_id}"
