"""What was read of the chain, what was sent to it, and whose order waits for a person because of it."""

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Table, UniqueConstraint
from sqlalchemy import text as sql

from marketplace.persistence.columns import instant, json_value, one_of, reference, serial, text, whole
from marketplace.persistence.tables.base import counted, metadata

chain_cursor = Table(
    "chain_cursor",
    metadata,
    whole("id", primary_key=True, autoincrement=False),
    whole("number", nullable=True),
    text("hash", nullable=True),
    whole("final_number", nullable=True),
    text("final_hash", nullable=True),
    whole("head_number", nullable=True),
    whole("head_at", nullable=True),
    text("genesis", nullable=True),
    text("distrust", nullable=True),
    CheckConstraint("id = 1", name="single"),
    CheckConstraint("(number IS NULL) = (hash IS NULL)", name="read"),
    CheckConstraint("(final_number IS NULL) = (final_hash IS NULL)", name="final"),
)
"""`number` was read last, `final_number` is the last whose events count; `head_at` is in seconds."""

chain_blocks = Table(
    "chain_blocks",
    metadata,
    whole("number", primary_key=True, autoincrement=False),
    text("hash"),
)
"""A ring: the last blocks that were read, by which the common ancestor of two branches is found."""

chain_events = Table(
    "chain_events",
    metadata,
    text("block_hash", primary_key=True),
    whole("log_index", primary_key=True, autoincrement=False),
    whole("block", index=True),
    text("transaction"),
    text("agreement_id", index=True),
    text("name"),
    json_value("fields"),
    Column("applied", Boolean, nullable=False, index=True),
    Column("orphaned", Boolean, nullable=False),
    CheckConstraint("applied OR NOT orphaned", name="orphaned"),
)
"""What the chain says: provisional until `applied`. An orphan was applied, and its block is no longer there."""

order_freezes = counted(
    "order_freezes",
    serial(),
    reference("order_id", "orders.id"),
    whole("block"),
    text("reason"),
    instant("at"),
    instant("thawed_at", nullable=True),
    Index(
        "uq_order_freezes_order_id",
        "order_id",
        unique=True,
        sqlite_where=sql("thawed_at IS NULL"),
        postgresql_where=sql("thawed_at IS NULL"),
    ),
)
"""Orders on which nothing happens by itself; an order is frozen once at a time."""

chain_transactions = counted(
    "chain_transactions",
    serial(),
    text("key", unique=True),
    text("signer"),
    text("signer_key"),
    whole("nonce"),
    instant("at"),
    text("outcome", nullable=True),
    whole("block", nullable=True),
    UniqueConstraint("signer_key", "nonce"),
    one_of("outcome", ("mined", "failed")),
    CheckConstraint("nonce >= 0", name="nonce"),
)
"""A nonce each. `at` is when it was reserved; the outcome is noted at final depth, `block` is where it was found."""

chain_attempts = Table(
    "chain_attempts",
    metadata,
    text("hash", primary_key=True),
    reference("key", "chain_transactions.key"),
    whole("number"),
    text("raw"),
    whole("max_fee"),
    whole("tip"),
    instant("at"),
    UniqueConstraint("key", "number"),
    CheckConstraint("number > 0", name="number"),
    CheckConstraint("max_fee >= tip AND tip >= 0", name="fees"),
)
"""Everything ever signed for a nonce; at most one of them is mined. Fees are in wei per gas."""
