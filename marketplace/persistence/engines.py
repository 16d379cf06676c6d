"""Connections. SQLite: one writing connection a process, which is the queue of its writers, and a few that read.

PostgreSQL: one pool for transactions, a small one for single questions. Every wait has a deadline: for a connection,
for a lock, for a statement.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from marketplace.persistence.columns import dump_json
from marketplace.persistence.failures import translate_at_once
from marketplace.persistence.watchdog import watch

LOCK_TIMEOUT_S = 30
"""How long a transaction waits for its turn. The longest wait measured with 8 busy writers was 1.4 s."""

READERS = 4
"""Connections that read SQLite at the same time; each is a thread."""

STATEMENT_TIMEOUT_S = 60
"""How long PostgreSQL works on one statement, or waits for the next one of an open transaction."""

CONNECT_TIMEOUT_S = 10
"""How long a server may take to answer a new connection."""

KEEPALIVE = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
"""Half a minute after a computer vanished PostgreSQL forgets its locks, and it the lost server."""


_NO_TRANSACTION = "lotsizeone_no_transaction"


READS_ONLY = "reads_only"
_HOLDS_NOTHING = {READS_ONLY: True}
"""An option of engines whose transactions write nothing, and so keep no row from others."""


class UnknownDatabase(ValueError):
    """The URL names no database that we can use."""


@dataclass(frozen=True, slots=True)
class Engines:
    """Where writing and reading transactions begin; on PostgreSQL from one pool."""

    write: AsyncEngine
    read: AsyncEngine
    single: AsyncEngine
    """For one question at a time: no transaction is begun or ended around it."""

    @property
    def on_sqlite(self) -> bool:
        """Whether this is a file."""
        return self.write.dialect.name == "sqlite"

    async def dispose(self) -> None:
        """Close every connection."""
        for engine in (self.single, self.read, self.write):
            await engine.dispose()


def open_engines(
    url: str, lock_timeout_s: int = LOCK_TIMEOUT_S, *, transaction_timeout_s: float | None = None
) -> Engines:
    """Engines for `sqlite:///file` or `postgresql://…`. Nothing is connected yet. Raises UnknownDatabase.

    `lock_timeout_s` bounds each wait for a turn: a connection, a lock. `transaction_timeout_s` bounds a transaction on
    PostgreSQL, whatever it waits for, a silent network too.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UnknownDatabase("this is no database URL: use sqlite:///path or postgresql+psycopg://…") from error
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed, lock_timeout_s)
        case "postgresql":
            return _postgresql(parsed, lock_timeout_s, transaction_timeout_s)
        case other:
            raise UnknownDatabase(f"{other} is not supported: use sqlite:///path or postgresql+psycopg://…")


def _postgresql(url: URL, lock_timeout_s: int, transaction_timeout_s: float | None) -> Engines:
    from psycopg import AsyncRawCursor  # noqa: PLC0415 - an extra: there may be none where the database is a file

    limits = {
        "timezone": "UTC",
        "lock_timeout": f"{lock_timeout_s}s",
        "statement_timeout": f"{STATEMENT_TIMEOUT_S}s",
        "idle_in_transaction_session_timeout": f"{STATEMENT_TIMEOUT_S}s",
        "tcp_keepalives_idle": KEEPALIVE["keepalives_idle"],
        "tcp_keepalives_interval": KEEPALIVE["keepalives_interval"],
        "tcp_keepalives_count": KEEPALIVE["keepalives_count"],
    }
    options = " ".join(f"-c {name}={value}" for name, value in limits.items())
    connecting = {
        "connect_timeout": min(lock_timeout_s, CONNECT_TIMEOUT_S),
        "options": options,
        "cursor_factory": AsyncRawCursor,
    }
    common = {
        "pool_timeout": lock_timeout_s,
        "json_serializer": dump_json,
        # PostgreSQL's own placeholders: the driver need not read each statement to find its own.
        "paramstyle": "numeric_dollar",
        "use_native_hstore": False,  # it would be asked for with the driver's placeholders
        "connect_args": connecting | KEEPALIVE,
    }
    url = url.set(drivername="postgresql+psycopg")
    engine = create_async_engine(url, pool_size=5, max_overflow=5, **common)
    # Connections of their own: to take one of the others out of its transactions and back took as long as a question.
    single = create_async_engine(url, pool_size=2, max_overflow=3, isolation_level="AUTOCOMMIT", **common)
    for one in (engine, single):
        watch(one.sync_engine, transaction_timeout_s)
        translate_at_once(one.sync_engine)
    # One consistent view for whoever only reads; the pool is the same.
    reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True, **_HOLDS_NOTHING)
    return Engines(write=engine, read=reader, single=single.execution_options(**_HOLDS_NOTHING))


def _sqlite(url: URL, lock_timeout_s: int) -> Engines:
    if not url.database or url.database == ":memory:" or url.query:
        raise UnknownDatabase("SQLite needs a file (sqlite:///path): several connections share it")
    if not Path(url.database).absolute().parent.is_dir():
        raise UnknownDatabase(f"the folder of {url.database} does not exist: create it first")
    url = url.set(drivername="sqlite+aiosqlite")
    reader = _sqlite_engine(url, lock_timeout_s, READERS, "BEGIN", "query_only=ON")
    return Engines(
        write=_sqlite_engine(url, lock_timeout_s, 1, "BEGIN IMMEDIATE", "journal_mode=WAL"),
        read=reader,
        single=reader.execution_options(**{_NO_TRANSACTION: True}),
    )


def _sqlite_engine(url: URL, lock_timeout_s: int, connections: int, begin: str, pragma: str) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=lock_timeout_s,
        json_serializer=dump_json,
        # isolation_level=None: the driver begins nothing by itself, so that BEGIN IMMEDIATE is the first word.
        connect_args={"timeout": lock_timeout_s, "isolation_level": None},
    )

    def prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        # FULL: a commit is on the disk before anybody acts on it; the money depends on it.
        for setting in ("synchronous=FULL", "foreign_keys=ON", pragma):
            cursor.execute(f"PRAGMA {setting}")
        cursor.close()

    def start(connection: Connection) -> Any:
        if not connection.get_execution_options().get(_NO_TRANSACTION):
            connection.exec_driver_sql(begin)

    def end_transaction(connection: Any, *_: Any) -> None:
        # Closing alone would not: a statement that was cancelled between its rows keeps a closed connection, and with
        # it the lock, alive until somebody collects its cursor.
        connection.run_async(lambda driver: asyncio.shield(driver.rollback()))

    event.listen(engine.sync_engine, "connect", prepare)
    event.listen(engine.sync_engine, "invalidate", end_transaction)
    event.listen(engine.sync_engine, "begin", start)
    translate_at_once(engine.sync_engine)
    return engine
