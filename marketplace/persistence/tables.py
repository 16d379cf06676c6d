"""The tables, and the domain's rules that the database guards itself.

`serial` columns count rows in the order in which they were written. Keys ending in `_key` are the folded form under
which a name must be unique (e-mail addresses, 0x-addresses), beside the form that was given.
"""

from sqlalchemy import Boolean, CheckConstraint, Column, Date, Index, LargeBinary, MetaData, Table, UniqueConstraint
from sqlalchemy.schema import SchemaItem

from marketplace.domain.agreement import AgreementKind, AgreementStatus
from marketplace.domain.order import Status
from marketplace.domain.parties import Role
from marketplace.domain.production import JobState
from marketplace.persistence.columns import instant, json_value, one_of, reference, serial, text, whole
from marketplace.ports.push import PushKind

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)


def _counted(name: str, *parts: SchemaItem) -> Table:
    """A table whose primary key counts its rows."""
    return Table(name, metadata, *parts, sqlite_autoincrement=True)


organisations = _counted(
    "organisations",
    serial(),
    text("id", unique=True),
    text("name", unique=True),
    text("kind"),
    text("address", nullable=True),
    text("registry_party_id", nullable=True, unique=True),
    one_of("kind", Role),
)

accounts = _counted(
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
)

gateways = _counted(
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

inbox_messages = _counted(
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

devices = _counted(
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

orders = Table(
    "orders",
    metadata,
    text("id", primary_key=True),
    text("status"),
    whole("version"),
    text("customer_id"),
    text("manufacturer_id"),
    text("product_id"),
    whole("product_version"),
    json_value("configuration"),
    whole("amount"),
    Column("deliver_by", Date, nullable=False),
    text("payer_address"),
    text("handover_hash"),
    text("client_reference"),
    instant("placed_at"),
    json_value("choices"),
    json_value("price", nullable=True),
    json_value("excluded_suppliers"),
    text("waiting_reason", nullable=True),
    text("delivery_id", nullable=True),
    json_value("supply_ids"),
    json_value("to_sign"),
    text("quote_digest", nullable=True),
    instant("firm_until", nullable=True),
    Column("production_started", Boolean, nullable=False),
    whole("done"),
    whole("of"),
    text("step"),
    Column("handed_over", Boolean, nullable=False),
    Column("accepted_by_customer", Boolean, nullable=False),
    one_of("status", Status),
    CheckConstraint("version > 0", name="version"),
    CheckConstraint("amount > 0", name="amount"),
    Index(None, "customer_id", "placed_at", "id"),
    Index(None, "manufacturer_id", "placed_at", "id"),
)

order_events = _counted(
    "order_events",
    serial("id"),
    reference("order_id", "orders.id"),
    whole("version"),
    text("name"),
    json_value("data"),
    instant("at"),
    UniqueConstraint("order_id", "version"),
)
"""`version` is the order's version after the event: two writers cannot both write the same one."""

agreements = _counted(
    "agreements",
    serial(),
    text("id", unique=True),
    reference("order_id", "orders.id", index=True),
    whole("kind"),
    text("address"),
    json_value("terms"),
    text("payer_id", index=True),
    text("payee_id", index=True),
    text("carrier_key", index=True),
    text("description"),
    json_value("lines"),
    text("status"),
    text("payer_signature", nullable=True),
    text("payee_signature", nullable=True),
    json_value("permit", nullable=True),
    json_value("milestone_states"),
    json_value("payouts"),
    one_of("kind", AgreementKind),
    one_of("status", AgreementStatus),
)

signature_requests = _counted(
    "signature_requests",
    serial(),
    text("id", unique=True),
    reference("order_id", "orders.id", index=True),
    reference("agreement_id", "agreements.id", index=True),
    text("organisation_id", index=True),
    text("purpose"),
    text("role"),
    text("signer"),
    json_value("typed_data"),
    whole("deadline"),
    text("status"),
    text("signature", nullable=True),
    text("note", nullable=True),
)

jobs = _counted(
    "jobs",
    serial(),
    text("id", unique=True),
    reference("order_id", "orders.id", index=True),
    reference("agreement_id", "agreements.id", index=True),
    text("organisation_id", index=True),
    text("operation"),
    whole("quantity"),
    json_value("parameters"),
    text("spec_hash"),
    text("gateway", nullable=True),
    whole("due"),
    text("state"),
    whole("done"),
    whole("of"),
    one_of("state", JobState),
)

production_events = _counted(
    "production_events",
    serial(),
    text("gateway"),
    text("epoch"),
    text("lane"),
    whole("seq"),
    text("agreement_id"),
    text("spec_hash"),
    text("job_id"),
    text("kind"),
    whole("code"),
    whole("at_ms"),
    text("station"),
    json_value("value"),
    text("payload_hash"),
    text("body"),
    Column("simulated", Boolean, nullable=False),
    UniqueConstraint("gateway", "epoch", "lane", "seq"),
    CheckConstraint("seq > 0", name="seq"),
    CheckConstraint("code BETWEEN 0 AND 65535", name="code"),
    Index(None, "agreement_id", "gateway"),
)

production_batches = _counted(
    "production_batches",
    serial(),
    text("gateway"),
    text("epoch"),
    text("lane"),
    whole("first"),
    whole("last"),
    text("root"),
    whole("sequence"),
    text("previous"),
    text("signature"),
    UniqueConstraint("gateway", "epoch", "lane", "first"),
    UniqueConstraint("gateway", "epoch", "lane", "sequence"),
    CheckConstraint("first > 0 AND last >= first", name="range"),
)

production_lanes = Table(
    "production_lanes",
    metadata,
    text("gateway", primary_key=True),
    text("epoch", primary_key=True),
    text("lane", primary_key=True),
    whole("acknowledged"),
)
"""A mark below which nothing is missing, so that `acknowledged` need not read a lane from its beginning."""

outbox = _counted(
    "outbox",
    serial("id"),
    text("order_id"),
    text("kind"),
    text("key"),
    text("subject"),
    text("detail"),
    instant("not_before", nullable=True),
    instant("due"),
    text("status"),
    whole("attempts"),
    text("reason", nullable=True),
    instant("finished_at", nullable=True),
    UniqueConstraint("order_id", "kind", "key"),
    one_of("status", ("waiting", "done", "parked")),
    CheckConstraint("attempts >= 0", name="attempts"),
    Index(None, "status", "due"),
)
"""`not_before` is what the effect asked for; `due` is when it can be claimed next, so a lease is a `due` ahead."""

chain_cursor = Table(
    "chain_cursor",
    metadata,
    whole("id", primary_key=True, autoincrement=False),
    whole("number"),
    text("hash"),
    CheckConstraint("id = 1", name="single"),
)

chain_logs = Table(
    "chain_logs",
    metadata,
    text("block_hash", primary_key=True),
    whole("log_index", primary_key=True, autoincrement=False),
)

idempotency_answers = Table(
    "idempotency_answers",
    metadata,
    text("principal", primary_key=True),
    text("route", primary_key=True),
    text("key", primary_key=True),
    text("body_hash"),
    whole("status"),
    text("content_type"),
    Column("body", LargeBinary, nullable=False),
    instant("at"),
)

chain_transactions = _counted(
    "chain_transactions",
    serial(),
    text("key", unique=True),
    text("signer"),
    text("signer_key"),
    whole("nonce"),
    text("raw", nullable=True),
    text("hash", nullable=True),
    text("outcome", nullable=True),
    UniqueConstraint("signer_key", "nonce"),
    one_of("outcome", ("mined", "failed")),
    CheckConstraint("nonce >= 0", name="nonce"),
    CheckConstraint("(raw IS NULL) = (hash IS NULL)", name="signed"),
)

gateway_commands = _counted(
    "gateway_commands",
    serial("id"),
    text("gateway"),
    text("key"),
    text("kind"),
    json_value("body"),
    UniqueConstraint("gateway", "key"),
)
