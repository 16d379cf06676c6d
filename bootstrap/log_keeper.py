"""Keeps the log in the database: a bounded queue that blocks nobody, and one task that empties it in batches."""

import asyncio
import logging
import queue
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Protocol

from bootstrap.logs import Entry, entry_of
from marketplace.domain.errors import Conflict
from marketplace.ports.unit_of_work import StoreUnavailable

log = logging.getLogger(__name__)

CAPACITY = 10_000
"""Entries that wait while the database is away: some 10 MB at most, and minutes of an ordinary day."""
BATCH = 500
FLUSH_S = 1.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
LAST_WORDS_S = 2.0
"""How long the end of a process waits for what is still to be written."""


class Store(Protocol):
    """Where the entries go."""

    async def append(self, rows: list[Mapping[str, Any]]) -> None:
        """Write them all, or raise."""
        ...


class LogKeeper(logging.Handler):
    """Takes records from any thread and never waits: what does not fit is dropped, counted and told later."""

    def __init__(self, store: Store, now: Callable[[], datetime], capacity: int = CAPACITY) -> None:
        super().__init__(logging.INFO)
        self.dropped = 0
        self._told = 0
        self._store = store
        self._now = now
        self._queue: queue.Queue[Entry] = queue.Queue(capacity)

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record's entry."""
        try:
            self._queue.put_nowait(entry_of(record))
        except queue.Full:
            self.dropped += 1

    @property
    def waiting(self) -> int:
        """Entries that are not written yet."""
        return self._queue.qsize()

    async def run(self, stop: asyncio.Event) -> None:
        """Write what comes until `stop` and then what is left; while the database is away with patience, and jitter."""
        patience = FIRST_WAIT_S
        batch: list[Mapping[str, Any]] = []
        while batch or self.waiting or not stop.is_set():
            batch = batch or self._next_batch()
            if not batch or await self._written(batch):
                rest = 0.0 if len(batch) >= BATCH else FLUSH_S
                patience, batch = FIRST_WAIT_S, []
            else:
                rest = random.uniform(patience / 2, patience)  # noqa: S311 - no secret
                patience = min(patience * 2, LONGEST_WAIT_S)
            if not stop.is_set():
                await _told_within(stop, rest)
            elif batch:
                await asyncio.sleep(FIRST_WAIT_S)

    def _next_batch(self) -> list[Mapping[str, Any]]:
        batch: list[Mapping[str, Any]] = []
        if self.dropped > self._told:
            batch.append(self._loss(self.dropped - self._told))
            self._told = self.dropped
        with suppress(queue.Empty):
            while len(batch) < BATCH:
                batch.append(self._queue.get_nowait())
        return batch

    async def _written(self, batch: list[Mapping[str, Any]]) -> bool:
        """Whether the batch is done with: written, or refused for what is in it and then counted as dropped."""
        try:
            await self._store.append(batch)
        except (StoreUnavailable, Conflict, OSError):
            return False
        except Exception:
            if len(batch) == 1:
                self.dropped += 1
                return True
            for entry in batch:  # one of them is not storable: the others shall not go with it
                await self._written([entry])
        return True

    def _loss(self, count: int) -> Entry:
        record = logging.LogRecord(
            __name__, logging.WARNING, __file__, 0, "%d log records were dropped", (count,), None, func=None
        )
        return entry_of(record) | {"timestamp": self._now(), "additional_info": {"dropped": count}}


async def _told_within(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


@asynccontextmanager
async def kept_log(keeper: LogKeeper) -> AsyncIterator[LogKeeper]:
    """The root log is kept while the block runs; its last records have a moment to be written."""
    root, stop = logging.getLogger(), asyncio.Event()
    writing = asyncio.create_task(keeper.run(stop), name="log")
    root.addHandler(keeper)
    try:
        yield keeper
    finally:
        root.removeHandler(keeper)
        stop.set()
        await asyncio.wait([writing], timeout=LAST_WORDS_S)
        if writing.cancel():
            await asyncio.wait([writing])


Sweep = Callable[[str, datetime], Awaitable[int]]


async def sweep(delete: Sweep, keep_days: Mapping[str, int], now: datetime) -> int:
    """Delete what is older than its level is kept; returns how many records went."""
    gone = 0
    for level, days in keep_days.items():
        gone += await delete(level, now - timedelta(days=days))
    if gone:
        log.info("%d old log records were deleted", gone)
    return gone
