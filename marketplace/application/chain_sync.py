"""The chain speaks: its events, in order, become what we know of agreements and commands of their orders.

The only place where chain events are translated. The cursor moves in the transaction that applies a block's events.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

from marketplace.application.apply import apply
from marketplace.application.context import Context
from marketplace.application.wording import vouched_by
from marketplace.domain.agreement import ENDED, Agreement, AgreementKind, AgreementStatus, OnChain, Payout
from marketplace.domain.commands import (
    RecordClaim,
    RecordDelivered,
    RecordOpened,
    RecordRefunded,
    RecordSettled,
    RecordSupplyDelivered,
)
from marketplace.domain.effects import Effect, EffectKind
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
    if agreement.kind is AgreementKind.SUPPLY:
        due = refund_at(agreement)
        overdue = Effect(EffectKind.REFUND, f"refund:{agreement.id}", agreement.id, due=due)
        await tx.outbox.add(agreement.order_id, [overdue], ctx.clock.now())
    delivery_id = agreement.id if agreement.kind is AgreementKind.DELIVERY else agreement.terms.parent
    delivery = await tx.agreements.get(delivery_id)
    opened = [
        other for other in await tx.agreements.of_order(agreement.order_id) if other.status is AgreementStatus.OPEN
    ]
    # A batch opens whole or not at all, so the last of its logs completes it.
    if delivery is not None and len(opened) == 1 + delivery.terms.supply_count:
        await apply(ctx, tx, agreement.order_id, RecordOpened(event.transaction, refund_at(delivery)))


def refund_at(agreement: Agreement) -> datetime:
    """From when on anybody may send the money back: one second after delivery date and grace."""
    return _instant(agreement.terms.deliver_by + agreement.terms.grace + 1)


async def _claimed(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    index, matures_at = int(event.fields["milestone"]), int(event.fields["matures_at"])
    proved_ms = (matures_at - 1 - agreement.terms.contest_window) * 1000
    states = {**agreement.milestone_states, index: ("proved", proved_ms)}
    await tx.agreements.save(replace(agreement, milestone_states=states))
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


async def _paid_milestone(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    index = int(event.fields["milestone"])
    _, at_ms = agreement.milestone_states.get(index, ("paid", 0))
    states = {**agreement.milestone_states, index: ("paid", at_ms)}
    await tx.agreements.save(replace(agreement, milestone_states=states))


async def _delivered(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    await tx.agreements.save(replace(agreement, status=AgreementStatus.DELIVERED))
    delivered_at = int(event.fields["at"])
    finalise_at = _instant(delivered_at + agreement.terms.accept_window + 1)
    if agreement.kind is AgreementKind.DELIVERY:
        await apply(ctx, tx, agreement.order_id, RecordDelivered(_instant(delivered_at), finalise_at))
        return
    others = await tx.agreements.of_order(agreement.order_id)
    supplies = [other for other in others if other.kind is AgreementKind.SUPPLY]
    arrived = all(other.status is not AgreementStatus.OPEN for other in supplies)
    supplier = await tx.parties.organisation(agreement.payee_id)
    name = supplier.name if supplier else "the supplier"
    await apply(ctx, tx, agreement.order_id, RecordSupplyDelivered(agreement.id, name, arrived))
    effects = [
        Effect(EffectKind.ASK_ACCEPTANCE, f"acceptance:{agreement.id}", agreement.id),
        Effect(EffectKind.FINALISE, f"finalise:{agreement.id}", agreement.id, due=finalise_at),
    ]
    await tx.outbox.add(agreement.order_id, effects, ctx.clock.now())


async def _credited(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    party, amount = str(event.fields["party"]), int(event.fields["amount_minor"])
    address = {"payee": agreement.terms.payee, "payer": agreement.terms.payer}.get(party)
    if address is None:
        address = (await _fee_receiver(ctx)).lower()
    payouts = (*agreement.payouts, Payout(party, address, amount))
    await tx.agreements.save(replace(agreement, payouts=payouts))
    key = f"pay:{event.block_hash}:{event.log_index}"
    await tx.outbox.add(agreement.order_id, [Effect(EffectKind.PAY_OUT, key, agreement.id, party)], ctx.clock.now())


async def _fee_receiver(ctx: Context) -> str:
    # Known since the first read of this chain: the adapter keeps the parameters, so no call leaves the transaction.
    return (await ctx.chain.parameters()).fee_receiver


async def _advanced(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    supply = await tx.agreements.get(str(event.fields["supply_id"]))
    address = supply.address if supply else ""
    payout = Payout("supply", address, int(event.fields["amount_minor"]), paid=True)
    await tx.agreements.save(replace(agreement, payouts=(*agreement.payouts, payout)))


async def _withdrawn(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    party = str(event.fields["party"])
    payouts = tuple(replace(item, paid=True) if item.party == party else item for item in agreement.payouts)
    await tx.agreements.save(replace(agreement, payouts=payouts))
    await _close(ctx, tx, agreement.order_id)


async def _state(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> None:
    status = AgreementStatus(OnChain(int(event.fields["state"])).name.lower())
    await tx.agreements.save(replace(agreement, status=status))
    if agreement.kind is AgreementKind.DELIVERY and status is AgreementStatus.REFUNDED:
        await apply(ctx, tx, agreement.order_id, RecordRefunded())
    await _close(ctx, tx, agreement.order_id)


async def _close(ctx: Context, tx: Transaction, order_id: str) -> None:
    """An order is settled once every agreement has ended and every cent of it has arrived."""
    if all(_finished(agreement) for agreement in await tx.agreements.of_order(order_id)):
        await apply(ctx, tx, order_id, RecordSettled())


def _finished(agreement: Agreement) -> bool:
    arrived = sum(payout.amount_minor for payout in agreement.payouts if payout.paid)
    return agreement.status in ENDED and arrived == agreement.terms.amount_minor


HANDLERS: dict[str, Handler] = {
    "opened": _opened,
    "claimed": _claimed,
    "paid_milestone": _paid_milestone,
    "delivered": _delivered,
    "credited": _credited,
    "advanced": _advanced,
    "withdrawn": _withdrawn,
    "state": _state,
}
"""Event name → what it means."""
