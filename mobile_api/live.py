"""What happens to orders, to those who watch: one tailer a process wakes the watchers of an order.

The tailer reads the event rows of all orders, and asks the database only while somebody listens. A watcher is woken and
reads for itself what it may see, so that what a supplier is not shown in the history is not shown live either, and a
slow one catches up in one read.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from marketplace.application import view_timeline
from marketplace.application.context import Context
from mobile_api.errors import Busy

logger = logging.getLogger(__name__)

POLL_S = 0.2
"""A machine's event is on the phone within a second; five reads a second cost nothing."""
PAUSE_S = 1.0
READ_AT_ONCE = 500
WATCHERS = 2_000
"""Streams of one process: each holds a socket."""
READS_AT_ONCE = 4
"""Of all watchers together: when hundreds come back at once, the rest of the database's connections are for others."""


class WatchEnded(Exception):
    """This watcher will hear nothing more: the process stops."""


class Watcher:
    """One listener of one order. It holds one bit, so that nobody's slowness fills the memory."""

    def __init__(self, order_id: str) -> None:
        self.order_id = order_id
        self._news = asyncio.Event()
        self._ended = False

    def wake(self) -> None:
        """There is something to read."""
        self._news.set()

    def end(self) -> None:
        """Let the listener go."""
        self._ended = True
        self._news.set()

    async def news(self, timeout_s: float) -> bool:
        """Wait for something to read; False when nothing came for `timeout_s`. Raises WatchEnded."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return False
        if self._ended:
            raise WatchEnded
        self._news.clear()
        return True


class LiveTimeline:
    """The tailer of this process and those it feeds. Whoever reads for a watcher holds `reading`."""

    def __init__(self, ctx: Context, *, poll_s: float = POLL_S) -> None:
        self._ctx = ctx
        self._poll_s = poll_s
        self._watchers: set[Watcher] = set()
        self._starting = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._after = 0
        self._closed = False
        self.reading = asyncio.Semaphore(READS_AT_ONCE)

    @asynccontextmanager
    async def watch(self, order_id: str) -> AsyncIterator[Watcher]:
        """Wakes for what is written about the order from now on. Raises Busy."""
        self.check_room()
        watcher = Watcher(order_id)
        self._watchers.add(watcher)
        try:
            await self._start()
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def check_room(self) -> None:
        """Raises Busy when no further watcher can be taken."""
        if self._closed or len(self._watchers) >= WATCHERS:
            raise Busy("too many people watch just now")

    async def close(self) -> None:
        """End every watch. A server calls this when it is told to stop, before it waits for open streams."""
        self._closed = True
        for watcher in tuple(self._watchers):
            watcher.end()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _start(self) -> None:
        async with self._starting:
            if self._task is None or self._task.done():
                self._after = await view_timeline.latest(self._ctx)
                self._task = asyncio.create_task(self._tail(), name="timeline tailer")

    async def _tail(self) -> None:
        away = False
        while self._watchers:
            try:
                items = await view_timeline.tail(self._ctx, after=self._after, limit=READ_AT_ONCE)
            except Exception as error:
                if not away:
                    logger.warning("the timeline cannot be read: %s", type(error).__name__, exc_info=error)
                away = True
                await asyncio.sleep(PAUSE_S)
                continue
            away = False
            if items:
                self._after = items[-1].id
                self._wake({item.order_id for item in items})
            if len(items) < READ_AT_ONCE:
                await asyncio.sleep(self._poll_s)

    def _wake(self, order_ids: set[str]) -> None:
        for watcher in self._watchers:
            if watcher.order_id in order_ids:
                watcher.wake()
