"""Who is next in rank behind each supply, what supplies may cost, until when suppliers must have answered, and how far
a manufacturer's rule goes."""

import json as json_text
from typing import Any

import sqlalchemy as sa
from alembic import op

from marketplace.persistence.migrations.shorthand import instant, json, text, truth, whole

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_WHOLE = ("supplies_most_minor", "searches")
_RULE = ("min_margin_bps", "products", "blocked_customers", "known_customers_only")


def upgrade() -> None:
    """Add the columns. Orders that are there have nobody next in rank: each decline began a new search."""
    for column in (
        *json("bench", nullable=True),
        *text("offers_digest", nullable=True),
        *whole(" ".join(_WHOLE), nullable=True),
        *instant("firm_by", nullable=True),
    ):
        op.add_column("orders", column)
    op.execute("UPDATE orders SET bench = '[]', supplies_most_minor = 0, searches = 0")
    _count_searches()
    with op.batch_alter_table("orders") as table:
        for name in ("bench", *_WHOLE):
            table.alter_column(name, nullable=False)
    for column in (
        *whole("min_margin_bps most_open_orders", nullable=True),
        *json("products blocked_customers", nullable=True),
        *truth("known_customers_only", nullable=True),
    ):
        op.add_column("acceptance_rules", column)
    rules = "min_margin_bps = 0, products = '[]', blocked_customers = '[]', known_customers_only = false"
    op.execute(f"UPDATE acceptance_rules SET {rules}")  # noqa: S608 - words of ours
    with op.batch_alter_table("acceptance_rules") as table:
        for name in _RULE:
            table.alter_column(name, nullable=False)


def _count_searches() -> None:
    """Deadlines that are running bear the number of the search."""
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id, excluded_suppliers FROM orders")).all()
    counted = [{"id": row.id, "searches": len(_list(row.excluded_suppliers))} for row in rows]
    again = [row for row in counted if row["searches"]]
    if again:
        connection.execute(sa.text("UPDATE orders SET searches = :searches WHERE id = :id"), again)


def _list(stored: Any) -> list[Any]:
    """JSON as each database gives it."""
    return list(json_text.loads(stored) if isinstance(stored, str) else stored)


def downgrade() -> None:
    """Take the columns away."""
    with op.batch_alter_table("acceptance_rules") as table:
        for name in (*reversed(_RULE), "most_open_orders"):
            table.drop_column(name)
    with op.batch_alter_table("orders") as table:
        for name in ("firm_by", *reversed(_WHOLE), "offers_digest", "bench"):
            table.drop_column(name)
