"""Writes evidence and closes batches: at once at a milestone, when full, or a moment after their first event."""

import asyncio
from collections.abc import Callable

from shopfloor.gateway.batches import MAX_BATCH
from shopfloor.gateway.evidence import MILESTONE_CODES, Draft, EvidenceEvent
from shopfloor.gateway.signing import Domain, GatewayKey
from shopfloor.gateway.spool import Spool


class Recorder:
    """The only writer of lane s; `sent_on` is called when a batch is ready to leave."""

    def __init__(self, spool: Spool, key: GatewayKey, wait_s: float, sent_on: Callable[[], None]) -> None:
        self._spool = spool
        self._key = key
        self._wait_s = wait_s
        self._sent_on = sent_on
        self._recorded = asyncio.Event()
        self._recorded.set()  # a tail may be left from before

    async def record(
        self, draft: Draft, *, once: str, domain: Domain, job_state: str | None = None
    ) -> EvidenceEvent | None:
        """Commit one event (None when it already was); it is on disk when this returns."""
        event = await asyncio.to_thread(
            lambda: self._spool.append(draft, once=once, domain=domain, job_state=job_state)
        )
        if event is None:
            return None
        full = await asyncio.to_thread(self._spool.unbatched) >= MAX_BATCH
        if event.code in MILESTONE_CODES or full:
            await self._close()
        else:
            self._recorded.set()
        return event

    async def run(self) -> None:
        """Close each batch `wait_s` after its first event, for ever, until cancelled."""
        while True:
            await self._recorded.wait()
            # Not after the last one: a cell that never pauses would be heard of once in 256 events.
            await asyncio.sleep(self._wait_s)
            self._recorded.clear()
            await self._close()

    async def _close(self) -> None:
        if await asyncio.to_thread(self._spool.close_batches, self._key):
            self._sent_on()
