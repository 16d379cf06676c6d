"""The chain speaks: a final event becomes what we know of its agreement, and commands of its order.

The only place where chain events are translated; `chain_sync` says which events are final, and in which order.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from marketplace.application.apply import apply
from marketplace.application.chain_projection import project
from marketplace.application.context import Context
from marketplace.application.wording import vouched_by
from marketplace.domain.agreement import ENDED, ZERO_HASH, Agreement, AgreementKind, AgreementStatus, OnChain
from marketplace.domain.commands import (
    RecordClaim,
    RecordDecision,
    RecordDelivered,
    RecordDispute,
    RecordOpened,
    RecordRefunded,
    RecordSettled,
    RecordSupplyDelivered,
)
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.evidence import EventCode
from marketplace.ports.chain import ChainEvent
from marketplace.ports.unit_of_work import Transaction

Handler = Callable[[Context, Transaction, Agreement, ChainEvent], Awaitable[None]]


async def apply_event(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    """Write what a final event of `agreement` means. Raises InvalidTransition where the order cannot follow."""
    known = await project(ctx, tx, agreement, event)
    if known != agreement:
        await tx.agreements.save(known)
    consequence = CONSEQUENCES.get(event.name)
    if consequence is not None:
        await consequence(ctx, tx, known, event)


async def wind_clocks(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    """An event that has had its effect stands on the chain with other instants: what waits for them waits anew."""
    if event.name == "claimed":
        matures_at = int(event.fields["matures_at"])
        await _sweep(ctx, tx, agreement, f"sweep:{agreement.id}:{event.fields['milestone']}:{matures_at}", matures_at)
    elif event.name == "disputed":
        await _disputed(ctx, tx, agreement, event)


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


async def _opened(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    if not _is_the_orders(agreement):
        await _later(ctx, tx, agreement, EffectKind.REFUND, refund_at(agreement))
    delivery_id = agreement.id if agreement.kind is AgreementKind.DELIVERY else agreement.terms.parent
    delivery = await tx.agreements.get(delivery_id)
    opened = [
        other for other in await tx.agreements.of_order(agreement.order_id) if other.status is AgreementStatus.OPEN
    ]
    # A batch opens whole or not at all, so the last of its logs completes it.
    if delivery is not None and len(opened) == 1 + delivery.terms.supply_count:
        await apply(ctx, tx, agreement.order_id, RecordOpened(event.transaction, refund_at(delivery)))


def _is_the_orders(agreement: Agreement) -> bool:
    """Whether the order's own deadlines are this agreement's; supplies and successors have theirs from here."""
    return agreement.kind is AgreementKind.DELIVERY and agreement.terms.replaces == ZERO_HASH


async def _later(ctx: Context, tx: Transaction, agreement: Agreement, kind: EffectKind, due: datetime) -> None:
    """A move that time allows: somebody must make it, so we do."""
    effect = Effect(kind, f"{kind}:{agreement.id}", agreement.id, due=due)
    await tx.outbox.add(agreement.order_id, [effect], ctx.clock.now())


def refund_at(agreement: Agreement) -> datetime:
    """From when on anybody may send the money back: one second after delivery date and grace."""
    return _instant(agreement.terms.deliver_by + agreement.terms.grace + 1)


async def _claimed(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    index, matures_at = int(event.fields["milestone"]), int(event.fields["matures_at"])
    milestone = agreement.terms.milestones[index]
    command = RecordClaim(
        agreement_id=agreement.id,
        code=int(milestone.code),
        amount_minor=agreement.terms.milestone_minor(index),
        vouched_by=vouched_by(milestone),
    )
    await apply(ctx, tx, agreement.order_id, command)
    await _sweep(ctx, tx, agreement, f"sweep:{agreement.id}:{index}", matures_at)


async def _sweep(ctx: Context, tx: Transaction, agreement: Agreement, key: str, matures_at: int) -> None:
    sweep = Effect(EffectKind.PAY_OUT, key, agreement.id, "payee", _instant(matures_at))
    await tx.outbox.add(agreement.order_id, [sweep], ctx.clock.now())


async def _delivered(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    delivered_at = int(event.fields["at"])
    finalise_at = _instant(delivered_at + agreement.terms.accept_window + 1)
    if not _is_the_orders(agreement):
        await _later(ctx, tx, agreement, EffectKind.FINALISE, finalise_at)
    if agreement.kind is AgreementKind.DELIVERY:
        await apply(ctx, tx, agreement.order_id, RecordDelivered(_instant(delivered_at), finalise_at))
    else:
        await _supply_delivered(ctx, tx, agreement)


async def _supply_delivered(ctx: Context, tx: Transaction, agreement: Agreement) -> None:
    others = await tx.agreements.of_order(agreement.order_id)
    supplies = [other for other in others if other.kind is AgreementKind.SUPPLY]
    all_there = all(other.status is not AgreementStatus.OPEN for other in supplies)
    supplier = await tx.parties.organisation(agreement.payee_id)
    name = supplier.name if supplier else "the supplier"
    await apply(ctx, tx, agreement.order_id, RecordSupplyDelivered(agreement.id, name, all_there))
    ask = Effect(EffectKind.ASK_ACCEPTANCE, f"acceptance:{agreement.id}", agreement.id)
    await tx.outbox.add(agreement.order_id, [ask], ctx.clock.now())


async def _disputed(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    decide_by = int(event.fields["decide_by"])
    key, due = f"timeout:{agreement.id}:{decide_by}", _instant(decide_by + 1)
    silent = Effect(EffectKind.TIMEOUT, key, agreement.id, str(decide_by), due)
    await tx.outbox.add(agreement.order_id, [silent], ctx.clock.now())


async def _asked(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    """The arbiter has the question, and time answers where the arbiter does not."""
    await _disputed(ctx, tx, agreement, event)
    if agreement.kind is AgreementKind.DELIVERY:
        await apply(ctx, tx, agreement.order_id, RecordDispute(_instant(int(event.fields["decide_by"]))))


async def _divided(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    if agreement.kind is AgreementKind.DELIVERY:
        said = event.fields
        payer, payee, fee = (int(said[f"{party}_minor"]) for party in ("payer", "payee", "fee"))
        await apply(ctx, tx, agreement.order_id, RecordDecision(str(said["why"]), payer, payee, fee))


async def _withdrawn(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    await _close(ctx, tx, agreement.order_id)


async def _kept(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    party, key = str(event.fields["party"]), f"pay:{event.block_hash}:{event.log_index}"
    await tx.outbox.add(agreement.order_id, [Effect(EffectKind.PAY_OUT, key, agreement.id, party)], ctx.clock.now())


async def _state(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    status = AgreementStatus(OnChain(int(event.fields["state"])).name.lower())
    retained = agreement.terms.milestone_for(EventCode.RETAINED)
    if retained is not None and status is AgreementStatus.RETAINED:
        _, delivered_ms = agreement.milestone_states[retained]
        due = _instant(delivered_ms // 1000 + agreement.terms.retention_window + 1)
        await _later(ctx, tx, agreement, EffectKind.RELEASE, due)
    if agreement.kind is AgreementKind.DELIVERY and status is AgreementStatus.REFUNDED:
        await apply(ctx, tx, agreement.order_id, RecordRefunded())
    await _close(ctx, tx, agreement.order_id)


async def _close(ctx: Context, tx: Transaction, order_id: str) -> None:
    """An order is settled once every agreement has ended and every cent of it has arrived."""
    agreements = await tx.agreements.of_order(order_id)
    known = {agreement.address for agreement in agreements}
    if all(_finished(agreement, known) for agreement in agreements):
        await apply(ctx, tx, order_id, RecordSettled())


def _finished(agreement: Agreement, known: set[str]) -> bool:
    """Money that went into a successor has arrived when that one has ended, so it must be one that we know."""
    paid = [payout for payout in agreement.payouts if payout.paid]
    followed = all(payout.address in known for payout in paid if payout.party == "successor")
    whole = sum(payout.amount_minor for payout in paid) == agreement.terms.amount_minor
    return agreement.status in ENDED and whole and followed


CONSEQUENCES: dict[str, Handler] = {
    "opened": _opened,
    "claimed": _claimed,
    "delivered": _delivered,
    "disputed": _asked,
    "divided": _divided,
    "withdrawn": _withdrawn,
    "kept": _kept,
    "state": _state,
}
"""Event name → what follows for the order and its effects; the agreement is known as it is after the event."""
