"""Programs of others act here, and trade codes for tokens."""

from alembic import op

from marketplace.persistence.migrations.shorthand import counter, create, in_list, instant, json, text

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SCOPE = in_list("scope", "read write").replace(")", ", 'read write')")


def upgrade() -> None:
    """Build."""
    create(
        "oauth_clients",
        counter(),
        *text("id organisation_id"),
        *text("account_id", nullable=True),
        *text("name kind scope"),
        *json("redirect_uris"),
        *text("secret_hash", nullable=True),
        *json("former_secrets"),
        *instant("created_at"),
        key="serial",
        unique=["id"],
        references={"organisation_id": "organisations.id", "account_id": "accounts.id"},
        one_of={"kind": "app partner"},
        checks={
            "scope": SCOPE,
            "secret": "(kind = 'partner') = (secret_hash IS NOT NULL)",
            "account": "(kind = 'partner') = (account_id IS NOT NULL)",
        },
        indexes=["organisation_id"],
    )
    create(
        "oauth_codes",
        counter(),
        *text("code_hash client_id account_id redirect_uri scope challenge"),
        *instant("expires_at forget_at"),
        *text("token_id", nullable=True),
        key="serial",
        unique=["code_hash"],
        references={"client_id": "oauth_clients.id", "account_id": "accounts.id"},
        checks={"scope": SCOPE},
        indexes=["client_id", "forget_at"],
    )


def downgrade() -> None:
    """Take away."""
    for table in ("oauth_codes", "oauth_clients"):
        op.drop_table(table)
