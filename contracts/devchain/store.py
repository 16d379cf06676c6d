"""The one SQLite file: the chain's key-value pairs, and blocks, transactions and logs as people ask for them.

A block is one SQL transaction, so after a hard exit the file holds whole blocks only.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from contracts.devchain.errors import LIMIT_EXCEEDED, RpcError, WrongChainFileError

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pairs (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blocks (
  number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, timestamp INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS transactions (
  hash BLOB PRIMARY KEY, number INTEGER NOT NULL, body TEXT NOT NULL, receipt TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS logs (
  number INTEGER NOT NULL, position INTEGER NOT NULL, address BLOB NOT NULL,
  topic0 BLOB, topic1 BLOB, topic2 BLOB, topic3 BLOB, body TEXT NOT NULL,
  PRIMARY KEY (number, position)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS logs_by_topic ON logs (topic0, number);
CREATE TABLE IF NOT EXISTS pending (hash BLOB PRIMARY KEY, arrival INTEGER NOT NULL, raw BLOB NOT NULL);
"""
MAX_LOGS: Final = 10_000
# Trie nodes are read again and again; this many of them are some 30 MB.
_CACHE_PAIRS: Final = 100_000


class Store:
    """Everything the devchain remembers. Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0.2)
        try:
            self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode=WAL")
            # Money moves on this chain, if only in play: a block that was shown is on the disk.
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_SCHEMA)
        except sqlite3.Error as error:
            self._connection.close()
            raise WrongChainFileError(f"{path.name} cannot be used: {error}") from error
        self.pairs = Pairs(self._connection)

    def close(self) -> None:
        """Gives the file back."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing for what is written inside."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            self.pairs.forget()
            raise
        self._connection.execute("COMMIT")

    def meta(self, key: str) -> str | None:
        """A remembered setting."""
        row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Remembers a setting."""
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def add_block(self, number: int, block_hash: bytes, timestamp: int, body: dict[str, Any]) -> None:
        """Remembers a block; `body` is its JSON-RPC object with transaction hashes."""
        self._connection.execute(
            "INSERT INTO blocks VALUES (?, ?, ?, ?)", (number, block_hash, timestamp, json.dumps(body))
        )

    def add_transaction(self, tx_hash: bytes, number: int, body: dict[str, Any], receipt: dict[str, Any]) -> None:
        """Remembers a mined transaction, its receipt and its logs."""
        self._connection.execute(
            "INSERT INTO transactions VALUES (?, ?, ?, ?)",
            (tx_hash, number, json.dumps(body), json.dumps(receipt)),
        )
        for log in receipt["logs"]:
            topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
            row = [number, int(log["logIndex"], 16), bytes.fromhex(log["address"][2:])]
            row += [*topics, *[None] * (4 - len(topics)), json.dumps(log)]
            self._connection.execute("INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def block(self, key: int | bytes) -> dict[str, Any] | None:
        """A block by number or hash."""
        column = "number" if isinstance(key, int) else "hash"
        return self._object(f"SELECT body FROM blocks WHERE {column} = ?", key)  # noqa: S608 - one of two words

    def mined(self, tx_hash: bytes) -> dict[str, Any] | None:
        """A mined transaction."""
        return self._object("SELECT body FROM transactions WHERE hash = ?", tx_hash)

    def receipt(self, tx_hash: bytes) -> dict[str, Any] | None:
        """The receipt of a mined transaction."""
        return self._object("SELECT receipt FROM transactions WHERE hash = ?", tx_hash)

    def logs(
        self, first: int, last: int, addresses: Sequence[bytes], topics: Sequence[Sequence[bytes]]
    ) -> list[dict[str, Any]]:
        """Logs of the blocks first..last; an empty list of addresses or topics at a place means any."""
        where = ["number BETWEEN ? AND ?"]
        values: list[int | bytes] = [first, last]
        filters = [("address", addresses), *[(f"topic{place}", choice) for place, choice in enumerate(topics)]]
        for column, choice in filters:
            if choice:
                where.append(f"{column} IN ({','.join('?' * len(choice))})")
                values.extend(choice)
        if topics:
            where.append(f"topic{len(topics) - 1} IS NOT NULL")
        query = f"SELECT body FROM logs WHERE {' AND '.join(where)} ORDER BY number, position LIMIT ?"  # noqa: S608 - columns are ours
        rows = self._connection.execute(query, [*values, MAX_LOGS + 1]).fetchall()
        if len(rows) > MAX_LOGS:
            raise RpcError(LIMIT_EXCEEDED, f"more than {MAX_LOGS} logs: ask for fewer blocks")
        return [json.loads(row[0]) for row in rows]

    def add_pending(self, tx_hash: bytes, arrival: int, raw: bytes) -> None:
        """Remembers a transaction that waits for its block."""
        self._connection.execute("INSERT OR REPLACE INTO pending VALUES (?, ?, ?)", (tx_hash, arrival, raw))

    def drop_pending(self, tx_hash: bytes) -> None:
        """Forgets a waiting transaction."""
        self._connection.execute("DELETE FROM pending WHERE hash = ?", (tx_hash,))

    def pending(self) -> list[bytes]:
        """The raw bytes of the waiting transactions in order of arrival."""
        return [bytes(row[0]) for row in self._connection.execute("SELECT raw FROM pending ORDER BY arrival")]

    def _object(self, query: str, key: int | bytes) -> dict[str, Any] | None:
        row = self._connection.execute(query, (key,)).fetchone()
        return None if row is None else dict(json.loads(row[0]))


class Pairs:
    """py-evm's key-value database on the table `pairs`, with a read cache; `AtomicDB` wraps it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cache: dict[bytes, bytes] = {}

    def forget(self) -> None:
        """Drops the cache: after a rollback it holds what the file does not."""
        self._cache.clear()

    def __getitem__(self, key: bytes) -> bytes:
        try:
            return self._cache[key]
        except KeyError:
            row = self._connection.execute("SELECT value FROM pairs WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return self._remember(key, bytes(row[0]))

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO pairs VALUES (?, ?)", (key, value))
        self._remember(key, value)

    def __delitem__(self, key: bytes) -> None:
        self._cache.pop(key, None)
        if self._connection.execute("DELETE FROM pairs WHERE key = ?", (key,)).rowcount == 0:
            raise KeyError(key)

    def __contains__(self, key: bytes) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True

    def _remember(self, key: bytes, value: bytes) -> bytes:
        if len(self._cache) >= _CACHE_PAIRS:
            self._cache.clear()
        self._cache[key] = value
        return value
