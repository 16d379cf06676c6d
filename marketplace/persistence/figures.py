"""Counts for whoever watches the marketplace: how much waits, how old it is, how far the chain was read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.persistence.engines import Engines
from marketplace.persistence.failures import translated
from marketplace.persistence.tables import chain_cursor, chain_transactions, order_freezes, orders, outbox

OPEN = ("waiting", "parked", "held", "dropped")
"""Named one by one, so that the index finds them among the millions that are done."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Numbers of one moment. `effects` leaves out those that are done; `oldest_due` is of those that may go now.

    Of the chain: the last block that was `read`, the last whose events count (`final`), whether the node is believed.
    """

    effects: Mapping[str, int]
    oldest_due: datetime | None
    orders: Mapping[str, int]
    read: int | None
    final: int | None
    distrusted: bool
    frozen: int
    transactions_pending: int


class SqlFigures:
    """Reads the figures, in one view of the database."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    async def trouble(self) -> tuple[bool, int]:
        """Whether the node is not believed, and how many orders are frozen: cheap enough for a probe."""
        with translated():
            async with self._engines.read.begin() as connection:
                distrusted = await connection.scalar(select(func.count()).where(chain_cursor.c.distrust.is_not(None)))
                return bool(distrusted), await _count(connection, order_freezes.c.thawed_at.is_(None))

    async def read(self, now: datetime) -> Figures:
        """The figures as of `now`. Raises StoreUnavailable."""
        with translated():
            async with self._engines.read.begin() as connection:
                row = (await connection.execute(select(chain_cursor))).mappings().first()
                cursor: Mapping[str, Any] = dict(row or {})
                return Figures(
                    effects=await _counts(connection, outbox.c.status, outbox.c.status.in_(OPEN)),
                    oldest_due=await connection.scalar(
                        select(func.min(outbox.c.due)).where(outbox.c.status == "waiting", outbox.c.due <= now)
                    ),
                    orders=await _counts(connection, orders.c.status),
                    read=cursor.get("number"),
                    final=cursor.get("final_number"),
                    distrusted=cursor.get("distrust") is not None,
                    frozen=await _count(connection, order_freezes.c.thawed_at.is_(None)),
                    transactions_pending=await _count(connection, chain_transactions.c.outcome.is_(None)),
                )


async def _count(connection: AsyncConnection, condition: ColumnElement[bool]) -> int:
    return await connection.scalar(select(func.count()).where(condition)) or 0


async def _counts(connection: AsyncConnection, column: Column[str], *conditions: ColumnElement[bool]) -> dict[str, int]:
    rows = await connection.execute(select(column, func.count()).where(*conditions).group_by(column))
    return {row[0]: row[1] for row in rows}
