"""Orders: state, events and effects in one go."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, exists, func, or_, select, tuple_, update

from marketplace.domain.agreement import ZERO_ADDRESS, AgreementKind, AgreementStatus
from marketplace.domain.effects import Effect
from marketplace.domain.errors import Conflict, InvalidInput
from marketplace.domain.events import Event
from marketplace.domain.order import Order, Status
from marketplace.persistence.late import Connection
from marketplace.persistence.mapping import row_of, value_of
from marketplace.persistence.outbox import SqlOutbox
from marketplace.persistence.repositories.events import EventLog
from marketplace.persistence.statements import Held, insert_once
from marketplace.persistence.tables import agreements, orders, organisations
from marketplace.ports.unit_of_work import StoredEvent

OPEN = [
    Status.ACCEPTED,
    Status.SOURCING,
    Status.QUOTED,
    Status.CONFIRMED,
    Status.CONTRACTED,
    Status.IN_PRODUCTION,
    Status.PRODUCED,
    Status.SHIPPED,
]
"""Accepted, and still to be made or brought: what fills a manufacturer's hands."""

_BY_ID = Held(select(orders).where(orders.c.id == bindparam("order")))
_OF_AGREEMENTS = Held(
    select(orders)
    .where(
        orders.c.id.in_(
            select(agreements.c.order_id).where(agreements.c.id.in_(bindparam("agreements", expanding=True)))
        )
    )
    .order_by(orders.c.id)
)
_UNCHANGED = update(orders).where(orders.c.id == bindparam("order"), orders.c.version == bindparam("before"))


class SqlOrders:
    """Orders with their events and effects, in one transaction."""

    def __init__(self, connection: Connection, log: EventLog, outbox: SqlOutbox) -> None:
        self._connection = connection
        self._log = log
        self._outbox = outbox
        self._known: dict[str, Order] = {}

    async def get(self, order_id: str) -> Order | None:
        """The order, or None; a writing transaction holds it until its end, so that it need not be read again."""
        if order_id not in self._known:
            asked = _BY_ID.on(self._connection), {"order": order_id}
            row = (await self._connection.execute(*asked)).mappings().first()
            if row is None:
                return None
            self._known[order_id] = value_of(Order, row)
        return self._known[order_id]

    async def hold(self, agreement_ids: Collection[str]) -> None:
        """Keep the orders of these agreements from other writers until the end, taken in the order of their ids."""
        if not agreement_ids:
            return
        asked = _OF_AGREEMENTS.on(self._connection), {"agreements": list(agreement_ids)}
        rows = (await self._connection.execute(*asked)).mappings()
        self._known = {row["id"]: value_of(Order, row) for row in rows} | self._known

    async def save(self, order: Order, events: Sequence[Event], effects: Sequence[Effect], now: datetime) -> None:
        """Write state, events and effects. Raises Conflict when the order is not as it was before `events`."""
        before = order.version - len(events)
        if not await self._write(order, before):
            raise Conflict(f"order {order.id} was changed by somebody else; read it again")
        self._known[order.id] = order
        self._log.append(order.id, before + 1, events, now)
        await self._outbox.add(order.id, effects, now)

    async def _write(self, order: Order, before: int) -> bool:
        row = row_of(orders, order)
        if before == 0:
            return await insert_once(self._connection, orders, row)
        return (await self._connection.execute(_UNCHANGED, {"order": order.id, "before": before, **row})).rowcount == 1

    async def of_customer(self, customer_id: str, limit: int, before: str | None) -> Sequence[Order]:
        """A page of a customer's orders, newest first. Raises InvalidInput if `before` is none of them."""
        return await self._page(orders.c.customer_id == customer_id, limit, before)

    async def of_manufacturer(self, organisation_id: str, limit: int, before: str | None) -> Sequence[Order]:
        """A page of a manufacturer's orders, newest first. Raises InvalidInput if `before` is none of them."""
        return await self._page(orders.c.manufacturer_id == organisation_id, limit, before)

    async def of_party(self, organisation_id: str, limit: int, before: str | None) -> Sequence[Order]:
        """A page of the orders that the organisation supplies, carries or pays for, newest first.

        Void drafts do not count. Raises InvalidInput if `before` is none of them.
        """
        own_address = (
            select(func.lower(organisations.c.address))
            .where(organisations.c.id == organisation_id, organisations.c.address != ZERO_ADDRESS)
            .scalar_subquery()
        )
        supplies = (agreements.c.payee_id == organisation_id) & (agreements.c.kind == AgreementKind.SUPPLY)
        takes_part = or_(supplies, agreements.c.payer_id == organisation_id, agreements.c.carrier_key == own_address)
        of_order = agreements.c.order_id == orders.c.id
        alive = agreements.c.status != AgreementStatus.VOID
        return await self._page(exists().where(of_order, alive, takes_part), limit, before)

    async def _page(self, whose: ColumnElement[bool], limit: int, before: str | None) -> Sequence[Order]:
        place = tuple_(orders.c.placed_at, orders.c.id)
        wanted = select(orders).where(whose)
        if before is not None:
            last = select(orders.c.placed_at).where(orders.c.id == before, whose)
            placed_at = await self._connection.scalar(last)
            if placed_at is None:
                raise InvalidInput("before", "must be the id of the last order of the page above")
            wanted = wanted.where(place < (placed_at, before))
        newest = wanted.order_by(orders.c.placed_at.desc(), orders.c.id.desc()).limit(limit)
        return [value_of(Order, row) for row in (await self._connection.execute(newest)).mappings()]

    async def standing(self, manufacturer_id: str, customer_id: str, without: str) -> tuple[int, int]:
        """How many of the manufacturer's orders beside `without` are accepted and not at an end, and how many of this
        customer's with it are settled."""
        mine = (orders.c.manufacturer_id == manufacturer_id) & (orders.c.id != without)
        settled = (orders.c.customer_id == customer_id) & (orders.c.status == Status.SETTLED)
        counts = [func.count().filter(mine & wanted) for wanted in (orders.c.status.in_(OPEN), settled)]
        found: Sequence[int] = (await self._connection.execute(select(*counts).select_from(orders).where(mine))).one()
        return found[0], found[1]

    async def changed_at(self, order_id: str) -> datetime | None:
        """When the order's last event happened, or None."""
        return await self._log.last_at(order_id)

    async def events(self, order_id: str, after: int = 0) -> Sequence[StoredEvent]:
        """The events of an order with ids above `after`, in order."""
        return await self._log.of_order(order_id, after)

    async def all_events(self, after: int, limit: int) -> Sequence[StoredEvent]:
        """The events of all orders with ids above `after`, in commit order."""
        return await self._log.of_all(after, limit)

    async def last_event_id(self) -> int:
        """The highest event id, or 0."""
        return await self._log.last_id()
