"""Agreements that our own account opened and that this database does not know, since it is older than the opening.

Their terms are in the opening's log, so nobody's money is stranded: what time allows is done for them as for any other.
An order that is known by its handover hash is frozen: else it would be sourced, confirmed and paid a second time.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from marketplace.application.chain_events import refund_at
from marketplace.application.chain_projection import project
from marketplace.application.context import Context
from marketplace.domain.agreement import Agreement, AgreementStatus
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.evidence import EventCode
from marketplace.ports.chain import ChainEvent
from marketplace.ports.chain_cursor import Freeze
from marketplace.ports.restores import LostAgreement
from marketplace.ports.unit_of_work import Transaction

log = logging.getLogger(__name__)


async def find_lost(ctx: Context, events: Sequence[ChainEvent]) -> list[LostAgreement]:
    """Those of our own openings among `events` that no row knows, deliveries first. Raises ChainUnavailable."""
    openings = {event.agreement_id: event for event in events if event.name == "opened"}
    if not openings:
        return []
    async with ctx.uow.read() as tx:
        unknown = await tx.lost.unknown(list(openings))
    found = []
    for agreement_id in unknown:
        event = openings[agreement_id]
        terms = await ctx.chain.opened_by_us(event)
        if terms is not None:
            address = str(event.fields["address"])
            agreement = Agreement(
                agreement_id, "", terms.kind, address, terms, payer_id="", payee_id="", description=""
            )
            found.append(LostAgreement(agreement, event.block, event.transaction, ctx.clock.now()))
    return sorted(found, key=lambda lost: lost.agreement.kind)


async def remember_lost(ctx: Context, tx: Transaction, found: Sequence[LostAgreement]) -> None:
    """Keep them, and freeze the orders to which they belong."""
    for lost in found:
        order_id = await tx.lost.order_of(lost.agreement.terms)
        if not await tx.lost.add(replace(lost, agreement=replace(lost.agreement, order_id=order_id or ""))):
            continue
        terms = lost.agreement.terms
        log.error(
            "the chain has an agreement that this database does not know: %s of %s, opened in block %d for %d cents,"
            " from %s to %s",
            lost.agreement.id,
            f"order {order_id}" if order_id else "an order that is lost",
            lost.block,
            terms.amount_minor,
            terms.payer,
            terms.payee,
            extra={"alarm": "lost-agreement"},
        )
        if order_id is not None:
            reason = f"the chain has agreement {lost.agreement.id} of it, which this database does not know"
            await tx.freezes.freeze(Freeze(order_id, lost.block, reason, ctx.clock.now()))


async def follow_lost(ctx: Context, tx: Transaction, event: ChainEvent) -> None:
    """What an event means for an agreement that is no order's; nothing where a stranger opened it."""
    agreement = await tx.lost.get(event.agreement_id)
    if agreement is None:
        return
    known = await project(ctx, tx, agreement, event)
    if known != agreement:
        await tx.lost.save(known)
    move = _move(known, event)
    if move is not None:
        # In a lane of its own: the freeze of its order must not stop what time allows.
        await tx.outbox.add(known.id, [move], ctx.clock.now())


def _move(agreement: Agreement, event: ChainEvent) -> Effect | None:
    """What somebody must do because of the event, once it is time."""
    name, terms = event.name, agreement.terms
    if name == "opened":
        return _later(EffectKind.REFUND, agreement, refund_at(agreement))
    if name == "delivered":
        return _later(EffectKind.FINALISE, agreement, _instant(int(event.fields["at"]) + terms.accept_window + 1))
    if name == "state" and agreement.status is AgreementStatus.RETAINED:
        retained = terms.milestone_for(EventCode.RETAINED)
        _, delivered_ms = agreement.milestone_states[retained] if retained is not None else ("", 0)
        return _later(EffectKind.RELEASE, agreement, _instant(delivered_ms // 1000 + terms.retention_window + 1))
    if name == "disputed":
        by = int(event.fields["decide_by"])
        key = f"timeout:{agreement.id}:{by}"
        return Effect(EffectKind.TIMEOUT, key, agreement.id, str(by), _instant(by + 1))
    if name == "claimed":
        matures_at = int(event.fields["matures_at"])
        key = f"sweep:{agreement.id}:{event.fields['milestone']}:{matures_at}"
        return Effect(EffectKind.PAY_OUT, key, agreement.id, "payee", _instant(matures_at))
    if name == "kept":
        key = f"pay:{event.block_hash}:{event.log_index}"
        return Effect(EffectKind.PAY_OUT, key, agreement.id, str(event.fields["party"]))
    return None


def _later(kind: EffectKind, agreement: Agreement, due: datetime) -> Effect:
    return Effect(kind, f"{kind}:{agreement.id}", agreement.id, due=due)


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
