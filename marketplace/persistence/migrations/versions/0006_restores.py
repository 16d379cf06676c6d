"""When a database came back from a backup, and agreements that only the chain knew then."""

from alembic import op

from marketplace.persistence.migrations.shorthand import counter, create, instant, json, text, whole

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build."""
    create(
        "restores",
        counter(),
        *instant("made_at restored_at"),
        *text("digest"),
        *whole("held"),
        *whole("up_to_block", nullable=True),
        *instant("caught_up_at", nullable=True),
        key="serial",
        checks={"held": "held >= 0", "caught_up": "caught_up_at IS NULL OR up_to_block IS NOT NULL"},
    )
    create(
        "lost_agreements",
        counter(),
        *text("id address status transaction"),
        *text("order_id", nullable=True),
        *whole("kind block"),
        *json("terms milestone_states payouts"),
        *instant("found_at"),
        key="serial",
        unique=["id"],
        one_of={"status": "drafted signed open delivered retained disputed settled refunded resolved void"},
        checks={"kind": "kind IN (1, 2)"},
    )


def downgrade() -> None:
    """Take away."""
    op.drop_table("lost_agreements")
    op.drop_table("restores")
