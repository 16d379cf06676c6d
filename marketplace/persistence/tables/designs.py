"""What customers drew themselves: files by their digest, who holds them, and the orders that are made from them."""

from sqlalchemy import CheckConstraint, Column, LargeBinary, Table, UniqueConstraint

from marketplace.domain.product import FileFormat
from marketplace.persistence.columns import instant, json_value, one_of, reference, serial, text, whole
from marketplace.persistence.tables.base import counted, metadata

design_files = Table(
    "design_files",
    metadata,
    text("digest", primary_key=True),
    text("format"),
    whole("size"),
    json_value("facts"),
    json_value("sketch"),
    Column("data", LargeBinary, nullable=False),
    one_of("format", FileFormat),
    CheckConstraint("size > 0 AND size <= 5242880", name="size"),
)
"""`digest` is keccak-256 of `data`. `facts` and `sketch` were measured once, when the file was handed in."""

design_holders = counted(
    "design_holders",
    serial(),
    reference("digest", "design_files.digest", index=True),
    reference("account_id", "accounts.id", index=True),
    instant("at"),
    UniqueConstraint("digest", "account_id"),
)
"""Two people may hand in the same file; each counts it."""

order_designs = counted(
    "order_designs",
    serial(),
    reference("order_id", "orders.id", index=True),
    reference("digest", "design_files.digest", index=True),
    UniqueConstraint("order_id", "digest"),
)
"""An order's files stay, whatever their holder does."""
