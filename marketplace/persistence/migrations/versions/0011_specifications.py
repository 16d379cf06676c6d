"""What the terms of an agreement carry the hash of."""

from typing import Literal

from alembic import op

from marketplace.persistence.migrations.shorthand import text

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of agreements that are there it was not kept."""
    recreate: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    kept = {"sqlite_autoincrement": True}
    with op.batch_alter_table("agreements", recreate=recreate, table_kwargs=kept) as table:
        for column in text("specification", nullable=True):
            table.add_column(column)


def downgrade() -> None:
    """Take it away."""
    with op.batch_alter_table("agreements", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.drop_column("specification")
