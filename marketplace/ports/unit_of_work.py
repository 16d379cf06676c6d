"""One transaction: what is written together or not at all."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from marketplace.ports.repositories import (
    Agreements,
    ChainCursor,
    Gateway,
    Idempotency,
    Inbox,
    InboxMessage,
    Orders,
    Outbox,
    Parties,
    Production,
    SignatureRequest,
    Signatures,
    StoredAnswer,
    StoredEffect,
    StoredEvent,
)

__all__ = [
    "Agreements",
    "ChainCursor",
    "Gateway",
    "Idempotency",
    "Inbox",
    "InboxMessage",
    "Orders",
    "Outbox",
    "Parties",
    "Production",
    "SignatureRequest",
    "Signatures",
    "StoreUnavailable",
    "StoredAnswer",
    "StoredEffect",
    "StoredEvent",
    "Transaction",
    "UnitOfWork",
]


class StoreUnavailable(Exception):
    """The database cannot be asked just now; trying later makes sense. The text says why."""


class Transaction(Protocol):
    """Everything that one transaction reads and writes."""

    orders: Orders
    agreements: Agreements
    parties: Parties
    inbox: Inbox
    signatures: Signatures
    production: Production
    outbox: Outbox
    cursor: ChainCursor
    idempotency: Idempotency


class UnitOfWork(Protocol):
    """Opens transactions. Leaving the block commits; an exception rolls back."""

    def write(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that may write. Never call out of it. Raises StoreUnavailable, and Conflict for a lost race."""
        ...

    def read(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that only reads, one consistent view. Raises StoreUnavailable."""
        ...
