"""The one way in which an order changes: load, decide, write, in the caller's transaction."""

from dataclasses import replace

from marketplace.application.context import Context
from marketplace.domain.agreement import AgreementStatus
from marketplace.domain.commands import Command
from marketplace.domain.errors import NotFound
from marketplace.domain.lifecycle import decide
from marketplace.domain.order import Order, Status
from marketplace.ports.unit_of_work import Transaction

VOIDS = frozenset({Status.PLACED, Status.REJECTED, Status.EXPIRED, Status.CANCELLED})
"""Statuses in which terms that were drafted, and requests to sign them, are void."""


async def apply(ctx: Context, tx: Transaction, order_id: str, command: Command) -> Order:
    """The order after `command`. Raises NotFound, InvalidTransition, Conflict."""
    order = await tx.orders.get(order_id)
    if order is None:
        raise NotFound("order")
    now = ctx.clock.now()
    decision = decide(order, command, now)
    if decision.events:
        await tx.orders.save(decision.order, decision.events, decision.effects, now)
        if decision.order.status in VOIDS and order.status not in VOIDS:
            await _void(tx, order_id)
    elif decision.effects:
        await tx.outbox.add(order_id, decision.effects, now)
    return decision.order


async def _void(tx: Transaction, order_id: str) -> None:
    for agreement in await tx.agreements.of_order(order_id):
        if agreement.status in (AgreementStatus.DRAFTED, AgreementStatus.SIGNED):
            await tx.agreements.save(replace(agreement, status=AgreementStatus.VOID))
            for request in await tx.signatures.of_agreement(agreement.id):
                if request.status == "open":
                    await tx.signatures.save(replace(request, status="void"))
