"""Machines' time is held for orders, and every quote says what is promised of its day."""

from typing import Literal

from alembic import op

from marketplace.persistence.migrations.shorthand import create, json, text, whole

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Orders of before promise nothing but what the policy said, and hold no time."""
    recreate: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("orders", recreate=recreate) as table:
        for column in json("promise", nullable=True):
            table.add_column(column)
    create(
        "plans",
        *text("organisation_id"),
        *whole("version lessons"),
        key="organisation_id",
        checks={"version": "version > 0 AND lessons >= 0"},
    )
    create(
        "plan_holds",
        *text("order_id organisation_id"),
        *whole("version"),
        *json("slots"),
        *whole("expires", nullable=True),
        *json("lesson"),
        *whole("promised"),
        *whole("worked taken", nullable=True),
        key="order_id",
        references={"order_id": "orders.id"},
        indexes=["organisation_id version", "organisation_id taken version"],
    )


def downgrade() -> None:
    """Take away."""
    for name in ("plan_holds", "plans"):
        op.drop_table(name)
    with op.batch_alter_table("orders") as table:
        table.drop_column("promise")
