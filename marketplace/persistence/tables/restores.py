"""When the database came back from a backup, and what the chain then knew that it did not."""

from sqlalchemy import CheckConstraint

from marketplace.domain.agreement import AgreementKind, AgreementStatus
from marketplace.persistence.columns import instant, json_value, one_of, serial, text, whole
from marketplace.persistence.tables.base import counted

restores = counted(
    "restores",
    serial(),
    instant("made_at"),
    instant("restored_at"),
    text("digest"),
    whole("held"),
    whole("up_to_block", nullable=True),
    instant("caught_up_at", nullable=True),
    CheckConstraint("held >= 0", name="held"),
    CheckConstraint("caught_up_at IS NULL OR up_to_block IS NOT NULL", name="caught_up"),
)
"""`made_at` is the backup's. `up_to_block` was the chain's head when it was first read afterwards: until that block is
final and has been read no effect is done. `held` counts the effects that wait for an operator since then."""

lost_agreements = counted(
    "lost_agreements",
    serial(),
    text("id", unique=True),
    text("order_id", nullable=True),
    whole("kind"),
    text("address"),
    json_value("terms"),
    text("status"),
    json_value("milestone_states"),
    json_value("payouts"),
    whole("block"),
    text("transaction"),
    instant("found_at"),
    one_of("kind", AgreementKind),
    one_of("status", AgreementStatus),
)
"""Agreements that our own account opened, and of which nothing else here tells; the order where one can be named."""
