"""What a chain event changes in what we know of its agreement. Nothing here reaches the order or the outbox."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from marketplace.application.context import Context
from marketplace.domain.agreement import Agreement, AgreementStatus, OnChain, Payout, arrived
from marketplace.domain.evidence import EventCode
from marketplace.ports.chain import ChainEvent
from marketplace.ports.unit_of_work import Transaction

Projection = Callable[[Context, Transaction, Agreement, ChainEvent], Awaitable[Agreement]]


async def project(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> Agreement:
    """The agreement after the event; the same one where the event says nothing of it."""
    projection = PROJECTIONS.get(event.name)
    return agreement if projection is None else await projection(ctx, tx, agreement, event)


async def _opened(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> Agreement:
    return replace(agreement, status=AgreementStatus.OPEN)


async def _claimed(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> Agreement:
    matures_at = int(event.fields["matures_at"])
    proved_ms = (matures_at - 1 - agreement.terms.contest_window) * 1000
    return _with_milestone(agreement, int(event.fields["milestone"]), "proved", proved_ms)


def _with_milestone(agreement: Agreement, index: int, state: str, at_ms: int | None = None) -> Agreement:
    """The agreement with a milestone in another state; its instant stays where none is given."""
    _, before_ms = agreement.milestone_states.get(index, (state, 0))
    changed = {index: (state, before_ms if at_ms is None else at_ms)}
    return replace(agreement, milestone_states={**agreement.milestone_states, **changed})


async def _contested(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> Agreement:
    return _with_milestone(agreement, int(event.fields["milestone"]), "contested")


async def _paid_milestone(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> Agreement:
    return _with_milestone(agreement, int(event.fields["milestone"]), "paid")


async def _delivered(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> Agreement:
    delivered_ms = int(event.fields["at"]) * 1000
    retained = agreement.terms.milestone_for(EventCode.RETAINED)
    changed = agreement if retained is None else _with_milestone(agreement, retained, "waiting", delivered_ms)
    if agreement.status is AgreementStatus.DISPUTED:  # a dispute goes on, with another question
        return changed
    return replace(changed, status=AgreementStatus.DELIVERED)


async def _credited(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> Agreement:
    party, amount = str(event.fields["party"]), int(event.fields["amount_minor"])
    address = {"payee": agreement.terms.payee, "payer": agreement.terms.payer}.get(party)
    if address is None:
        address = (await _fee_receiver(ctx)).lower()
    return _with_payout(agreement, Payout(party, address, amount))


async def _fee_receiver(ctx: Context) -> str:
    # Known since the first read of this chain: the adapter keeps the parameters, so no call leaves the transaction.
    return (await ctx.chain.parameters()).fee_receiver


async def _advanced(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> Agreement:
    supply = await tx.agreements.get(str(event.fields["supply_id"]))
    address = supply.address if supply else ""
    return _with_payout(agreement, Payout("supply", address, int(event.fields["amount_minor"]), paid=True))


async def _replaced(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> Agreement:
    successor = await tx.agreements.get(str(event.fields["successor_id"]))
    address = successor.address if successor else ""
    return _with_payout(agreement, Payout("successor", address, int(event.fields["amount_minor"]), paid=True))


def _with_payout(agreement: Agreement, payout: Payout) -> Agreement:
    return replace(agreement, payouts=(*agreement.payouts, payout))


async def _withdrawn(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> Agreement:
    party, amount = str(event.fields["party"]), int(event.fields["amount_minor"])
    return replace(agreement, payouts=arrived(agreement.payouts, party, amount))


async def _state(ctx: Context, tx: Transaction, agreement: Agreement, event: ChainEvent) -> Agreement:
    status = AgreementStatus(OnChain(int(event.fields["state"])).name.lower())
    changed = replace(agreement, status=status)
    retained = agreement.terms.milestone_for(EventCode.RETAINED)
    if retained is not None and status is AgreementStatus.SETTLED:
        changed = _with_milestone(changed, retained, "paid")
    return changed


PROJECTIONS: dict[str, Projection] = {
    "opened": _opened,
    "claimed": _claimed,
    "contested": _contested,
    "paid_milestone": _paid_milestone,
    "delivered": _delivered,
    "credited": _credited,
    "advanced": _advanced,
    "withdrawn": _withdrawn,
    "replaced": _replaced,
    "state": _state,
}
"""Event name → what it changes in its agreement."""
