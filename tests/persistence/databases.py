"""Databases of our own: a SQLite file a test, and one PostgreSQL database a session, emptied before each test.

Nothing is dropped or emptied before the server has said that it is ours.
"""

import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import Table

from marketplace.persistence.database import Database
from marketplace.persistence.tables import metadata
from tests.support import require_server

SERVER = "host=127.0.0.1 port=5432 user=postgres connect_timeout=3"
PREFIX = "lso_test_"


@contextmanager
def postgresql_database() -> Iterator[str]:
    """The URL of a new, empty database with a random name, dropped in the end."""
    name = PREFIX + secrets.token_hex(6)
    try:
        server = psycopg.connect(SERVER, autocommit=True)
    except psycopg.OperationalError as error:
        require_server(f"PostgreSQL on 127.0.0.1:5432 cannot be reached: {error}".splitlines()[0])
    with server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        # What survives a power cut is not tested here; the disk's fsync would be most of the time.
        server.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(name)))
        try:
            yield f"postgresql+psycopg://postgres@127.0.0.1:5432/{name}"
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def empty(url: str) -> None:
    """Delete every row and count from 1 again; only in a database that is named like ours."""
    wanted = url.rsplit("/", 1)[1]
    with psycopg.connect(f"{SERVER} dbname={wanted}", autocommit=True) as connection:
        row = connection.execute("SELECT current_database()").fetchone()
        assert row == (wanted,), f"this is {row}, not {wanted}"
        assert wanted.startswith(PREFIX), f"{wanted} is no test database"
        # DELETE and setval: TRUNCATE makes new files for each table, which costs a second on a busy disk.
        emptied = [part for table in reversed(metadata.sorted_tables) for part in _emptied(table)]
        connection.execute(sql.SQL("; ").join([sql.SQL("BEGIN"), *emptied, sql.SQL("COMMIT")]))


def _emptied(table: Table) -> list[sql.Composed]:
    counters = [key.name for key in table.primary_key if key.autoincrement is True]
    restart = sql.SQL("SELECT setval(pg_get_serial_sequence({}, {}), 1, false)")
    return [
        sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)),
        *(restart.format(sql.Literal(table.name), sql.Literal(name)) for name in counters),
    ]


async def new_file(path: Path) -> Path:
    """A migrated SQLite file without rows, to be copied."""
    database = Database(f"sqlite:///{path}")
    await database.migrate()
    await database.close()
    return path


def copied(template: Path, folder: Path) -> str:
    """The URL of a copy of `template`."""
    return f"sqlite:///{shutil.copy(template, folder / 'business.db')}"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A database object, closed in the end."""
    database = Database(url)
    try:
        yield database
    finally:
        await database.close()
