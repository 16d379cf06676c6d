"""Bringing a database to this version's tables. Two processes may start at once: one works, the other waits."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.persistence.engines import LOCK_TIMEOUT_S, Engines, open_engines
from marketplace.ports.unit_of_work import StoreUnavailable

SCRIPTS = Path(__file__).parent / "migrations"

MIGRATION_LOCK = 0x6C736F01
"""Advisory lock held while PostgreSQL's tables change ("lso" and a number)."""


async def upgrade(url: str) -> None:
    """Bring the database at `url` up to date."""
    engines = open_engines(url)
    try:
        await migrate(engines)
    finally:
        await engines.dispose()


async def migrate(engines: Engines) -> None:
    """Bring the tables up to date in one transaction; nothing happens where they are."""
    async with asyncio.timeout(2 * LOCK_TIMEOUT_S):
        while True:
            try:
                return await _migrate(engines)
            except (OperationalError, StoreUnavailable) as error:
                # The first switch of a new file to WAL does not queue for the lock (SQLite: "locked" at once).
                if not engines.on_sqlite or "locked" not in str(error):
                    raise
                await asyncio.sleep(0.05)


async def _migrate(engines: Engines) -> None:
    if engines.on_sqlite:
        # The transaction begins with BEGIN IMMEDIATE, which is the lock.
        async with engines.write.connect() as connection, _keys_unwatched(connection), connection.begin():
            await connection.run_sync(_to_head)
        return
    async with engines.write.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATION_LOCK})
        await connection.run_sync(_to_head)


@asynccontextmanager
async def _keys_unwatched(connection: AsyncConnection) -> AsyncIterator[None]:
    """SQLite changes a table by making it anew; to drop the old one would break every key that points to it.

    So keys are looked at once, when all is done (https://sqlite.org/lang_altertable.html, 7). Within a transaction
    SQLite ignores the switch, hence before it.
    """
    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        await driver.execute("PRAGMA foreign_keys=ON")


def _to_head(connection: Connection) -> None:
    """Raises RuntimeError, and nothing is changed, where a row would be left that points to nothing."""
    if _is_at_head(connection):
        return
    command.upgrade(configuration(connection), "head")
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise RuntimeError(f"{len(broken)} rows would point to nothing, the first one in {broken[0][0]}")


async def is_current(engines: Engines) -> bool:
    """Whether the tables are those of this version; asks, and changes nothing."""
    if engines.on_sqlite and not os.path.exists(str(engines.read.url.database)):  # noqa: ASYNC240 - one look, at a start
        return False  # to ask would make an empty file
    async with engines.read.begin() as connection:
        return await connection.run_sync(_is_at_head)


def _is_at_head(connection: Connection) -> bool:
    heads = set(ScriptDirectory(str(SCRIPTS)).get_heads())
    return set(MigrationContext.configure(connection).get_current_heads()) == heads


def known_revisions() -> list[str]:
    """Every revision that this version can bring up to date, the newest first."""
    return [script.revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions()]


def configuration(connection: Connection) -> Config:
    """Alembic's configuration without a file; `migrations/env.py` takes the connection from it."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
