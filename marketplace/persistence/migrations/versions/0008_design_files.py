"""What customers drew themselves."""

from alembic import op
from sqlalchemy import Column, LargeBinary

from marketplace.persistence.migrations.shorthand import counter, create, instant, json, text, whole

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build."""
    create(
        "design_files",
        *text("digest format"),
        *whole("size"),
        *json("facts sketch"),
        Column("data", LargeBinary(), nullable=False),
        key="digest",
        one_of={"format": "svg stl"},
        checks={"size": "size > 0 AND size <= 5242880"},
    )
    create(
        "design_holders",
        counter(),
        *text("digest account_id"),
        *instant("at"),
        key="serial",
        unique=["digest account_id"],
        references={"digest": "design_files.digest", "account_id": "accounts.id"},
        indexes=["digest", "account_id"],
    )
    create(
        "order_designs",
        counter(),
        *text("order_id digest"),
        key="serial",
        unique=["order_id digest"],
        references={"order_id": "orders.id", "digest": "design_files.digest"},
        indexes=["order_id", "digest"],
    )


def downgrade() -> None:
    """Take away."""
    for table in ("order_designs", "design_holders", "design_files"):
        op.drop_table(table)
