"""Jobs, and what gateways reported of them."""

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Table, UniqueConstraint

from marketplace.domain.production import JobState
from marketplace.persistence.columns import json_value, one_of, reference, serial, text, whole
from marketplace.persistence.tables.base import counted, metadata

jobs = counted(
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

production_events = counted(
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

production_batches = counted(
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

gateway_commands = counted(
    "gateway_commands",
    serial("id"),
    text("gateway"),
    text("key"),
    text("kind"),
    json_value("body"),
    UniqueConstraint("gateway", "key"),
)
