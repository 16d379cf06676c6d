"""One consistent view of the database, read only, while everybody else goes on writing."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

from bootstrap.doctor.failures import CouldNotLook, clean

AT_ONCE: Final = 500
"""Rows that are fetched, and orders that are looked at, in one go."""
_SQLITE: Final = "sqlite:///"
_POSTGRESQL: Final = ("postgresql+psycopg://", "postgresql://")

Row = dict[str, Any]


class Snapshot(Protocol):
    """A transaction that sees one moment. Every failure is CouldNotLook; every statement has a deadline."""

    def rows(self, sql: str, *values: Any) -> Iterator[Row]:
        """The rows, as they come. `?` stands for a value; one statement at a time."""
        ...

    def columns(self, table: str) -> frozenset[str]:
        """The columns of a table, none where it does not exist."""
        ...

    def close(self) -> None:
        """End the transaction."""
        ...


def open_snapshot(url: str, *, patience_s: float) -> Snapshot:
    """The database at a URL as it is now. Raises CouldNotLook."""
    if url.startswith(_SQLITE):
        return _Sqlite(url.removeprefix(_SQLITE), patience_s)
    for scheme in _POSTGRESQL:
        if url.startswith(scheme):
            return _Postgresql("postgresql://" + url.removeprefix(scheme), patience_s)
    raise CouldNotLook("this is no database URL: use sqlite:///path or postgresql+psycopg://…")


def among(column: str, values: Sequence[str]) -> str:
    """The condition that a column is one of so many values."""
    return f"{column} IN ({','.join('?' * len(values))})"


class _Sqlite:
    """A file, by a read-only connection: not even a lock of ours can stop a writer."""

    def __init__(self, path: str, patience_s: float) -> None:
        self._patience_s = patience_s
        self._until = time.monotonic() + patience_s
        if not Path(path).is_file():
            raise CouldNotLook(f"there is no database {path}: name its folder by --data, or set DATABASE_URL")
        try:
            self._db = sqlite3.connect(
                f"file:{quote(str(Path(path).absolute()))}?mode=ro", uri=True, timeout=patience_s, isolation_level=None
            )
            self._db.row_factory = sqlite3.Row
            self._db.set_progress_handler(self._is_late, 100_000)
            self._db.execute("PRAGMA query_only = ON")
            self._db.execute("BEGIN")
            self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on this moment is seen
        except sqlite3.Error as error:
            raise CouldNotLook(f"the database {path} cannot be read: {clean(error)}") from error

    def rows(self, sql: str, *values: Any) -> Iterator[Row]:
        try:
            self._until = time.monotonic() + self._patience_s
            cursor = self._db.execute(sql, values)
            while some := cursor.fetchmany(AT_ONCE):
                yield from (dict(row) for row in some)
                self._until = time.monotonic() + self._patience_s
        except sqlite3.Error as error:
            raise CouldNotLook(f"the database cannot be read: {clean(error)}") from error

    def columns(self, table: str) -> frozenset[str]:
        return frozenset(row["name"] for row in self.rows("SELECT name FROM pragma_table_info(?)", table))

    def close(self) -> None:
        self._db.close()

    def _is_late(self) -> bool:
        return time.monotonic() > self._until


class _Postgresql:
    """REPEATABLE READ, READ ONLY; large results come through a cursor of the server."""

    def __init__(self, url: str, patience_s: float) -> None:
        try:
            import psycopg  # noqa: PLC0415 - an extra, which SQLite needs not
            from psycopg.rows import dict_row  # noqa: PLC0415
            from psycopg.types.string import TextLoader  # noqa: PLC0415
        except ImportError as error:
            raise CouldNotLook("PostgreSQL needs the extra `postgres`: pip install lotsizeone[postgres]") from error
        self._failures = psycopg.Error
        self._names = count(1)
        limit = f"-c statement_timeout={int(patience_s * 1000)} -c lock_timeout={int(patience_s * 1000)}"
        try:
            self._db = psycopg.connect(
                url, connect_timeout=max(2, int(patience_s)), options=f"{limit} -c TimeZone=UTC", row_factory=dict_row
            )
            self._db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            self._db.read_only = True
            # JSON comes as text, as from SQLite: one reader for both.
            self._db.adapters.register_loader("json", TextLoader)
            self._db.execute("SELECT 1")
        except psycopg.Error as error:
            raise CouldNotLook(f"the database cannot be reached: {_first(error)}") from error

    def rows(self, sql: str, *values: Any) -> Iterator[Row]:
        try:
            with self._db.cursor(name=f"doctor_{next(self._names)}") as cursor:
                cursor.itersize = AT_ONCE
                # Statements are our own; only the marks of their values differ between the drivers.
                cursor.execute(sql.replace("?", "%s").encode(), values)
                yield from cursor
        except self._failures as error:
            raise CouldNotLook(f"the database cannot be read: {_first(error)}") from error

    def columns(self, table: str) -> frozenset[str]:
        wanted = "SELECT column_name AS name FROM information_schema.columns WHERE table_name = ?"
        found = self.rows(wanted + " AND table_schema = ANY (current_schemas(false))", table)
        return frozenset(row["name"] for row in found)

    def close(self) -> None:
        self._db.close()


def _first(error: Exception) -> str:
    return clean(str(error).splitlines()[0] if str(error) else type(error).__name__)
