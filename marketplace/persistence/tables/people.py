"""Who takes part, and what reaches them."""

from sqlalchemy import Boolean, Column, Index, Table

from marketplace.domain.parties import Role
from marketplace.persistence.columns import instant, json_value, one_of, reference, serial, text, whole
from marketplace.persistence.tables.base import counted, metadata
from marketplace.ports.push import PushKind

organisations = counted(
    "organisations",
    serial(),
    text("id", unique=True),
    text("name", unique=True),
    text("kind"),
    text("address", nullable=True),
    text("registry_party_id", nullable=True, unique=True),
    text("vat_id", nullable=True),
    one_of("kind", Role),
)

accounts = counted(
    "accounts",
    serial(),
    text("id", unique=True),
    text("email"),
    text("email_key", unique=True),
    text("display_name"),
    text("role"),
    text("password_hash"),
    reference("organisation_id", "organisations.id", nullable=True, index=True),
    text("own_address", nullable=True),
    one_of("role", Role),
)

acceptance_rules = Table(
    "acceptance_rules",
    metadata,
    reference("organisation_id", "organisations.id", primary_key=True),
    Column("accept_automatically", Boolean, nullable=False),
    whole("max_total_minor"),
    whole("min_days"),
    whole("min_margin_bps"),
    whole("most_open_orders", nullable=True),
    json_value("products"),
    json_value("blocked_customers"),
    Column("known_customers_only", Boolean, nullable=False),
)

gateways = counted(
    "gateways",
    serial(),
    text("id", unique=True),
    reference("organisation_id", "organisations.id", index=True),
    text("name"),
    text("address"),
    text("address_key", unique=True),
    text("secret_hash"),
)

revoked_tokens = Table("revoked_tokens", metadata, text("jti", primary_key=True), instant("expires_at"))

inbox_messages = counted(
    "inbox_messages",
    serial(),
    text("id", unique=True),
    text("party_id"),
    text("order_id"),
    text("title"),
    text("body"),
    instant("at"),
    Column("read", Boolean, nullable=False),
    Index(None, "party_id", "at"),
)

devices = counted(
    "devices",
    serial(),
    text("id", unique=True),
    text("party_id", index=True),
    text("kind"),
    text("endpoint", unique=True),
    text("p256dh"),
    text("auth"),
    one_of("kind", PushKind),
)
