"""What was read of the chain, on disk: a hundred thousand orders leave millions of logs, and no machine holds those."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Final

from bootstrap.doctor.abi import FROM_FACTORY, SHAPES, Fact, fields_of, hexed, raw
from bootstrap.doctor.failures import NodeSilent, Unreadable

_SCHEMA: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -32768;
CREATE TABLE logs (
  block INTEGER, place INTEGER, tx BLOB, block_hash BLOB, address BLOB, agreement BLOB, topics BLOB, data BLOB,
  PRIMARY KEY (block, place));
CREATE TABLE clones (agreement BLOB PRIMARY KEY, address BLOB) WITHOUT ROWID;
CREATE TABLE known (agreement BLOB PRIMARY KEY, order_id TEXT) WITHOUT ROWID;
CREATE TABLE units (agreement BLOB PRIMARY KEY, unit TEXT) WITHOUT ROWID;
CREATE TABLE remembered (place TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE parties (address BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE accounts (
  number INTEGER PRIMARY KEY, order_id TEXT, agreement TEXT, clone TEXT, token TEXT, expected TEXT, terms BLOB,
  state TEXT, rest TEXT);
CREATE TABLE sent (tx BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE receipts (
  number INTEGER PRIMARY KEY, key TEXT, hash TEXT, outcome TEXT, block INTEGER, filler INTEGER,
  signer TEXT, nonce INTEGER, call BLOB);
"""
_FACT: Final = "block, place, tx, block_hash, address, agreement, topics, data"


class Spill:
    """A private file that is gone when it is closed. Addresses, ids and hashes are bytes in it."""

    def __init__(self) -> None:
        # An empty name is a temporary database on disk, deleted by SQLite itself.
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_SCHEMA)
        self._opened = hexed(next(topic for topic, shape in SHAPES.items() if shape.name == "Opened"))

    def close(self) -> None:
        """Delete it."""
        self._db.close()

    def rows(self, sql: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a question, as they come."""
        return self._db.execute(sql, values)

    def one(self, sql: str, *values: Any) -> Any:
        """The first column of the first row."""
        found = self._db.execute(sql, values).fetchone()
        return None if found is None else found[0]

    def add(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Rows that are not there yet."""
        self._db.execute("BEGIN")
        for row in rows:
            marks = ",".join("?" * len(row))
            self._db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)  # noqa: S608 - our own names
        self._db.execute("COMMIT")

    def add_logs(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Logs as `(block, place, tx, block hash, address, agreement, topics, data)`. Raises NodeSilent for a place
        that is told twice."""
        self._db.execute("BEGIN")
        try:
            self._db.executemany("INSERT INTO logs VALUES (?,?,?,?,?,?,?,?)", rows)
        except sqlite3.IntegrityError as error:
            raise NodeSilent("the node told one log twice, or another in its place: the chain moved; run again") from (
                error
            )
        self._db.execute("COMMIT")

    def settle(self, factory: str) -> None:
        """Keep what the factory said, and what the clones said that it opened; anybody may log the same topics."""
        ours = raw(factory)
        names = [topic for topic, shape in SHAPES.items() if shape.name in FROM_FACTORY]
        marks = ",".join("?" * len(names))
        self._db.execute(
            # The clone's address is the second topic of `Opened`, behind 12 zero bytes.
            "INSERT OR IGNORE INTO clones SELECT agreement, substr(topics, 77, 20) FROM logs"
            " WHERE address = ? AND substr(topics, 1, 32) = ? ORDER BY block, place",
            (ours, raw(self._opened)),
        )
        self._db.execute(
            "DELETE FROM logs WHERE CASE"  # noqa: S608 - marks only
            f" WHEN substr(topics, 1, 32) IN ({marks}) THEN address <> ?"
            " ELSE NOT EXISTS (SELECT 1 FROM clones"
            " WHERE clones.agreement = logs.agreement AND clones.address = logs.address) END",
            (*names, ours),
        )
        self._db.execute("CREATE INDEX IF NOT EXISTS by_agreement ON logs (agreement, block, place)")
        self._db.execute("CREATE INDEX IF NOT EXISTS by_transaction ON logs (tx)")

    def facts(self, agreement: str, last: int) -> list[Fact]:
        """What the chain says of an agreement up to block `last`, in order."""
        wanted = f"SELECT {_FACT} FROM logs WHERE agreement = ? AND block <= ? ORDER BY block, place"  # noqa: S608
        return [_fact(row) for row in self._db.execute(wanted, (raw(agreement), last))]

    def fact(self, block: int, place: int) -> Fact | None:
        """The log at a place."""
        wanted = f"SELECT {_FACT} FROM logs WHERE block = ? AND place = ?"  # noqa: S608
        row = self._db.execute(wanted, (block, place)).fetchone()
        return None if row is None else _fact(row)

    def known_facts(self, last: int) -> Iterator[tuple[Fact, str]]:
        """Every log up to block `last` of an agreement that has a row, and whose order it is."""
        columns = ", ".join(f"logs.{name}" for name in _FACT.split(", "))
        wanted = (
            f"SELECT {columns}, known.order_id FROM logs JOIN known ON known.agreement = logs.agreement"  # noqa: S608
            " WHERE block <= ?"
        )
        for row in self._db.execute(wanted, (last,)):
            yield _fact(row[:-1]), row[-1]

    def order_of(self, agreement: str) -> str | None:
        """Whose agreement it is."""
        with suppress(ValueError):
            found = self.one("SELECT order_id FROM known WHERE agreement = ?", raw(agreement))
            return None if found is None else str(found)
        return None

    def clone(self, agreement: str) -> str | None:
        """Where the factory said that the agreement is."""
        found = self.one("SELECT address FROM clones WHERE agreement = ?", raw(agreement))
        return None if found is None else hexed(found)

    def count(self, last: int) -> tuple[int, int]:
        """How many logs there are up to block `last`, and after it."""
        before = self.one("SELECT count(*) FROM logs WHERE block <= ?", last)
        return before, self.one("SELECT count(*) FROM logs") - before

    def is_moving(self, agreement: str, last: int) -> bool:
        """Whether something was said of it after block `last`."""
        return (
            self.one("SELECT 1 FROM logs WHERE agreement = ? AND block > ? LIMIT 1", raw(agreement), last) is not None
        )


def _fact(row: tuple[Any, ...]) -> Fact:
    block, place, tx, block_hash, address, _, topics, payload = row
    words = [topics[at : at + 32] for at in range(0, len(topics), 32)]
    try:
        shape = SHAPES[words[0]]
        fields = fields_of(shape, words[1:], payload)
    except Unreadable as error:
        raise NodeSilent(f"the node tells a log that these contracts cannot write: {error}") from error
    return Fact(shape.name, block, place, hexed(block_hash), hexed(tx), hexed(address), fields)
