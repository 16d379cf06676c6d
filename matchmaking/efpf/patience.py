"""How long one search waits for its sources: no clock tells a slow source from a busy machine, but the others do.

A source has one budget for everything: token, registry, search. Where the others answer at once it is the least; where
they take long, a source may take half as long again as the slowest of those that were heard, for then it is not the
source that is slow. As long as nobody was heard there is nothing to answer with, and the search waits for the most.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from matchmaking.efpf.errors import SourceTimedOut

_AS_LONG_AGAIN = 1.5
_AWAY_S = 0.05
"""A timer that rings so late says that this process did not run: answers may lie unread."""

T = TypeVar("T")


class Patience:
    """Of one search; times are the event loop's. It ends `most_s` after `began_s`, or from `least_s` on."""

    def __init__(self, began_s: float, *, least_s: float, most_s: float) -> None:
        self._began_s = began_s
        self._least_s = least_s
        self._most_s = most_s
        self._slowest_s: float | None = None
        self._listening: set[asyncio.Future[None]] = set()

    def heard(self, now_s: float) -> None:
        """A source has answered in whole."""
        self._slowest_s = max(self._slowest_s or 0.0, now_s - self._began_s)
        for news in self._listening:  # the end may be sooner now: who waits looks again
            if not news.done():
                news.set_result(None)

    def until_s(self) -> float:
        """When whoever was not heard is given up, as it looks now; it may move to a later moment."""
        if self._slowest_s is None:
            return self._began_s + self._most_s
        return self._began_s + min(self._most_s, max(self._least_s, _AS_LONG_AGAIN * self._slowest_s))

    def most_left_s(self, now_s: float) -> float:
        """Seconds that are left at most."""
        return max(0.0, self._began_s + self._most_s - now_s)

    async def within(self, source: str, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, cancelled when patience ends. Raises SourceTimedOut, and what `work` raises."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(work)
        try:
            while not task.done():
                due_s = self.until_s()
                await self._look(task, due_s - loop.time())
                if loop.time() - due_s > _AWAY_S and not task.done():
                    await self._look(task, _AWAY_S)
                if not task.done() and loop.time() >= self.until_s():
                    raise SourceTimedOut(source, f"no whole answer within {loop.time() - self._began_s:.1f} s")
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    async def _look(self, task: asyncio.Task[Any], timeout_s: float) -> None:
        """Until the task is done, another source is heard, or the time is over."""
        news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._listening.add(news)
        try:
            await asyncio.wait({task, news}, timeout=max(0.0, timeout_s), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._listening.discard(news)
