"""How far the chain has been read, what it said, and whose order is frozen."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, insert, select, tuple_, update

from marketplace.persistence.late import Connection
from marketplace.persistence.mapping import columns_of, row_of, value_of
from marketplace.persistence.statements import Held, insert_missing, reads_only, serialise, upsert
from marketplace.persistence.tables import chain_blocks, chain_cursor, chain_events, order_freezes
from marketplace.ports.chain import ChainEvent
from marketplace.ports.chain_cursor import Freeze, Mark, ReadingState, RememberedEvent

_ONLY = 1
"""The cursor is one row."""
_READER_LOCK = 4_001
"""Where the row is not there yet, this keeps a second reader of the chain away."""
_AT_ONCE = 500
"""Rows that one statement names; SQLite takes 32,766 parameters."""

_EVENT_COLUMNS = columns_of(chain_events, RememberedEvent)
_FREEZE_COLUMNS = columns_of(order_freezes, Freeze)
_CURSOR_NOW = select(chain_cursor)
_CURSOR = Held(_CURSOR_NOW)
_IDENTITY = tuple_(chain_events.c.block_hash, chain_events.c.log_index)


class SqlChainCursor:
    """The cursor, the ring and the events, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self) -> ReadingState:
        """The state; a writing transaction keeps other readers of the chain away until its end."""
        if not reads_only(self._connection):
            await serialise(self._connection, _READER_LOCK)
        return await self._state(_CURSOR.on(self._connection))

    async def peek(self) -> ReadingState:
        """The state, as it is just now; keeps nobody away."""
        return await self._state(_CURSOR_NOW)

    async def _state(self, wanted: Select[Any]) -> ReadingState:
        row = (await self._connection.execute(wanted)).first()
        if row is None:
            return ReadingState()
        return ReadingState(
            read=_mark(row.number, row.hash),
            final=_mark(row.final_number, row.final_hash),
            head_number=row.head_number,
            head_at=row.head_at,
            genesis=row.genesis,
            distrust=row.distrust,
        )

    async def save(self, state: ReadingState) -> None:
        """Replace the state."""
        row = {
            "id": _ONLY,
            "number": state.read and state.read.number,
            "hash": state.read and state.read.hash,
            "final_number": state.final and state.final.number,
            "final_hash": state.final and state.final.hash,
            "head_number": state.head_number,
            "head_at": state.head_at,
            "genesis": state.genesis,
            "distrust": state.distrust,
        }
        await upsert(self._connection, chain_cursor, row, "id")

    async def remember(self, marks: Collection[Mark], *, keep_from: int) -> None:
        """Add blocks to the ring and drop those below `keep_from`."""
        for mark in marks:
            await upsert(self._connection, chain_blocks, row_of(chain_blocks, mark), "number")
        await self._connection.execute(delete(chain_blocks).where(chain_blocks.c.number < keep_from))

    async def ring(self) -> Sequence[Mark]:
        """The blocks that are remembered, the highest first; below the ring those of events, while they are known."""
        blocks = await self._connection.execute(select(chain_blocks.c.number, chain_blocks.c.hash))
        known = {row.number: row.hash for row in blocks}
        spoken = select(chain_events.c.block, chain_events.c.block_hash).where(~chain_events.c.orphaned).distinct()
        if known:
            spoken = spoken.where(chain_events.c.block < min(known))
        known |= {row.block: row.block_hash for row in await self._connection.execute(spoken)}
        return [Mark(number, known[number]) for number in sorted(known, reverse=True)]

    async def add(self, events: Sequence[ChainEvent], *, applied: bool) -> None:
        """Remember events; those that are known already stay as they are."""
        rows = [row_of(chain_events, event, applied=applied, orphaned=False) for event in events]
        await insert_missing(self._connection, chain_events, rows)

    async def due(self, up_to: int) -> Sequence[RememberedEvent]:
        """Events of blocks up to `up_to` that were not applied yet, in chain order."""
        return await self._events(_in_order().where(~chain_events.c.applied, chain_events.c.block <= up_to))

    async def between(self, first: int, last: int) -> Sequence[RememberedEvent]:
        """The events of blocks `first` to `last` that no fork took away, in chain order."""
        inside = chain_events.c.block.between(first, last)
        return await self._events(_in_order().where(inside, ~chain_events.c.orphaned))

    async def of_agreements(self, agreement_ids: Collection[str]) -> Sequence[RememberedEvent]:
        """Everything that was said of these agreements, orphans included, in chain order."""
        return await self._events(_in_order().where(chain_events.c.agreement_id.in_(agreement_ids)))

    async def mark_applied(self, events: Collection[RememberedEvent]) -> None:
        """They have had their effect."""
        for some in _pieces(events):
            await self._connection.execute(update(chain_events).where(_IDENTITY.in_(some)).values(applied=True))

    async def forget_above(self, number: int) -> Sequence[RememberedEvent]:
        """A fork: drop from ring and events what stands above block `number`; applied events become orphans."""
        above = chain_events.c.block > number
        await self._connection.execute(delete(chain_blocks).where(chain_blocks.c.number > number))
        await self._connection.execute(delete(chain_events).where(above, ~chain_events.c.applied))
        orphans = await self._events(_in_order().where(above, ~chain_events.c.orphaned))
        await self._connection.execute(update(chain_events).where(above).values(orphaned=True))
        return orphans

    async def back_again(self, events: Sequence[ChainEvent]) -> None:
        """Orphans that stand again where they stood are none."""
        for some in _pieces(events):
            await self._connection.execute(update(chain_events).where(_IDENTITY.in_(some)).values(orphaned=False))

    async def drop(self, events: Collection[RememberedEvent]) -> None:
        """Forget these events."""
        for some in _pieces(events):
            await self._connection.execute(delete(chain_events).where(_IDENTITY.in_(some)))

    async def _events(self, wanted: Select[Any]) -> Sequence[RememberedEvent]:
        return [value_of(RememberedEvent, row) for row in (await self._connection.execute(wanted)).mappings()]


class SqlFreezes:
    """Frozen orders, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def open(self) -> Sequence[Freeze]:
        """Those that are frozen now, the oldest first."""
        wanted = select(*_FREEZE_COLUMNS).where(order_freezes.c.thawed_at.is_(None)).order_by(order_freezes.c.serial)
        return [value_of(Freeze, row) for row in (await self._connection.execute(wanted)).mappings()]

    async def freeze(self, freeze: Freeze) -> bool:
        """Freeze an order; False if it is frozen already."""
        if any(known.order_id == freeze.order_id for known in await self.open()):
            return False
        await self._connection.execute(insert(order_freezes).values(row_of(order_freezes, freeze)))
        return True

    async def thaw(self, order_id: str, at: datetime) -> bool:
        """Let it go on; False if it is not frozen."""
        frozen = update(order_freezes).where(order_freezes.c.order_id == order_id, order_freezes.c.thawed_at.is_(None))
        return (await self._connection.execute(frozen.values(thawed_at=at))).rowcount == 1


def _mark(number: int | None, block_hash: str | None) -> Mark | None:
    return None if number is None or block_hash is None else Mark(number, block_hash)


def _in_order() -> Select[Any]:
    return select(*_EVENT_COLUMNS).order_by(chain_events.c.block, chain_events.c.log_index, chain_events.c.block_hash)


def _pieces(events: Collection[ChainEvent] | Collection[RememberedEvent]) -> list[list[tuple[str, int]]]:
    keys = [(event.block_hash, event.log_index) for event in events]
    return [keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE)]
