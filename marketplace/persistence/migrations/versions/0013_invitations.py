"""Companies are invited by link, and say what their VAT id is."""

from typing import Literal

from alembic import op

from marketplace.persistence.migrations.shorthand import counter, create, instant, text, whole

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build; of organisations that are there no VAT id is known."""
    recreate: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    kept = {"sqlite_autoincrement": True}
    with op.batch_alter_table("organisations", recreate=recreate, table_kwargs=kept) as table:
        for column in text("vat_id", nullable=True):
            table.add_column(column)
    create(
        "invitations",
        counter(),
        *text("id order_id invited_by registry_party_id party_name email origin"),
        *instant("created_at expires_at"),
        *text("status"),
        *text("token_hash code_hash", nullable=True),
        *instant("code_until code_asked_at", nullable=True),
        *whole("codes tries"),
        *text("account_id note", nullable=True),
        key="serial",
        unique=["id", "token_hash"],
        references={
            "order_id": "orders.id",
            "invited_by": "organisations.id",
            "account_id": "accounts.id",
        },
        one_of={"status": "open used revoked"},
        checks={
            "code": "(code_hash IS NULL) = (code_until IS NULL)",
            "used": "(status = 'used') = (account_id IS NOT NULL)",
            "counts": "codes >= 0 AND tries >= 0",
        },
        indexes=["order_id", "account_id", "email created_at"],
    )


def downgrade() -> None:
    """Take away."""
    op.drop_table("invitations")
    with op.batch_alter_table("organisations", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.drop_column("vat_id")
