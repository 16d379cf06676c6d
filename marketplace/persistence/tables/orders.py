"""Orders, what happened to them, and the agreements that their parties sign."""

from sqlalchemy import Boolean, CheckConstraint, Column, Date, Index, Table, UniqueConstraint

from marketplace.domain.agreement import AgreementKind, AgreementStatus
from marketplace.domain.dispute import Dispute
from marketplace.domain.order import Status
from marketplace.persistence.columns import instant, json_value, one_of, reference, serial, text, whole
from marketplace.persistence.tables.base import counted, metadata

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
    json_value("bench"),
    text("offers_digest", nullable=True),
    whole("supplies_most_minor"),
    whole("searches"),
    instant("firm_by", nullable=True),
    json_value("promise", nullable=True),
    text("dispute"),
    one_of("status", Status),
    one_of("dispute", Dispute),
    CheckConstraint("version > 0", name="version"),
    CheckConstraint("amount > 0", name="amount"),
    Index(None, "customer_id", "placed_at", "id"),
    Index(None, "manufacturer_id", "placed_at", "id"),
)

order_events = counted(
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

agreements = counted(
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
    text("specification", nullable=True),
    one_of("kind", AgreementKind),
    one_of("status", AgreementStatus),
)

signature_requests = counted(
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
