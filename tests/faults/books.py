"""The database as SQL tells it and the chain as raw JSON-RPC tells it: no line of the product in between."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]
WITNESS = "witness"
"""What PostgreSQL is told who we are, so that a fault that ends sessions can leave ours alone."""


class Database:
    """Questions to SQLite or PostgreSQL, each in a transaction of its own that writes nothing."""

    def __init__(self, url: str) -> None:
        """`sqlite:///file` or `postgresql+psycopg://…`, as the product is told."""
        self._sqlite: sqlite3.Connection | None = None
        if url.startswith("sqlite:///"):
            file = url.removeprefix("sqlite:///")
            self._sqlite = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30, isolation_level=None)
            self._sqlite.row_factory = sqlite3.Row
        else:
            self._url = url.replace("+psycopg", "")
            self._postgresql = self._connect()

    def _connect(self) -> psycopg.Connection[Row]:
        return psycopg.connect(
            self._url, autocommit=True, row_factory=dict_row, connect_timeout=10, application_name=WITNESS
        )

    def rows(self, question: str) -> list[Row]:
        """The rows, by column."""
        if self._sqlite is not None:
            return [dict(row) for row in self._sqlite.execute(question)]
        try:
            return list(self._postgresql.execute(question.encode()))
        except psycopg.OperationalError:
            # The server was away: one more try, with a new connection.
            self._postgresql = self._connect()
            return list(self._postgresql.execute(question.encode()))

    def one(self, question: str) -> Any:
        """The only value of the only row."""
        return next(iter(self.rows(question)[0].values()))

    def close(self) -> None:
        """Close the connection."""
        (self._sqlite or self._postgresql).close()


def plain(value: Any) -> Any:
    """A JSON column: text in SQLite, values in PostgreSQL."""
    return json.loads(value) if isinstance(value, str) else value


class NodeError(Exception):
    """The node answered with an error."""


class Node:
    """A JSON-RPC node."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30.0, trust_env=False)
        self._ids = count(1)

    def ask(self, method: str, *params: object) -> Any:
        """The method's result. Raises NodeError."""
        request = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        answer = self._http.post("/", json=request).json()
        if "error" in answer:
            raise NodeError(f"{method}: {answer['error']}")
        return answer["result"]

    def logs(self, **wanted: object) -> list[Row]:
        """All logs since the first block."""
        found: list[Row] = self.ask("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest", **wanted})
        return found

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


@contextmanager
def books(database_url: str, chain_url: str) -> Iterator[tuple[Database, Node]]:
    """Both, closed in the end."""
    database, node = Database(database_url), Node(chain_url)
    try:
        yield database, node
    finally:
        database.close()
        node.close()


def address_in(word: str) -> str:
    """The address in a topic or a word of data."""
    return "0x" + word[-40:].lower()
