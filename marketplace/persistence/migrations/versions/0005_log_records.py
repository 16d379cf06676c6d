"""The log that operators search, and the trace of an effect."""

from contextlib import AbstractContextManager

from alembic import op
from alembic.operations import BatchOperations

from marketplace.persistence.migrations.shorthand import counter, create, instant, json, text, whole

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _outbox() -> AbstractContextManager[BatchOperations]:
    """SQLite would append a column to the text of the table; made anew it reads as if it had always been there."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    kept = {"sqlite_autoincrement": True}
    return op.batch_alter_table("outbox", recreate="always" if on_sqlite else "never", table_kwargs=kept)


def upgrade() -> None:
    """Build."""
    create(
        "log_records",
        counter("id"),
        *instant("timestamp"),
        *text("user_id", nullable=True),
        *json("additional_info"),
        *text("level message source_component source_file"),
        *whole("source_line"),
        key="id",
        one_of={"level": "INFO WARN ERROR FATAL"},
        indexes=["level timestamp", "timestamp"],
    )
    with _outbox() as table:
        for column in text("trace", nullable=True):
            table.add_column(column)


def downgrade() -> None:
    """Take away."""
    with _outbox() as table:
        table.drop_column("trace")
    op.drop_table("log_records")
