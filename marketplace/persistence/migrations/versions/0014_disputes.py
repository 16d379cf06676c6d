"""Where an order's dispute is, and the photos that its two sides have shown."""

from alembic import op
from sqlalchemy import Column, LargeBinary

from marketplace.persistence.migrations.shorthand import counter, create, in_list, instant, text, truth, whole

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody could open a dispute here before; what the chain alone knows of one is told when it goes on."""
    for column in text("dispute", nullable=True):
        op.add_column("orders", column)
    op.execute("UPDATE orders SET dispute = 'none'")
    with op.batch_alter_table("orders") as table:
        table.alter_column("dispute", nullable=False)
        table.create_check_constraint(op.f("ck_orders_dispute"), in_list("dispute", "none sent open decided"))
    create(
        "dispute_photos",
        counter(),
        *text("order_id party_id digest"),
        *whole("size width height"),
        *truth("said"),
        *instant("at"),
        Column("data", LargeBinary(), nullable=False),
        key="serial",
        unique=["order_id party_id digest"],
        references={"order_id": "orders.id"},
        checks={"size": "size > 0 AND size <= 4194304"},
    )


def downgrade() -> None:
    """Take away."""
    op.drop_table("dispute_photos")
    with op.batch_alter_table("orders") as table:
        table.drop_constraint(op.f("ck_orders_dispute"), type_="check")
        table.drop_column("dispute")
