"""A database in a test's hands, by plain SQL, and ways to spoil the rows of one order."""

# ruff: noqa: S608 - statements are put together from this file's own words

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg


class Sql(Protocol):
    """One statement with `?` for values, and the rows that come back."""

    def __call__(self, statement: str, *values: Any) -> list[tuple[Any, ...]]: ...


@contextmanager
def sqlite_in(path: Path) -> Iterator[Sql]:
    """A file; foreign keys are not looked after, which is how rows get lost."""
    with closing(sqlite3.connect(path)) as db:

        def run(statement: str, *values: Any) -> list[tuple[Any, ...]]:
            return db.execute(statement, values).fetchall()

        yield run
        db.commit()


@contextmanager
def postgresql_in(url: str) -> Iterator[Sql]:
    """A database of a server, in the same state of neglect."""
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as db:
        db.execute("SET session_replication_role = replica")

        def run(statement: str, *values: Any) -> list[tuple[Any, ...]]:
            cursor = db.execute(statement.replace("?", "%s").encode(), values)
            return cursor.fetchall() if cursor.description else []

        yield run


@dataclass
class Spoiler:
    """Ways into the rows of one order."""

    sql: Sql
    order: str

    def agreement(self, kind: int = 1) -> str:
        """The id of its delivery, or of its first supply."""
        wanted = "SELECT id FROM agreements WHERE order_id = ? AND kind = ? AND status <> 'void' ORDER BY serial"
        return str(self.sql(wanted, self.order, kind)[0][0])

    def json(self, column: str, change: Callable[[Any], Any], kind: int = 1, table: str = "agreements") -> None:
        """Change a JSON value of an agreement."""
        identity = self.agreement(kind)
        found = self.sql(f"SELECT {column} FROM {table} WHERE id = ?", identity)[0][0]
        value = json.loads(found) if isinstance(found, str) else found
        self.sql(f"UPDATE {table} SET {column} = ? WHERE id = ?", json.dumps(change(value)), identity)

    def set(self, table: str, assignment: str, *values: Any, where: str = "order_id = ?") -> None:
        """Change rows of the order; at least one must be there."""
        found = self.sql(f"SELECT count(*) FROM {table} WHERE {where}", self.order)[0][0]
        assert found, f"nothing to spoil in {table} where {where}"
        self.sql(f"UPDATE {table} SET {assignment} WHERE {where}", *values, self.order)

    def delete(self, table: str, where: str = "order_id = ?") -> None:
        """Lose rows of the order."""
        found = self.sql(f"SELECT count(*) FROM {table} WHERE {where}", self.order)[0][0]
        assert found, f"nothing to lose in {table} where {where}"
        self.sql(f"DELETE FROM {table} WHERE {where}", self.order)


Spoil = Callable[[Spoiler], None]


@dataclass(frozen=True)
class Corruption:
    """What is spoilt, in which order of the situation, and the check that must name it.

    `is_nobodys`: the finding is about the whole and names no order.
    """

    name: str
    check: str
    order: str
    spoil: Spoil
    is_nobodys: bool = False
    also: tuple[str, ...] = ()
    """Checks that see it too, with or without an order."""
