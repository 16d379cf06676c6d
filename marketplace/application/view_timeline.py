"""What has happened to an order, in words, as it happens."""

from collections.abc import Sequence
from dataclasses import replace

from marketplace.application.access import concerns, order_for
from marketplace.application.context import Context
from marketplace.application.views import StepsView, TimelineItem
from marketplace.application.wording import TIMELINE
from marketplace.domain.agreement import Agreement
from marketplace.domain.order import Order
from marketplace.domain.parties import Account, Role
from marketplace.ports.unit_of_work import StoredEvent

FOR_SUPPLIERS = frozenset(
    {
        "AgreementsDrafted",
        "AgreementsOpened",
        "ProductionStarted",
        "ProductionProgressed",
        "ProductionFailed",
        "SupplyDelivered",
        "OrderExpired",
        "OrderCancelled",
    }
)
"""What concerns those who only supply or carry: no prices, no names of others."""

SPEAKS_OF_OTHERS = frozenset({"ProductionStarted", "OrderCancelled"})
"""Of these they read that it happened; the detail is another company's station, or the customer's own words."""


async def timeline(ctx: Context, caller: Account, order_id: str, *, after: int = 0) -> tuple[TimelineItem, ...]:
    """The order's items with ids above `after`, as far as the caller may read them. Raises NotFound."""
    async with ctx.uow.read() as tx:
        order = await order_for(tx, caller, order_id)
        agreements = () if _reads_all(caller, order) else await tx.agreements.of_order(order_id)
        events = await tx.orders.events(order_id, after)
    return tuple(shown for event in events if (shown := item_for(caller, order, agreements, event)) is not None)


async def require_visible(ctx: Context, caller: Account, order_id: str) -> None:
    """Raises NotFound where the caller may read nothing of the order."""
    async with ctx.uow.read() as tx:
        await order_for(tx, caller, order_id)


def _reads_all(caller: Account, order: Order) -> bool:
    return caller.role is Role.OPERATOR or caller.party_id in (order.customer_id, order.manufacturer_id)


def item_for(caller: Account, order: Order, agreements: Sequence[Agreement], event: StoredEvent) -> TimelineItem | None:
    """The event as the caller may read it, or None. A supplier reads its own work, and what happens to the order."""
    if _reads_all(caller, order):
        return item(event)
    if event.name not in FOR_SUPPLIERS:
        return None
    match event.name:
        case "SupplyDelivered":
            mine = {agreement.id for agreement in agreements if concerns(agreement, caller)}
            return item(event) if event.data["agreement_id"] in mine else None
        case "ProductionProgressed" | "ProductionFailed":
            own = {
                line for agreement in agreements if agreement.payee_id == caller.party_id for line in agreement.lines
            }
            return item(event) if event.data["operation"] in own else None
    return replace(item(event), detail="") if event.name in SPEAKS_OF_OTHERS else item(event)


async def tail(ctx: Context, *, after: int, limit: int) -> tuple[TimelineItem, ...]:
    """Items of all orders with ids above `after`, for the one tailer of an API process."""
    async with ctx.uow.read() as tx:
        return tuple(item(event) for event in await tx.orders.all_events(after, limit))


async def latest(ctx: Context) -> int:
    """The highest item id, or 0."""
    async with ctx.uow.read() as tx:
        return await tx.orders.last_event_id()


def item(event: StoredEvent) -> TimelineItem:
    """The event in words."""
    title, detail, voucher = TIMELINE[event.name](event.data)
    progressed = event.name == "ProductionProgressed"
    return TimelineItem(
        id=event.id,
        order_id=event.order_id,
        name=event.name,
        title=title,
        detail=detail,
        at=event.at,
        vouched_by=voucher,
        reported_by=event.data.get("reported_by"),
        progress=StepsView(event.data["done"], event.data["of"]) if progressed else None,
    )
