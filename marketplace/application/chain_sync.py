"""The chain speaks: its events, in order, become what we know of agreements and commands of their orders.

The only place where chain events are translated. The cursor moves in the transaction that applies a block's events.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

from marketplace.application.apply import apply
from marketplace.application.context import Context
from marketplace.application.wording import vouched_by
from marketplace.domain.agreement import (
    ENDED,
    ZERO_HASH,
    Agreement,
    AgreementKind,
    AgreementStatus,
    OnChain,
    Payout,
    arrived,
)
from marketplace.domain.commands import (
    RecordClaim,
    RecordDelivered,
    RecordOpened,
    RecordRefunded,
    RecordSettled,
    RecordSupplyDelivered,
)
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.evidence import EventCode
from marketplace.ports.chain import ChainEvent
from marketplace.ports.unit_of_work import Transaction

BLOCKS_AT_ONCE = 200


class ChainForked(Exception):
    """The chain no longer holds the block that was read last: money moves must stop and an operator must look."""


async def sync_chain(ctx: Context) -> int:
    """Apply what is new up to the head and return how many events were new.

    Raises ChainUnavailable, and ChainForked when the last block read is no longer there.
    """
    head = await ctx.chain.head()
    async with ctx.uow.read() as tx:
        cursor = await tx.cursor.get()
    if cursor is None:
        first = (await ctx.chain.parameters()).start_block
    else:
        number, known = cursor
        if await ctx.chain.block_hash(number) != known:
            raise ChainForked(f"block {number} is no longer {known}")
        first = number + 1
    applied = 0
    while first <= head.number:
        last = min(head.number, first + BLOCKS_AT_ONCE - 1)
        events = await ctx.chain.events(first, last)
        end = await ctx.chain.block_hash(last)
        if end is None:
            raise ChainForked(f"block {last} is gone")
        async with ctx.uow.write() as tx:
            for event in events:
                if not await tx.cursor.seen(event.block_hash, event.log_index):
                    await _apply(ctx, tx, event)
                    applied += 1
            await tx.cursor.advance(last, end)
        first = last + 1
    return applied


Handler = Callable[[Context, Transaction, Agreement, ChainEvent], Awaitable[None]]


async def _apply(ctx: Context, tx: Transaction, event: ChainEvent) -> None:
    agreement = await tx.agreements.get(event.agreement_id)
    handler = HANDLERS.get(event.name)
    if agreement is not None and handler is not None:
        await handler(ctx, tx, agreement, event)


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


async def _opened(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    await tx.agreements.save(replace(agreement, status=AgreementStatus.OPEN))
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
    proved_ms = (matures_at - 1 - agreement.terms.contest_window) * 1000
    await tx.agreements.save(_with_milestone(agreement, index, "proved", proved_ms))
    milestone = agreement.terms.milestones[index]
    command = RecordClaim(
        agreement_id=agreement.id,
        code=int(milestone.code),
        amount_minor=agreement.terms.milestone_minor(index),
        vouched_by=vouched_by(milestone),
    )
    await apply(ctx, tx, agreement.order_id, command)
    due = _instant(matures_at)
    sweep = Effect(EffectKind.PAY_OUT, f"sweep:{agreement.id}:{index}", agreement.id, "payee", due)
    await tx.outbox.add(agreement.order_id, [sweep], ctx.clock.now())


def _with_milestone(agreement: Agreement, index: int, state: str, at_ms: int | None = None) -> Agreement:
    """The agreement with a milestone in another state; its instant stays where none is given."""
    _, before_ms = agreement.milestone_states.get(index, (state, 0))
    changed = {index: (state, before_ms if at_ms is None else at_ms)}
    return replace(agreement, milestone_states={**agreement.milestone_states, **changed})


async def _contested(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    await tx.agreements.save(_with_milestone(agreement, int(event.fields["milestone"]), "contested"))


async def _paid_milestone(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    await tx.agreements.save(_with_milestone(agreement, int(event.fields["milestone"]), "paid"))


async def _delivered(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    delivered_at = int(event.fields["at"])
    retained = agreement.terms.milestone_for(EventCode.RETAINED)
    changed = agreement if retained is None else _with_milestone(agreement, retained, "waiting", delivered_at * 1000)
    if agreement.status is not AgreementStatus.DISPUTED:  # a dispute goes on, with another question
        changed = replace(changed, status=AgreementStatus.DELIVERED)
    await tx.agreements.save(changed)
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


async def _credited(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    party, amount = str(event.fields["party"]), int(event.fields["amount_minor"])
    address = {"payee": agreement.terms.payee, "payer": agreement.terms.payer}.get(party)
    if address is None:
        address = (await _fee_receiver(ctx)).lower()
    await _save_payout(tx, agreement, Payout(party, address, amount))


async def _fee_receiver(ctx: Context) -> str:
    # Known since the first read of this chain: the adapter keeps the parameters, so no call leaves the transaction.
    return (await ctx.chain.parameters()).fee_receiver


async def _advanced(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    supply = await tx.agreements.get(str(event.fields["supply_id"]))
    address = supply.address if supply else ""
    await _save_payout(tx, agreement, Payout("supply", address, int(event.fields["amount_minor"]), paid=True))


async def _replaced(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    successor = await tx.agreements.get(str(event.fields["successor_id"]))
    address = successor.address if successor else ""
    await _save_payout(tx, agreement, Payout("successor", address, int(event.fields["amount_minor"]), paid=True))


async def _save_payout(tx: Transaction, agreement: Agreement, payout: Payout) -> None:
    await tx.agreements.save(replace(agreement, payouts=(*agreement.payouts, payout)))


async def _withdrawn(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    payouts = arrived(agreement.payouts, str(event.fields["party"]), int(event.fields["amount_minor"]))
    await tx.agreements.save(replace(agreement, payouts=payouts))
    await _close(ctx, tx, agreement.order_id)


async def _kept(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    party, key = str(event.fields["party"]), f"pay:{event.block_hash}:{event.log_index}"
    await tx.outbox.add(agreement.order_id, [Effect(EffectKind.PAY_OUT, key, agreement.id, party)], ctx.clock.now())


async def _state(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    status = AgreementStatus(OnChain(int(event.fields["state"])).name.lower())
    changed = replace(agreement, status=status)
    retained = agreement.terms.milestone_for(EventCode.RETAINED)
    if retained is not None and status is AgreementStatus.RETAINED:
        _, delivered_ms = agreement.milestone_states[retained]
        due = _instant(delivered_ms // 1000 + agreement.terms.retention_window + 1)
        await _later(ctx, tx, agreement, EffectKind.RELEASE, due)
    elif retained is not None and status is AgreementStatus.SETTLED:
        changed = _with_milestone(changed, retained, "paid")
    await tx.agreements.save(changed)
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


HANDLERS: dict[str, Handler] = {
    "opened": _opened,
    "claimed": _claimed,
    "contested": _contested,
    "paid_milestone": _paid_milestone,
    "delivered": _delivered,
    "disputed": _disputed,
    "credited": _credited,
    "advanced": _advanced,
    "withdrawn": _withdrawn,
    "kept": _kept,
    "replaced": _replaced,
    "state": _state,
}
"""Event name → what it means."""
