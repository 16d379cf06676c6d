"""Every attempt of a transaction.

The signed bytes move into a table of their own, so that a replacement adds a row instead of overwriting one. The old
table is read, dropped and built anew: the same steps on SQLite and PostgreSQL.
"""

from typing import Any

import rlp  # type: ignore[import-untyped]
import sqlalchemy as sa
from alembic import op

from marketplace.persistence.migrations.shorthand import counter, create, instant, text, whole

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_OUTCOMES = {"outcome": "mined failed"}
_OLD = "key signer signer_key nonce raw hash outcome"
_NEW = "key signer signer_key nonce outcome"


def upgrade() -> None:
    """Build."""
    rows = _rows("chain_transactions", _OLD, "serial")
    op.drop_table("chain_transactions")
    create(
        "chain_transactions",
        counter(),
        *text("key signer signer_key"),
        *whole("nonce"),
        *instant("at"),
        *text("outcome", nullable=True),
        *whole("block", nullable=True),
        key="serial",
        unique=["key", "signer_key nonce"],
        one_of=_OUTCOMES,
        checks={"nonce": "nonce >= 0"},
    )
    create(
        "chain_attempts",
        *text("hash key"),
        *whole("number"),
        *text("raw"),
        *whole("max_fee tip"),
        *instant("at"),
        key="hash",
        unique=["key number"],
        references={"key": "chain_transactions.key"},
        checks={"number": "number > 0", "fees": "max_fee >= tip AND tip >= 0"},
    )
    _insert("chain_transactions", [_chosen(row, _NEW) for row in rows], at=True)
    _insert("chain_attempts", [_attempt(row) for row in rows if row["raw"] is not None], at=True)


def downgrade() -> None:
    """Take away: of several attempts the last is kept."""
    last = {row["key"]: row for row in _rows("chain_attempts", "key raw hash number", "number")}
    rows = _rows("chain_transactions", _NEW, "serial")
    op.drop_table("chain_attempts")
    op.drop_table("chain_transactions")
    create(
        "chain_transactions",
        counter(),
        *text("key signer signer_key"),
        *whole("nonce"),
        *text("raw hash outcome", nullable=True),
        key="serial",
        unique=["key", "signer_key nonce"],
        one_of=_OUTCOMES,
        checks={"nonce": "nonce >= 0", "signed": "(raw IS NULL) = (hash IS NULL)"},
    )
    none = {"raw": None, "hash": None}
    _insert("chain_transactions", [row | _chosen(last.get(row["key"], none), "raw hash") for row in rows])


def _rows(table: str, names: str, order: str) -> list[dict[str, Any]]:
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in names.split()]
    found = op.get_bind().execute(sa.select(*columns).select_from(sa.table(table)).order_by(sa.column(order)))
    return [dict(row) for row in found.mappings()]


def _chosen(row: dict[str, Any], names: str) -> dict[str, Any]:
    return {name: row[name] for name in names.split()}


def _insert(table: str, rows: list[dict[str, Any]], *, at: bool = False) -> None:
    """Write rows; nobody noted when those before this version were signed, so they are as old as this migration."""
    if rows:
        target = sa.table(table, *(sa.column(name) for name in [*rows[0], *(["at"] if at else [])]))
        written = sa.insert(target)
        op.get_bind().execute(written.values(at=sa.func.current_timestamp()) if at else written, rows)


def _attempt(row: dict[str, Any]) -> dict[str, Any]:
    """Fees are inside the bytes: type 2, then RLP of [chain id, nonce, tip, maximum fee, …] (EIP-1559)."""
    tip, max_fee = (int.from_bytes(part, "big") for part in rlp.decode(bytes.fromhex(row["raw"][4:]))[2:4])
    return _chosen(row, "hash key raw") | {"number": 1, "max_fee": max_fee, "tip": tip}
