"""What has happened to an order, in words, as it happens."""

from marketplace.application.access import order_for
from marketplace.application.context import Context
from marketplace.application.views import StepsView, TimelineItem
from marketplace.application.wording import TIMELINE
from marketplace.domain.parties import Account
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


async def timeline(ctx: Context, caller: Account, order_id: str, *, after: int = 0) -> tuple[TimelineItem, ...]:
    """The order's items with ids above `after`. Raises NotFound."""
    async with ctx.uow.read() as tx:
        order = await order_for(tx, caller, order_id)
        events = await tx.orders.events(order_id, after)
    full = caller.party_id in (order.customer_id, order.manufacturer_id)
    return tuple(item(event) for event in events if full or event.name in FOR_SUPPLIERS)


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
