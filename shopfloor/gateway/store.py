"""The gateway's one file: SQLite in WAL with synchronous=FULL, held exclusively by one process.

Open never refuses: a file that fails `quick_check` is moved aside (kept for a person to look at) and a new one,
with a new epoch, takes its place, so no identity (gateway, epoch, lane, seq) is ever used twice.
"""

import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lane(
  lane TEXT PRIMARY KEY, next_seq INTEGER NOT NULL, acked INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record(
  lane TEXT NOT NULL, seq INTEGER NOT NULL, job TEXT NOT NULL, what TEXT NOT NULL, kind TEXT NOT NULL,
  agreement TEXT NOT NULL,
  chain_id INTEGER NOT NULL, factory TEXT NOT NULL, body TEXT NOT NULL, leaf BLOB NOT NULL,
  PRIMARY KEY(lane, seq)) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS record_once ON record(job, what) WHERE what <> '';
CREATE TABLE IF NOT EXISTS head(
  agreement TEXT PRIMARY KEY, hash TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch(
  first INTEGER PRIMARY KEY, last INTEGER NOT NULL UNIQUE, root TEXT NOT NULL, sequence INTEGER NOT NULL UNIQUE,
  previous TEXT NOT NULL, signature TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS quarantine(
  lane TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY(lane, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job(
  job_id TEXT PRIMARY KEY, command_id INTEGER NOT NULL, content TEXT NOT NULL, content_hash TEXT NOT NULL,
  state TEXT NOT NULL CHECK(state IN ('received','accepted','refused','closed')),
  abort INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS job_open ON job(command_id) WHERE state IN ('received','accepted');
CREATE TABLE IF NOT EXISTS rejected_command(
  command_id INTEGER PRIMARY KEY, reason TEXT NOT NULL);
"""


class SpoolError(Exception):
    """The spool cannot keep its promise; the gateway stops and its supervisor starts it again."""


class SpoolBusy(SpoolError):
    """Another process holds this spool."""


class SpoolWriteFailed(SpoolError):
    """A commit failed (disk full, fsync error): nothing after it is acknowledged."""


class Store:
    """One connection, one writer at a time; safe to call from several threads."""

    def __init__(self, path: Path) -> None:
        """Open or create `path`. Raises SpoolBusy, SpoolWriteFailed."""
        self.path = path
        self.set_aside: Path | None = None  # where a corrupt file went
        self._lock = threading.RLock()
        self._depth = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = self._open()
        except sqlite3.OperationalError as error:
            raise _translated(error) from error
        except sqlite3.DatabaseError:
            self.set_aside = _move_aside(path)
            self._db = self._open()
        self.epoch = self._epoch()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=0.5, isolation_level=None, check_same_thread=False)
        try:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA locking_mode=EXCLUSIVE")
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise sqlite3.DatabaseError("quick_check failed")
            db.executescript(_SCHEMA)
        except BaseException:
            db.close()
            raise
        return db

    def _epoch(self) -> str:
        with self.transaction():
            self.execute("INSERT OR IGNORE INTO meta VALUES('epoch', ?)", secrets.token_hex(8))
            for lane in ("s", "t"):
                self.execute("INSERT OR IGNORE INTO lane VALUES(?, 1, 0)", lane)
            return str(self.rows("SELECT value FROM meta WHERE key='epoch'")[0][0])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is committed (and on disk) together, or not at all; may be nested."""
        with self._lock:
            self._depth += 1
            try:
                if self._depth > 1:
                    yield
                    return
                self._run("BEGIN IMMEDIATE")
                try:
                    yield
                    self._run("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            finally:
                self._depth -= 1

    def _run(self, sql: str, args: Sequence[Any] = ()) -> sqlite3.Cursor:
        try:
            return self._db.execute(sql, args)
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise _translated(error) from error

    def execute(self, sql: str, *args: Any) -> int:
        """Run one statement inside the current transaction; gives the number of rows changed."""
        with self._lock:
            return self._run(sql, args).rowcount

    def rows(self, sql: str, *args: Any) -> list[sqlite3.Row]:
        """All rows of one query."""
        with self._lock:
            return self._run(sql, args).fetchall()

    def close(self) -> None:
        """Close the file; the lock goes with it."""
        with self._lock:
            self._db.close()


def _translated(error: sqlite3.Error) -> SpoolError:
    if "locked" in str(error) or "busy" in str(error):
        return SpoolBusy("another process holds the spool")
    return SpoolWriteFailed(f"the spool does not take the write: {error}")


def _move_aside(path: Path) -> Path:
    number = 1
    while (target := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    path.rename(target)
    for suffix in ("-wal", "-shm"):  # a stale log beside the new file would be replayed into it
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(target.with_name(target.name + suffix))
    return target
