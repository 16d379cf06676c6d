"""Statements that SQLite and PostgreSQL spell alike and SQLAlchemy keeps in two dialects."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Select, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

Row = dict[str, Any]


def is_postgresql(connection: AsyncConnection) -> bool:
    """Whether the transaction runs on PostgreSQL."""
    return connection.dialect.name == "postgresql"


def held(connection: AsyncConnection, wanted: Select[Any]) -> Select[Any]:
    """`wanted`, its rows kept from other writers until the end of a transaction that writes (PostgreSQL).

    What a use case reads, changes and replaces is then never replaced by somebody else in between.
    """
    begun = connection.sync_connection
    reads_only = begun is not None and begun.get_execution_options().get("postgresql_readonly", False)
    return wanted if reads_only else wanted.with_for_update(key_share=True)


async def insert_once(connection: AsyncConnection, table: Table, row: Row) -> bool:
    """Insert `row`; False, and nothing written, where one of the table's unique names is taken."""
    insert = postgresql.insert(table) if is_postgresql(connection) else sqlite.insert(table)
    key: Column[Any] = next(iter(table.primary_key))
    written = await connection.execute(insert.values(row).on_conflict_do_nothing().returning(key))
    return written.first() is not None


async def insert_missing(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
    """Insert those of `rows` whose unique names are free."""
    if rows:
        insert = postgresql.insert(table) if is_postgresql(connection) else sqlite.insert(table)
        await connection.execute(insert.on_conflict_do_nothing(), rows)


async def upsert(connection: AsyncConnection, table: Table, row: Row, *names: str) -> None:
    """Insert `row`, or replace the row with the same `names`."""
    rest = {name: value for name, value in row.items() if name not in names}
    if is_postgresql(connection):
        on_postgresql = postgresql.insert(table).values(row)
        await connection.execute(on_postgresql.on_conflict_do_update(index_elements=list(names), set_=rest))
    else:
        on_sqlite = sqlite.insert(table).values(row)
        await connection.execute(on_sqlite.on_conflict_do_update(index_elements=list(names), set_=rest))


async def serialise(connection: AsyncConnection, number: int) -> None:
    """Wait until no other open transaction holds lock `number`; keep it until the end of this one.

    SQLite has one writer at a time anyway.
    """
    if is_postgresql(connection):
        await connection.execute(select(func.pg_advisory_xact_lock(number)))
