"""Programs of others, and the codes they trade for tokens."""

from sqlalchemy import CheckConstraint

from marketplace.domain.clients import SCOPES, ClientKind
from marketplace.persistence.columns import instant, json_value, one_of, reference, serial, text
from marketplace.persistence.tables.base import counted

oauth_clients = counted(
    "oauth_clients",
    serial(),
    text("id", unique=True),
    reference("organisation_id", "organisations.id", index=True),
    reference("account_id", "accounts.id", nullable=True),
    text("name"),
    text("kind"),
    text("scope"),
    json_value("redirect_uris"),
    text("secret_hash", nullable=True),
    json_value("former_secrets"),
    instant("created_at"),
    one_of("kind", ClientKind),
    one_of("scope", SCOPES),
    CheckConstraint("(kind = 'partner') = (secret_hash IS NOT NULL)", name="secret"),
    CheckConstraint("(kind = 'partner') = (account_id IS NOT NULL)", name="account"),
)
"""Hashes of secrets only: the one that was given last, and those that are good for a while beside it."""

oauth_codes = counted(
    "oauth_codes",
    serial(),
    text("code_hash", unique=True),
    reference("client_id", "oauth_clients.id", index=True),
    reference("account_id", "accounts.id"),
    text("redirect_uri"),
    text("scope"),
    text("challenge"),
    instant("expires_at"),
    instant("forget_at", index=True),
    text("token_id", nullable=True),
    one_of("scope", SCOPES),
)
"""A code that was used stays as long as its token lives: who brings it again takes the token away."""
