"""Answers kept under an Idempotency-Key, each in the transaction of what it answers.

So nobody ever finds the one without the other: whoever dies before the commit has done nothing, and of two who do the
same thing at the same time, in two processes or on two machines, the second finds the name taken and undoes its own.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from types import TracebackType
from typing import Self

from marketplace.application.context import Context
from marketplace.domain.parties import Account
from marketplace.ports.unit_of_work import StoredAnswer, Transaction, UnitOfWork

Name = tuple[str, str, str]
"""Principal, route and key: what an answer is kept under."""


class NameTaken(Exception):
    """Somebody else has answered under this name meanwhile."""


async def find(ctx: Context, name: Name) -> StoredAnswer | None:
    """The answer given before, or None."""
    async with ctx.uow.glance() as tx:
        return await tx.idempotency.get(*name)


class OneTransaction:
    """A unit of work whose writing transactions are one, committed when the block around it ends.

    An exception within a writing transaction ends and undoes it, as it does with any other; so does one that leaves the
    block. What is read after the first write is read in the transaction.
    """

    def __init__(self, uow: UnitOfWork, *, together: bool = False) -> None:
        """`together`: committed with others of the moment, at the price that the end may raise Apart."""
        self._uow = uow
        self._begin = uow.together if together else uow.write
        self._stack = AsyncExitStack()
        self._tx: Transaction | None = None
        self._first: Callable[[], Awaitable[None]] | None = None

    async def __aenter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit, or undo. Raises what the commit raises."""
        self._tx = self._first = None
        await self._stack.__aexit__(kind, error, trace)

    async def undo(self) -> None:
        """Nothing of what was written stays; another transaction may begin."""
        await self.__aexit__(_Undone, _Undone(), None)

    def first(self, check: Callable[[], Awaitable[None]]) -> None:
        """Do `check` in the transaction before anybody writes; what it raises undoes everything."""
        self._first = check

    async def do_first(self) -> None:
        """Do what should come first, if nobody has written."""
        check, self._first = self._first, None
        if check is not None:
            await check()

    async def keep(self, name: Name, answer: StoredAnswer, ctx: Context) -> None:
        """Keep the answer, with what was written. Raises NameTaken."""
        async with self.write() as tx:
            if not await tx.idempotency.put(*name, answer, ctx.clock.now()):
                raise NameTaken

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """As the port says, but the commit comes later."""
        try:
            if self._tx is None:
                self._tx = await self._stack.enter_async_context(self._begin())
                await self.do_first()
            yield self._tx
        except BaseException:
            await self.undo()
            raise

    def together(self) -> AbstractAsyncContextManager[Transaction]:
        """There is one transaction, and how it ends is decided."""
        return self.write()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """As the port says; what was written before is seen."""
        if self._tx is not None:
            yield self._tx
            return
        async with self._uow.read() as tx:
            yield tx

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[Transaction]:
        """As the port says; what was written before is seen."""
        if self._tx is not None:
            yield self._tx
            return
        async with self._uow.glance() as tx:
            yield tx


class _Undone(Exception):
    """Makes a transaction roll back."""


def within(ctx: Context, unit: OneTransaction) -> Context:
    """The context of a request that is one transaction."""
    return replace(ctx, uow=unit)


def first(ctx: Context, caller: Account, check: Callable[[], Awaitable[None]]) -> None:
    """Do `check` before the first write of a request that is one transaction, while the caller's party is held.

    Of two who compare and then change the same thing of a party, the second compares with what the first has made.
    """
    unit = ctx.uow
    if not isinstance(unit, OneTransaction):
        raise TypeError("only a request that is one transaction can compare first")

    async def held() -> None:
        async with unit.write() as tx:
            await tx.parties.hold(caller.party_id)
        await check()

    unit.first(held)
