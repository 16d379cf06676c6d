"""One transaction: what is written together or not at all."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from marketplace.ports.chain_cursor import ChainCursor, Freezes
from marketplace.ports.design_files import DesignFile, DesignFiles, Held
from marketplace.ports.dispute_photos import DisputePhoto, DisputePhotos
from marketplace.ports.invitations import Invitations
from marketplace.ports.oauth import FormerSecret, OAuth, OAuthClient, OAuthCode
from marketplace.ports.outbox import Outbox, StoredEffect
from marketplace.ports.plans import Plans
from marketplace.ports.repositories import (
    Agreements,
    Gateway,
    Idempotency,
    Inbox,
    InboxMessage,
    Orders,
    Parties,
    Production,
    SignatureRequest,
    Signatures,
    StoredAnswer,
    StoredEvent,
)
from marketplace.ports.restores import LostAgreements, Restores

__all__ = [
    "Agreements",
    "Apart",
    "ChainCursor",
    "DesignFile",
    "DesignFiles",
    "DisputePhoto",
    "DisputePhotos",
    "FormerSecret",
    "Freezes",
    "Gateway",
    "Held",
    "Idempotency",
    "Inbox",
    "InboxMessage",
    "Invitations",
    "LostAgreements",
    "OAuth",
    "OAuthClient",
    "OAuthCode",
    "Orders",
    "Outbox",
    "Parties",
    "Plans",
    "Production",
    "Restores",
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


class Apart(Exception):
    """It could not be done together with others, and nothing was written: do it again in a transaction of its own."""


class Transaction(Protocol):
    """Everything that one transaction reads and writes."""

    orders: Orders
    agreements: Agreements
    parties: Parties
    inbox: Inbox
    signatures: Signatures
    production: Production
    plans: Plans
    outbox: Outbox
    cursor: ChainCursor
    freezes: Freezes
    restores: Restores
    lost: LostAgreements
    idempotency: Idempotency
    designs: DesignFiles
    photos: DisputePhotos
    oauth: OAuth
    invitations: Invitations


class UnitOfWork(Protocol):
    """Opens transactions. Leaving the block commits; an exception rolls back."""

    def write(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that may write. Never call out of it. Raises StoreUnavailable, and Conflict for a lost race."""
        ...

    def together(self) -> AbstractAsyncContextManager[Transaction]:
        """As `write`, but new rows may wait for the end of the block, to be written together with those of others.

        Whether they are new is then known only there. Raises Apart where they are not, or another of the moment failed.
        """
        ...

    def read(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that only reads, one consistent view. Raises StoreUnavailable."""
        ...

    def glance(self) -> AbstractAsyncContextManager[Transaction]:
        """For a single question, which needs no transaction: each sees what is committed at its own moment."""
        ...
