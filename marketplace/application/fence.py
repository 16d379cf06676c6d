"""What a claim may still write: nothing, once another relay has claimed the effect."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from marketplace.ports.unit_of_work import StoredEffect, Transaction, UnitOfWork


class LeaseLost(Exception):
    """Another relay has claimed the effect since, or its order is frozen: what this one found out counts no more."""


class FencedUnitOfWork:
    """Transactions under one claim. Each that writes asks first whether the claim still holds, and keeps it from others
    until it has committed: a process that slept through its lease cannot write over what happened meanwhile.
    """

    def __init__(self, uow: UnitOfWork, stored: StoredEffect) -> None:
        self._uow = uow
        self._stored = stored
        self.read = uow.read
        self.glance = uow.glance
        self.together = self.write

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """As the port says. Raises LeaseLost too."""
        async with self._uow.write() as tx:
            if not await tx.outbox.holds(self._stored.id, self._stored.lease):
                raise LeaseLost(f"the claim of effect {self._stored.id} is another relay's now")
            yield tx
