"""Things asked for at the same moment are done as one: while one round is at work, the next one gathers.

Who is alone waits for nobody. Who shares a round pays a part of it, and a busy process has many who share.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from marketplace.ports.unit_of_work import Apart, StoreUnavailable

T = TypeVar("T")
R = TypeVar("R")

AT_MOST = 64
"""In one round. It takes longer the more there are, and what fails for one is done anew for each."""


class Gathering(Generic[T, R]):
    """`work` does some at once and gives the answers in the same order; it raises when not all of them can be done."""

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[Sequence[R]]], at_most: int = AT_MOST) -> None:
        self._work = work
        self._at_most = at_most
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._working: asyncio.Task[None] | None = None

    async def do(self, item: T) -> R:
        """The answer for `item`. Raises StoreUnavailable, and Apart for any other failure of the round."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._working is None:
            # A task of nobody: whoever began it may be cancelled, or be somebody else's user in the log.
            self._working = asyncio.create_task(self._rounds(), context=Context())
        return await answer

    async def _rounds(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting[: self._at_most], self._waiting[self._at_most :]
                try:
                    await self._round(some)
                finally:
                    for _, answer in some:
                        answer.cancel()  # of no effect where there is one
        finally:
            self._working = None

    async def _round(self, some: list[tuple[T, "asyncio.Future[R]"]]) -> None:
        try:
            found = await self._work([item for item, _ in some])
        except StoreUnavailable as away:
            # Those who have waited meanwhile would only wait for the same once more.
            some += self._waiting
            self._waiting = []
            _fail(some, StoreUnavailable, str(away))
        except Exception as failure:
            _fail(some, Apart, f"{type(failure).__name__} in a round of {len(some)}: {failure}")
        else:
            for (_, answer), one in zip(some, found, strict=True):
                if not answer.done():
                    answer.set_result(one)


def _fail(some: Sequence[tuple[T, "asyncio.Future[R]"]], kind: type[Exception], why: str) -> None:
    for _, answer in some:
        if not answer.done():
            answer.set_exception(kind(why))
