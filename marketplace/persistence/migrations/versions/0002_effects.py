"""What is remembered of each effect: how often it was claimed, since when it is known, what operators said."""

from alembic import op

from marketplace.persistence.migrations.shorthand import in_list, instant, text, whole

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATUS = "ck_outbox_status"
_LEASE = "ck_outbox_lease"


def upgrade() -> None:
    """Add the columns; what is there counts as never claimed, and as known since it was due."""
    for column in (
        *whole("lease", nullable=True),
        *instant("created_at", nullable=True),
        *text("audit", nullable=True),
    ):
        op.add_column("outbox", column)
    op.execute("UPDATE outbox SET lease = 0, created_at = coalesce(not_before, due)")
    with op.batch_alter_table("outbox", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.alter_column("lease", nullable=False)
        table.alter_column("created_at", nullable=False)
        table.drop_constraint(op.f(_STATUS), type_="check")
        table.create_check_constraint(op.f(_STATUS), in_list("status", "waiting done parked held dropped"))
        table.create_check_constraint(op.f(_LEASE), "lease >= 0")


def downgrade() -> None:
    """Take the columns away; what an operator held or dropped is parked again."""
    op.execute("UPDATE outbox SET status = 'parked' WHERE status IN ('held', 'dropped')")
    with op.batch_alter_table("outbox", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.drop_constraint(op.f(_LEASE), type_="check")
        table.drop_constraint(op.f(_STATUS), type_="check")
        table.create_check_constraint(op.f(_STATUS), in_list("status", "waiting done parked"))
        for name in ("audit", "created_at", "lease"):
            table.drop_column(name)
