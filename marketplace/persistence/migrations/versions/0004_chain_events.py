"""What the chain said, before it is final.

What was read before this version had its effect at once, so the old cursor becomes the final mark; its events are read
again, without effect, by the next worker.
"""

import sqlalchemy as sa
from alembic import op

from marketplace.persistence.migrations.shorthand import counter, create, instant, json, text, truth, whole

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_CURSOR = sa.table(
    "chain_cursor", *(sa.column(name) for name in ("id", "number", "hash", "final_number", "final_hash"))
)
_BLOCKS = sa.table("chain_blocks", sa.column("number"), sa.column("hash"))


def upgrade() -> None:
    """Build."""
    known = op.get_bind().execute(sa.select(_CURSOR.c.number, _CURSOR.c.hash)).first()
    op.drop_table("chain_cursor")
    op.drop_table("chain_logs")
    _chain_cursor()
    create("chain_blocks", *whole("number"), *text("hash"), key="number")
    _chain_events()
    _order_freezes()
    if known is not None:
        op.bulk_insert(_CURSOR, [{"id": 1, "final_number": known.number, "final_hash": known.hash}])
        op.bulk_insert(_BLOCKS, [{"number": known.number, "hash": known.hash}])


def downgrade() -> None:
    """Take away. What is read but not final is read again by the older version."""
    final = op.get_bind().execute(sa.select(_CURSOR.c.final_number, _CURSOR.c.final_hash)).first()
    for table in ("order_freezes", "chain_events", "chain_blocks", "chain_cursor"):
        op.drop_table(table)
    create("chain_cursor", *whole("id number"), *text("hash"), key="id", checks={"single": "id = 1"})
    create("chain_logs", *text("block_hash"), *whole("log_index"), key="block_hash log_index")
    if final is not None and final.final_number is not None:
        op.bulk_insert(_CURSOR, [{"id": 1, "number": final.final_number, "hash": final.final_hash}])


def _chain_cursor() -> None:
    create(
        "chain_cursor",
        *whole("id"),
        *whole("number final_number head_number head_at", nullable=True),
        *text("hash final_hash genesis distrust", nullable=True),
        key="id",
        checks={
            "single": "id = 1",
            "read": "(number IS NULL) = (hash IS NULL)",
            "final": "(final_number IS NULL) = (final_hash IS NULL)",
        },
    )


def _chain_events() -> None:
    create(
        "chain_events",
        *text("block_hash transaction agreement_id name"),
        *whole("log_index block"),
        *json("fields"),
        *truth("applied orphaned"),
        key="block_hash log_index",
        checks={"orphaned": "applied OR NOT orphaned"},
        indexes=["block", "agreement_id", "applied"],
    )


def _order_freezes() -> None:
    create(
        "order_freezes",
        counter(),
        *text("order_id reason"),
        *whole("block"),
        *instant("at"),
        *instant("thawed_at", nullable=True),
        key="serial",
        references={"order_id": "orders.id"},
    )
    frozen = sa.text("thawed_at IS NULL")
    op.create_index(
        "uq_order_freezes_order_id",
        "order_freezes",
        ["order_id"],
        unique=True,
        sqlite_where=frozen,
        postgresql_where=frozen,
    )
