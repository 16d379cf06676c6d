"""Statements that SQLite and PostgreSQL spell alike and SQLAlchemy keeps in two dialects."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Column, Executable, Select, Table, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from marketplace.persistence.engines import READS_ONLY
from marketplace.persistence.late import Connection, Row, postponed


def is_postgresql(connection: Connection) -> bool:
    """Whether the transaction runs on PostgreSQL."""
    return connection.dialect.name == "postgresql"


class Held:
    """A SELECT whose rows a transaction that writes keeps from other writers until its end (PostgreSQL).

    What a use case reads, changes and replaces is then never replaced by somebody else in between. Make it once, with
    named parameters: to make a statement takes as long as to send it.
    """

    def __init__(self, wanted: Select[Any]) -> None:
        self._reading = wanted
        self._keeping = wanted.with_for_update(key_share=True)

    def on(self, connection: Connection) -> Select[Any]:
        """The statement for this transaction."""
        return self._reading if reads_only(connection) else self._keeping


def reads_only(connection: Connection) -> bool:
    """Whether nothing can be written in the transaction."""
    begun = connection.sync_connection
    return begun is not None and READS_ONLY in begun.get_execution_options()


async def insert_once(connection: Connection, table: Table, row: Row) -> bool:
    """Insert `row`; False, and nothing written, where one of the table's unique names is taken."""
    if postponed(connection, table, [row]):
        return True
    key: Column[Any] = next(iter(table.primary_key))
    insertion = _insertion(table, is_postgresql(connection), (key,))
    return (await connection.execute(insertion, row)).first() is not None


async def insert_missing(
    connection: Connection, table: Table, rows: Sequence[Row], *returning: Column[Any]
) -> Sequence[Any]:
    """Insert those of `rows` whose unique names are free; gives the columns `returning` of those that were inserted."""
    if not rows:
        return ()
    written = await connection.execute(_insertion(table, is_postgresql(connection), returning), rows)
    return written.all() if returning else ()


async def upsert(connection: Connection, table: Table, row: Row, *names: str) -> None:
    """Insert `row`, or replace the row with the same `names`."""
    await connection.execute(_replacement(table, is_postgresql(connection), tuple(row), names), row)


_LOCK = select(func.pg_advisory_xact_lock(bindparam("number", type_=BigInteger)))


@cache
def _insertion(table: Table, on_postgresql: bool, returning: tuple[Column[Any], ...]) -> Executable:
    """INSERT … ON CONFLICT DO NOTHING, made once for all rows: to make it takes longer than to send it."""
    insert = postgresql.insert(table) if on_postgresql else sqlite.insert(table)
    insertion = insert.on_conflict_do_nothing()
    return insertion.returning(*returning) if returning else insertion


@cache
def _replacement(table: Table, on_postgresql: bool, columns: tuple[str, ...], names: tuple[str, ...]) -> Executable:
    """INSERT … ON CONFLICT (names) DO UPDATE of the other columns."""
    insert = postgresql.insert(table) if on_postgresql else sqlite.insert(table)
    rest = {name: insert.excluded[name] for name in columns if name not in names}
    return insert.on_conflict_do_update(index_elements=names, set_=rest)


async def serialise(connection: Connection, number: int) -> None:
    """Wait until no other open transaction holds lock `number`; keep it until the end of this one.

    SQLite has one writer at a time anyway.
    """
    if is_postgresql(connection):
        await connection.execute(_LOCK, {"number": number})
