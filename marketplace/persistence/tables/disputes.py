"""What the two sides of a dispute have shown."""

from sqlalchemy import Boolean, CheckConstraint, Column, LargeBinary, UniqueConstraint

from marketplace.persistence.columns import instant, reference, serial, text, whole
from marketplace.persistence.tables.base import counted

dispute_photos = counted(
    "dispute_photos",
    serial(),
    reference("order_id", "orders.id"),
    text("party_id"),
    text("digest"),
    whole("size"),
    whole("width"),
    whole("height"),
    Column("said", Boolean, nullable=False),
    instant("at"),
    Column("data", LargeBinary, nullable=False),
    UniqueConstraint("order_id", "party_id", "digest"),
    CheckConstraint("size > 0 AND size <= 4194304", name="size"),
)
"""`digest` is keccak-256 of `data`. A photo is of one order, so that nobody finds it by its digest from elsewhere."""
