"""Copying a SQLite file while others write to it, and putting a copy in its place.

The online backup API copies pages inside one reading transaction: in WAL mode nobody who writes waits for it, and what
is written meanwhile is not in the copy.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from bootstrap.backup.archive import OWNER_ONLY, Progress, sync_folder
from bootstrap.backup.facts import facts_of
from bootstrap.backup.manifest import BackupRefused, Facts

KIND = "sqlite"
MEMBER = "database.sqlite"
PAGES_AT_ONCE = 1_024
PATIENCE_S = 30.0
BESIDE = ("-wal", "-shm")


def copy(source: Path, to: Path, told: Progress) -> Facts:
    """One moment of `source`, checked. Raises BackupRefused."""
    if not source.exists():
        raise BackupRefused(f"{source} is not there: name its folder by --data")
    to.touch(mode=OWNER_ONLY, exist_ok=False)
    with _translated(source), closing(_open(source)) as living, closing(_open(to)) as still:
        living.execute("PRAGMA query_only = ON")
        living.execute("BEGIN")
        living.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on it is one moment
        living.backup(
            still, pages=PAGES_AT_ONCE, progress=lambda _, left, total: told("copied pages", total - left, total)
        )
        living.execute("ROLLBACK")
        still.execute("PRAGMA journal_mode = DELETE")
        return _examined(still)


def examine(file: Path) -> Facts:
    """What is in a copy. Raises BackupRefused where it is damaged."""
    with _translated(file), closing(_open(file)) as still:
        return _examined(still)


def seal(file: Path, statements: Sequence[str]) -> None:
    """Do all of it or nothing. Raises BackupRefused."""
    with _translated(file), closing(_open(file)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            connection.execute(statement)
        connection.execute("COMMIT")


def close(file: Path) -> None:
    """Bring everything into the one file. Raises BackupRefused while somebody else has it open."""
    with _translated(file), closing(_open(file, patience_s=2.0)) as connection:
        # Only whoever is alone with a file may end its WAL mode.
        connection.execute("PRAGMA journal_mode = DELETE")
    left = [name for name in BESIDE if file.with_name(file.name + name).exists()]
    if left:
        raise BackupRefused(f"{file} is in use: stop API, workers and registry first")


def is_empty(file: Path) -> bool:
    """Whether there is nothing in it that somebody could miss. Raises BackupRefused."""
    if not file.exists() or not file.stat().st_size:
        return True
    with _translated(file), closing(_open(file)) as connection:
        # Tables of our own: a full-text index keeps others, which are never empty.
        own = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        names = [name for (name,) in connection.execute(own)]
        kept = [
            name for name in names if not name.startswith("sqlite_") and name not in ("alembic_version", "log_records")
        ]
        return not any(connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() for name in kept)  # noqa: S608


def put_in_place(file: Path, copied: Path, aside: Path | None) -> None:
    """`copied` becomes `file`, for the same owner; what was there is kept as `aside`."""
    if aside is not None:
        before = file.stat()
        copied.chmod(before.st_mode & 0o777)
        with suppress(PermissionError):  # only root can give a file away, and only root has to
            os.chown(copied, before.st_uid, before.st_gid)
        file.rename(aside)
    copied.rename(file)
    sync_folder(file.parent)


def _open(file: Path, patience_s: float = PATIENCE_S) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{file}?mode=rw", uri=True, timeout=patience_s, isolation_level=None)


def _examined(still: sqlite3.Connection) -> Facts:
    found = [row[0] for row in still.execute("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        raise BackupRefused(f"the database is damaged: {'; '.join(map(str, found))}")
    if still.execute("PRAGMA foreign_key_check").fetchone():
        raise BackupRefused("the database holds rows that refer to nothing: run `lotsizeone doctor`")

    def ask(question: str) -> list[tuple[Any, ...]]:
        return still.execute(question).fetchall()

    return facts_of(ask, KIND, server=sqlite3.sqlite_version)


@contextmanager
def _translated(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if "no such table" in str(error) or "no such column" in str(error):
            told = f"{file} has not this version's tables ({error}): start `lotsizeone worker` once, or look at --data"
            raise BackupRefused(told) from error
        if "locked" in str(error):
            raise BackupRefused(f"{file} is in use: stop API, workers and registry first") from error
        raise BackupRefused(f"{file}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise BackupRefused(f"{file} is damaged, or is no database: {error}") from error
