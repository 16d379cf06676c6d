"""Transactions. Leaving the block commits, an exception rolls back."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TypeVar

from marketplace.persistence.engines import Engines
from marketplace.persistence.failures import translated
from marketplace.persistence.late import Connection, Gatherings, Glance, Postponing
from marketplace.persistence.new_rows import GroupCommit, write_new
from marketplace.persistence.outbox import SqlOutbox
from marketplace.persistence.repositories.agreements import SqlAgreements
from marketplace.persistence.repositories.chain import SqlChainCursor, SqlFreezes
from marketplace.persistence.repositories.designs import SqlDesignFiles
from marketplace.persistence.repositories.disputes import SqlDisputePhotos
from marketplace.persistence.repositories.events import EventLog
from marketplace.persistence.repositories.idempotency import SqlIdempotency
from marketplace.persistence.repositories.inbox import SqlInbox
from marketplace.persistence.repositories.invitations import SqlInvitations
from marketplace.persistence.repositories.oauth import SqlOAuth
from marketplace.persistence.repositories.orders import SqlOrders
from marketplace.persistence.repositories.parties import SqlParties
from marketplace.persistence.repositories.plans import SqlPlans
from marketplace.persistence.repositories.production import SqlProduction
from marketplace.persistence.repositories.restores import SqlLostAgreements, SqlRestores
from marketplace.persistence.repositories.signatures import SqlSignatures
from marketplace.ports import unit_of_work as ports

Announce = Callable[[Sequence[int]], None]
"""Is told, after the commit, which effects may be done at once. It neither waits nor fails."""


R = TypeVar("R")


def _made(kind: Callable[[Connection], R]) -> cached_property[R]:
    return cached_property(lambda transaction: kind(transaction._connection))


class SqlTransaction:
    """The repositories of one open transaction, each made when it is first asked for: most need two or three."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._log = EventLog(connection)
        self._outbox = SqlOutbox(connection)
        self.outbox: ports.Outbox = self._outbox

    orders: cached_property[ports.Orders] = cached_property(
        lambda transaction: SqlOrders(transaction._connection, transaction._log, transaction._outbox)
    )
    agreements: cached_property[ports.Agreements] = _made(SqlAgreements)
    parties: cached_property[ports.Parties] = _made(SqlParties)
    inbox: cached_property[ports.Inbox] = _made(SqlInbox)
    signatures: cached_property[ports.Signatures] = _made(SqlSignatures)
    production: cached_property[ports.Production] = _made(SqlProduction)
    plans: cached_property[ports.Plans] = _made(SqlPlans)
    cursor: cached_property[ports.ChainCursor] = _made(SqlChainCursor)
    freezes: cached_property[ports.Freezes] = _made(SqlFreezes)
    restores: cached_property[ports.Restores] = _made(SqlRestores)
    lost: cached_property[ports.LostAgreements] = _made(SqlLostAgreements)
    idempotency: cached_property[ports.Idempotency] = _made(SqlIdempotency)
    designs: cached_property[ports.DesignFiles] = _made(SqlDesignFiles)
    photos: cached_property[ports.DisputePhotos] = _made(SqlDisputePhotos)
    oauth: cached_property[ports.OAuth] = _made(SqlOAuth)
    invitations: cached_property[ports.Invitations] = _made(SqlInvitations)

    @property
    def added(self) -> Sequence[int]:
        """Ids of the effects that were added and may be done at once."""
        return self._outbox.added

    async def complete(self) -> None:
        """Write what waits for the end of the transaction."""
        await self._log.flush()


class SqlUnitOfWork:
    """Opens transactions on SQLite or PostgreSQL."""

    def __init__(self, engines: Engines, announce: Announce | None = None) -> None:
        self._engines = engines
        self._announce = announce
        self._gatherings = Gatherings(engines.single)
        self._group = GroupCommit(engines, announce)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[ports.Transaction]:
        """A transaction that may write; on SQLite the process's writers take turns. Raises StoreUnavailable."""
        with translated():
            async with self._engines.write.begin() as connection:
                transaction = SqlTransaction(connection)
                yield transaction
                await transaction.complete()
        if self._announce is not None and transaction.added:
            self._announce(transaction.added)

    @asynccontextmanager
    async def together(self) -> AsyncIterator[ports.Transaction]:
        """As `write`, new rows together with those of others. Raises Apart too."""
        with translated():
            async with Postponing(self._engines.write, write_new) as connection:
                transaction = SqlTransaction(connection)
                yield transaction
                await transaction.complete()
            if connection.kept and not connection.opened:
                await self._group.commit(connection.kept)
        added = [*connection.added, *transaction.added]
        if self._announce is not None and added:
            self._announce(added)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ports.Transaction]:
        """One consistent view of the database, in which nothing can be written. Raises StoreUnavailable."""
        with translated():
            async with self._engines.read.begin() as connection:
                yield SqlTransaction(connection)

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[ports.Transaction]:
        """For a single question: two round trips to the database less than `read`. Raises StoreUnavailable."""
        with translated():
            async with Glance(self._engines.single, self._gatherings) as connection:
                yield SqlTransaction(connection)
