"""Event rows. They are written last in a transaction, and on PostgreSQL under one lock until it has committed:
their ids then grow in commit order, and a reader that goes on from the last id it saw misses none.

The lock is the last one a transaction takes, so it closes no circle of waits, and it is held for an insert and a
commit only. (A filter by transaction id would not do: the order in which ids are drawn is not that of transaction
ids.)
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.domain.events import Event
from marketplace.persistence.mapping import columns_of, event_data, value_of
from marketplace.persistence.statements import Row, serialise
from marketplace.persistence.tables import order_events
from marketplace.ports.unit_of_work import StoredEvent

EVENT_LOCK = 0x6C736F04

_COLUMNS = columns_of(order_events, StoredEvent)


class EventLog:
    """The events of one transaction, and those of all before it."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._waiting: list[Row] = []

    def append(self, order_id: str, first_version: int, events: Sequence[Event], now: datetime) -> None:
        """Keep events for the end of the transaction; the first leads to `first_version` of the order."""
        for version, event in enumerate(events, first_version):
            name, data = event_data(event)
            self._waiting.append({"order_id": order_id, "version": version, "name": name, "data": data, "at": now})

    async def flush(self) -> None:
        """Write them."""
        if self._waiting:
            await serialise(self._connection, EVENT_LOCK)
            await self._connection.execute(insert(order_events), self._waiting)
            self._waiting = []

    async def of_order(self, order_id: str, after: int) -> Sequence[StoredEvent]:
        """An order's events with ids above `after`."""
        return await self._read(select(*_COLUMNS).where(order_events.c.order_id == order_id, order_events.c.id > after))

    async def of_all(self, after: int, limit: int) -> Sequence[StoredEvent]:
        """At most `limit` events with ids above `after`."""
        return await self._read(select(*_COLUMNS).where(order_events.c.id > after).limit(limit))

    async def last_id(self) -> int:
        """The highest id, or 0."""
        await self.flush()
        return await self._connection.scalar(select(func.max(order_events.c.id))) or 0

    async def _read(self, wanted: Select[Any]) -> Sequence[StoredEvent]:
        await self.flush()
        rows = (await self._connection.execute(wanted.order_by(order_events.c.id))).mappings()
        return [value_of(StoredEvent, row) for row in rows]
