"""Shorthand for migrations: names in one string, separated by spaces. A version that was released relies on it."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

Columns = Iterable[sa.Column[Any]]


def counter(name: str = "serial") -> sa.Column[Any]:
    """The key that counts rows."""
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True)


def columns(kind: sa.types.TypeEngine[Any], names: str, nullable: bool) -> Columns:
    """Columns of one kind."""
    return [sa.Column(name, kind, nullable=nullable, autoincrement=False) for name in names.split()]


def text(names: str, *, nullable: bool = False) -> Columns:
    """Text columns."""
    return columns(sa.Text(), names, nullable)


def whole(names: str, *, nullable: bool = False) -> Columns:
    """Columns of 64-bit whole numbers."""
    return columns(sa.BigInteger(), names, nullable)


def truth(names: str, *, nullable: bool = False) -> Columns:
    """Columns of truth values."""
    return columns(sa.Boolean(), names, nullable)


def json(names: str, *, nullable: bool = False) -> Columns:
    """JSON columns."""
    return columns(sa.JSON(none_as_null=True), names, nullable)


def instant(names: str, *, nullable: bool = False) -> Columns:
    """Columns of instants."""
    return columns(sa.DateTime(timezone=True), names, nullable)


def in_list(column: str, values: str) -> str:
    """`column IN (…)`."""
    return f"{column} IN (" + ", ".join(f"'{value}'" for value in values.split()) + ")"


def create(
    table: str,
    *columns: sa.Column[Any],
    key: str,
    unique: Iterable[str] = (),
    references: Mapping[str, str] | None = None,
    one_of: Mapping[str, str] | None = None,
    checks: Mapping[str, str] | None = None,
    indexes: Iterable[str] = (),
) -> None:
    """Create a table; lists of names are separated by spaces, constraints are named by the house's convention."""
    conditions = {column: in_list(column, values) for column, values in (one_of or {}).items()} | dict(checks or {})
    op.create_table(
        table,
        *columns,
        sa.PrimaryKeyConstraint(*key.split(), name=f"pk_{table}"),
        *(
            sa.ForeignKeyConstraint(
                [column], [target], name=f"fk_{table}_{column}", deferrable=True, initially="DEFERRED"
            )
            for column, target in (references or {}).items()
        ),
        *(sa.UniqueConstraint(*names.split(), name="_".join(["uq", table, *names.split()])) for names in unique),
        *(sa.CheckConstraint(text, name=op.f(f"ck_{table}_{name}")) for name, text in conditions.items()),
        sqlite_autoincrement=columns[0].autoincrement is True,
    )
    for names in indexes:
        op.create_index("_".join(["ix", table, *names.split()]), table, names.split())
