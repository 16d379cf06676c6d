"""The one way in which an order changes: load, decide, write, in the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from marketplace.application.context import Context
from marketplace.application.planned import follow
from marketplace.domain.agreement import AgreementStatus
from marketplace.domain.commands import Command
from marketplace.domain.effects import Effect
from marketplace.domain.errors import NotFound
from marketplace.domain.events import (
    Event,
    OrderCancelled,
    OrderExpired,
    OrderRejected,
    SearchReopened,
    SupplierCountered,
    SupplierDeclined,
    SupplierSilent,
)
from marketplace.domain.lifecycle import decide
from marketplace.domain.order import Order, Status
from marketplace.ports.unit_of_work import Transaction

VOIDS = frozenset({Status.PLACED, Status.REJECTED, Status.EXPIRED, Status.CANCELLED})
"""Statuses in which terms that were drafted, and requests to sign them, are void."""

WHY_VOID: Mapping[type[Event], str] = {
    SupplierSilent: "the time to answer has passed, and another supplier is asked",
    SupplierDeclined: "the supplier has declined, and another one is asked",
    SupplierCountered: "the supplier has asked for other terms",
    SearchReopened: "suppliers are looked for again",
    OrderRejected: "the manufacturer does not make this order",
    OrderExpired: "the quote has lapsed",
    OrderCancelled: "the customer has withdrawn",
}
"""What whoever comes too late reads: nobody's name, nobody's price."""


async def apply(ctx: Context, tx: Transaction, order_id: str, command: Command) -> Order:
    """The order after `command`. Raises NotFound, InvalidTransition, Conflict."""
    return await apply_each(ctx, tx, order_id, [command])


async def apply_each(ctx: Context, tx: Transaction, order_id: str, commands: Sequence[Command]) -> Order:
    """The order after all of `commands`, one after the other, written once. Raises as `apply` does."""
    before = order = await tx.orders.get(order_id)
    if before is None or order is None:
        raise NotFound("order")
    now = ctx.clock.now()
    events: list[Event] = []
    effects: list[Effect] = []
    for command in commands:
        decision = decide(order, command, now)
        order = decision.order
        events += decision.events
        effects += decision.effects
    if events:
        await tx.orders.save(order, events, effects, now)
        await follow(tx, before, order, now)
        gone = _drafts(before) if order.status in VOIDS else _drafts(before) - _drafts(order)
        if gone and before.status not in VOIDS:
            why = next((WHY_VOID[type(event)] for event in reversed(events) if type(event) in WHY_VOID), None)
            await _void(tx, order_id, gone, why)
    elif effects:
        await tx.outbox.add(order_id, effects, now)
    return order


def _drafts(order: Order) -> set[str]:
    return {one for one in (order.delivery_id, *order.supply_ids) if one}


async def _void(tx: Transaction, order_id: str, gone: set[str], why: str | None) -> None:
    for agreement in await tx.agreements.of_order(order_id):
        if agreement.id in gone and agreement.status in (AgreementStatus.DRAFTED, AgreementStatus.SIGNED):
            await tx.agreements.save(replace(agreement, status=AgreementStatus.VOID))
            for request in await tx.signatures.of_agreement(agreement.id):
                if request.status == "open":
                    await tx.signatures.save(replace(request, status="void", note=why))
