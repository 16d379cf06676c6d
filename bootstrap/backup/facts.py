"""What a manifest says of a database, asked by SQL that both databases understand."""

from collections.abc import Callable, Sequence
from typing import Any

from bootstrap.backup.manifest import BackupRefused, Facts
from marketplace.persistence.tables import metadata

Ask = Callable[[str], Sequence[tuple[Any, ...]]]
TABLES = tuple(sorted(metadata.tables))
REVISIONS = "alembic_version"
FIRST_REVISION = "0006"
"""Older tables cannot remember that they came back from a backup."""
_CURSOR = ("number", "hash", "final_number", "final_hash", "head_number", "genesis")


def facts_of(ask: Ask, kind: str, *, schema: str = "", server: str = "") -> Facts:
    """One moment of the database behind `ask`. Raises BackupRefused where its tables are not this version's."""
    cursor = ask(f"SELECT {', '.join(_CURSOR)} FROM chain_cursor")  # noqa: S608
    return Facts(
        kind=kind,
        revision=str(ask(f"SELECT version_num FROM {REVISIONS}")[0][0]),  # noqa: S608
        counts={table: int(ask(f"SELECT count(*) FROM {table}")[0][0]) for table in TABLES},  # noqa: S608
        cursor=dict(zip(_CURSOR, cursor[0], strict=True)) if cursor else {},
        schema=schema,
        server=server,
    )


def require_known(revision: str, known: Sequence[str]) -> None:
    """Raises BackupRefused unless the revision is one that this release can bring up to date."""
    if revision not in known:
        raise BackupRefused(
            f"the backup's tables are of revision {revision}, which this release does not know: use a newer one"
        )
