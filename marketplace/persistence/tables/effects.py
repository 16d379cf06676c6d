"""What has to be done outside, and what was answered."""

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, Table, UniqueConstraint

from marketplace.persistence.columns import instant, one_of, serial, text, whole
from marketplace.persistence.tables.base import counted, metadata

EFFECT_STATUSES = ("waiting", "done", "parked", "held", "dropped")
"""Parked: given up, an operator looks. Held: older than a restored backup, an operator says. Dropped: he said no."""

outbox = counted(
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
    whole("lease"),
    instant("created_at"),
    text("audit", nullable=True),
    text("trace", nullable=True),
    UniqueConstraint("order_id", "kind", "key"),
    one_of("status", EFFECT_STATUSES),
    CheckConstraint("attempts >= 0", name="attempts"),
    CheckConstraint("lease >= 0", name="lease"),
    Index(None, "status", "due"),
)
"""`not_before` is what the effect asked for; `due` is when it can be claimed next, so a lease is a `due` ahead.

`lease` counts the claims: whoever holds an older number holds nothing (a fencing token). `audit` keeps a line for each
word of an operator: when, who, what, why.
"""

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
