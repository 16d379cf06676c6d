"""Transactions. Leaving the block commits, an exception rolls back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.persistence.engines import Engines
from marketplace.persistence.failures import translated
from marketplace.persistence.outbox import SqlOutbox
from marketplace.persistence.repositories.agreements import SqlAgreements
from marketplace.persistence.repositories.chain import SqlChainCursor
from marketplace.persistence.repositories.events import EventLog
from marketplace.persistence.repositories.idempotency import SqlIdempotency
from marketplace.persistence.repositories.inbox import SqlInbox
from marketplace.persistence.repositories.orders import SqlOrders
from marketplace.persistence.repositories.parties import SqlParties
from marketplace.persistence.repositories.production import SqlProduction
from marketplace.persistence.repositories.signatures import SqlSignatures
from marketplace.ports import unit_of_work as ports


class SqlTransaction:
    """The repositories of one open transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._log = EventLog(connection)
        outbox = SqlOutbox(connection)
        self.orders: ports.Orders = SqlOrders(connection, self._log, outbox)
        self.agreements: ports.Agreements = SqlAgreements(connection)
        self.parties: ports.Parties = SqlParties(connection)
        self.inbox: ports.Inbox = SqlInbox(connection)
        self.signatures: ports.Signatures = SqlSignatures(connection)
        self.production: ports.Production = SqlProduction(connection)
        self.outbox: ports.Outbox = outbox
        self.cursor: ports.ChainCursor = SqlChainCursor(connection)
        self.idempotency: ports.Idempotency = SqlIdempotency(connection)

    async def complete(self) -> None:
        """Write what waits for the end of the transaction."""
        await self._log.flush()


class SqlUnitOfWork:
    """Opens transactions on SQLite or PostgreSQL."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    @asynccontextmanager
    async def write(self) -> AsyncIterator[ports.Transaction]:
        """A transaction that may write; on SQLite the process's writers take turns. Raises StoreUnavailable."""
        with translated():
            async with self._engines.write.begin() as connection:
                transaction = SqlTransaction(connection)
                yield transaction
                await transaction.complete()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ports.Transaction]:
        """One consistent view of the database, in which nothing can be written. Raises StoreUnavailable."""
        with translated():
            async with self._engines.read.begin() as connection:
                yield SqlTransaction(connection)
