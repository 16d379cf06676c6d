"""The log in the database: written in batches, searched by operators, swept by age. Each call is a transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, String, delete, func, insert, or_, select

from marketplace.persistence.engines import Engines
from marketplace.persistence.failures import translated
from marketplace.persistence.mapping import columns_of, value_of
from marketplace.persistence.tables import LOG_LEVELS, log_records

SWEEP_AT_ONCE = 1_000
"""Rows deleted in one transaction: a sweep of months must not keep other writers waiting."""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record, with the fields of the requirement."""

    id: int
    timestamp: datetime
    user_id: str | None
    additional_info: Mapping[str, Any]
    level: str
    message: str
    source_component: str
    source_file: str
    source_line: int


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What to look for; an empty field asks for nothing. `level` means "this one or worse".

    `component` is the beginning of a component's name, `order` the id of an order that the record names, `text` a part
    of the message in any case.
    """

    level: str = "INFO"
    since: datetime | None = None
    component: str = ""
    order: str = ""
    text: str = ""
    limit: int = 100


_COLUMNS = columns_of(log_records, LogRecord)


class SqlLogRecords:
    """The log of every process that shares this database."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    async def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows (the columns without `id`), all or none. Raises StoreUnavailable, InvalidInput."""
        with translated():
            async with self._engines.write.begin() as connection:
                await connection.execute(insert(log_records), [dict(row) for row in rows])

    async def search(self, query: LogQuery) -> Sequence[LogRecord]:
        """The newest records that fit, oldest of them first. Raises ValueError for an unknown level."""
        wanted = _wanted(query).order_by(log_records.c.id.desc()).limit(query.limit)
        with translated():
            async with self._engines.read.begin() as connection:
                rows = (await connection.execute(wanted)).mappings().all()
        return [value_of(LogRecord, row) for row in reversed(rows)]

    async def sweep(self, level: str, before: datetime) -> int:
        """Delete what is older than `before` of one level; returns how many rows went."""
        columns, gone = log_records.c, 0
        old = select(columns.id).where(columns.level == level, columns.timestamp < before).limit(SWEEP_AT_ONCE)
        while True:
            with translated():
                async with self._engines.write.begin() as connection:
                    some = (await connection.execute(delete(log_records).where(columns.id.in_(old)))).rowcount
            gone += some
            if some < SWEEP_AT_ONCE:
                return gone


def _wanted(query: LogQuery) -> Select[Any]:
    columns = log_records.c
    if query.level not in LOG_LEVELS:
        raise ValueError(f"the level is one of {', '.join(LOG_LEVELS)}")
    wanted = select(*_COLUMNS).where(columns.level.in_(LOG_LEVELS[LOG_LEVELS.index(query.level) :]))
    if query.since is not None:
        wanted = wanted.where(columns.timestamp >= query.since)
    if query.component:
        wanted = wanted.where(columns.source_component.startswith(query.component, autoescape=True))
    if query.order:
        named = columns.additional_info["order_id"].as_string() == query.order
        wanted = wanted.where(or_(named, columns.message.contains(query.order, autoescape=True)))
    if query.text:
        message = func.lower(columns.message, type_=String())
        wanted = wanted.where(message.contains(query.text.lower(), autoescape=True))
    return wanted
