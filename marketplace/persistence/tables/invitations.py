"""Invitations by link: digests of links and codes only."""

from sqlalchemy import CheckConstraint, Index

from marketplace.domain.invitations import InvitationStatus
from marketplace.persistence.columns import instant, one_of, reference, serial, text, whole
from marketplace.persistence.tables.base import counted

invitations = counted(
    "invitations",
    serial(),
    text("id", unique=True),
    reference("order_id", "orders.id", index=True),
    reference("invited_by", "organisations.id"),
    text("registry_party_id"),
    text("party_name"),
    text("email"),
    text("origin"),
    instant("created_at"),
    instant("expires_at"),
    text("status"),
    text("token_hash", nullable=True, unique=True),
    text("code_hash", nullable=True),
    instant("code_until", nullable=True),
    instant("code_asked_at", nullable=True),
    whole("codes"),
    whole("tries"),
    reference("account_id", "accounts.id", nullable=True, index=True),
    text("note", nullable=True),
    one_of("status", InvitationStatus),
    CheckConstraint("(code_hash IS NULL) = (code_until IS NULL)", name="code"),
    CheckConstraint("(status = 'used') = (account_id IS NOT NULL)", name="used"),
    CheckConstraint("codes >= 0 AND tries >= 0", name="counts"),
    Index(None, "email", "created_at"),
)
