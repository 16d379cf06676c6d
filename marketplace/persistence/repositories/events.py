"""Event rows. They are written last in a transaction, and on PostgreSQL under one lock until it has committed:
their ids then grow in commit order, and a reader that goes on from the last id it saw misses none.

The lock is the last one a transaction takes, so it closes no circle of waits, and it is held for an insert and a
commit only. (A filter by transaction id would not do: the order in which ids are drawn is not that of transaction
ids.)
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, insert, select

from marketplace.domain.events import Event
from marketplace.persistence.late import Connection, Row, postponed
from marketplace.persistence.mapping import columns_of, event_data, value_of
from marketplace.persistence.statements import is_postgresql, serialise
from marketplace.persistence.tables import order_events
from marketplace.ports.unit_of_work import StoredEvent

EVENT_LOCK = 0x6C736F04

_COLUMNS = columns_of(order_events, StoredEvent)
_TURN = select(func.pg_advisory_xact_lock(EVENT_LOCK).label("turn")).cte("turn").prefix_with("MATERIALIZED")
_NAMES = ("order_id", "version", "name", "data", "at")
LOCK_AND_INSERT = insert(order_events).from_select(
    _NAMES, select(*(bindparam(name, type_=order_events.c[name].type) for name in _NAMES)).select_from(_TURN)
)
"""One round trip for both: the id is drawn for a row that is there only once the lock is."""
_INSERT = insert(order_events)
_INSERT_IN_ORDER = _INSERT.returning(order_events.c.id, sort_by_parameter_order=True)
"""One statement for many rows, and ids are drawn in their order."""


class EventLog:
    """The events of one transaction, and those of all before it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: list[Row] = []

    def append(self, order_id: str, first_version: int, events: Sequence[Event], now: datetime) -> None:
        """Keep events for the end of the transaction; the first leads to `first_version` of the order."""
        for version, event in enumerate(events, first_version):
            name, data = event_data(event)
            self._waiting.append({"order_id": order_id, "version": version, "name": name, "data": data, "at": now})

    async def flush(self) -> None:
        """Write them."""
        if self._waiting and not postponed(self._connection, order_events, self._waiting):
            await write_events(self._connection, self._waiting)
        self._waiting = []

    async def last_at(self, order_id: str) -> datetime | None:
        """When an order's last event happened; one that is not written yet is the last one."""
        waiting: list[datetime] = [row["at"] for row in self._waiting if row["order_id"] == order_id]
        if waiting:
            return waiting[-1]
        newest = order_events.c.id.desc()
        wanted = select(order_events.c.at).where(order_events.c.order_id == order_id).order_by(newest).limit(1)
        found: datetime | None = await self._connection.scalar(wanted)
        return found

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


async def write_events(connection: Connection, rows: Sequence[Row]) -> None:
    """Write events, their ids in the order of commits."""
    if len(rows) == 1 and is_postgresql(connection):
        await connection.execute(LOCK_AND_INSERT, rows[0])
    elif rows:
        await serialise(connection, EVENT_LOCK)
        await connection.execute(_INSERT_IN_ORDER if is_postgresql(connection) else _INSERT, rows)
