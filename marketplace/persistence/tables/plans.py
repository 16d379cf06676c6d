"""What is held of machines' time, and what was learned from it."""

from sqlalchemy import CheckConstraint, Index, Table

from marketplace.persistence.columns import json_value, reference, text, whole
from marketplace.persistence.tables.base import metadata

plans = Table(
    "plans",
    metadata,
    text("organisation_id", primary_key=True),
    whole("version"),
    whole("lessons"),
    CheckConstraint("version > 0 AND lessons >= 0", name="version"),
)
"""One row for each manufacturer: its version is what writers compare and swap."""

plan_holds = Table(
    "plan_holds",
    metadata,
    reference("order_id", "orders.id", primary_key=True),
    text("organisation_id"),
    whole("version"),
    json_value("slots"),
    whole("expires", nullable=True),
    json_value("lesson"),
    whole("promised"),
    whole("worked", nullable=True),
    whole("taken", nullable=True),
    Index(None, "organisation_id", "version"),
    Index(None, "organisation_id", "taken", "version"),
)
"""An order's latest hold, by the plan's version in which it changed; without slots once it was released."""
