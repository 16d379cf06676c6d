"""From the spool to the backend: whole batches, oldest first, gzip, until acknowledged.

Only batched evidence leaves, so an acknowledgement never overtakes a signature. Content that the backend refuses is
halved until the one event is found; that event is quarantined and its tombstone sent in its place, so one bad record
cannot hold back the others. A refusal of us (401, 403, 404 …) quarantines nothing.
"""

import asyncio
import gzip
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from shopfloor.gateway.backend import Backend, BackendError, BackendRefused, BackendUnavailable, Backoff
from shopfloor.gateway.batches import SignedBatch
from shopfloor.gateway.config import GatewayConfig
from shopfloor.gateway.spool import AckRefused, Record, Spool
from shopfloor.strict_json import MAX_SAFE_INTEGER, JsonRefused, as_int, as_object

_log = logging.getLogger(__name__)
_IDLE_S = 2.0  # a lost wake-up costs at most this


class Uplink:
    """Sends lane s (evidence) before lane t (notes)."""

    def __init__(self, spool: Spool, backend: Backend, config: GatewayConfig) -> None:
        self._spool = spool
        self._backend = backend
        self._config = config
        self._work = asyncio.Event()
        self._post_records = config.records_per_post

    def wake(self) -> None:
        """There is something new to send."""
        self._work.set()

    async def run(self) -> None:
        """Send for ever, until cancelled."""
        backoff, said = Backoff(self._config.retry), ""
        while True:
            self._work.clear()
            try:
                while await self.send_some():
                    backoff.reset()
                    said = ""
            except (BackendError, AckRefused) as error:
                if str(error) != said:  # once a condition, not once a try
                    said = str(error)
                    _log.warning("uplink: %s", said)
                after = error.retry_after_s if isinstance(error, BackendUnavailable) else 0.0
                await asyncio.sleep(backoff.next(after))
                continue
            try:
                async with asyncio.timeout(_IDLE_S):
                    await self._work.wait()
            except TimeoutError:
                continue

    async def send_some(self) -> bool:
        """Send one post of each lane that has something; False when there was nothing. Raises BackendError."""
        batches = await asyncio.to_thread(lambda: self._spool.pending_batches(max_records=self._post_records))
        if batches:
            await self._send_batches(batches)
            return True
        after = await asyncio.to_thread(lambda: self._spool.acked("t"))
        notes = await asyncio.to_thread(lambda: self._spool.records("t", after + 1, MAX_SAFE_INTEGER, limit=500))
        if notes:
            try:
                await self._post("t", notes, [])
            except BackendRefused as error:  # notes pay nobody: let them go rather than hold the lane
                _log.warning("uplink: %d notes were refused (%d)", len(notes), error.status)
                await asyncio.to_thread(lambda: self._spool.ack("t", notes[-1].seq))
        return bool(notes)

    async def _send_batches(self, batches: Sequence[SignedBatch]) -> None:
        records = await self._records(batches)
        try:
            await self._post("s", records, batches)
        except BackendRefused as error:
            if len(batches) > 1:
                half = len(batches) // 2
                await self._send_batches(batches[:half])
                await self._send_batches(batches[half:])
            elif error.status == 413:
                raise BackendUnavailable("one batch is too large for the backend") from error
            else:
                refused = await self._refused_alone(records)
                await self._quarantine(refused, of=len(records))
                await self._post_again(batches, [seq for seq, _ in refused])

    async def _quarantine(self, refused: Sequence[tuple[int, int]], *, of: int) -> None:
        if len(refused) == of > 1:
            # Not one of them passes: the backend's rules changed, or it is another backend. Keep all as they are.
            raise BackendUnavailable(f"every event of a batch is refused ({refused[0][1]})")
        for seq, status in refused:
            _log.error("uplink: event %d is quarantined: refused with %d", seq, status)
            await asyncio.to_thread(self._spool.quarantine, seq, f"refused with {status}")

    async def _post_again(self, batches: Sequence[SignedBatch], buried: Sequence[int]) -> None:
        try:
            await self._post("s", await self._records(batches), batches)
        except BackendRefused as error:
            # The events are not at fault, or the backend takes no tombstones: a person must look, and finds all whole.
            for seq in buried:
                await asyncio.to_thread(self._spool.restore, seq)
            raise BackendUnavailable(f"batch {batches[0].sequence} stays refused ({error.status})") from error

    async def _refused_alone(self, records: Sequence[Record]) -> list[tuple[int, int]]:
        """(seq, status) of the records that are refused on their own, found by halving."""
        try:
            await self._post("s", records, [])
        except BackendRefused as refused:
            if len(records) == 1:
                return [(records[0].seq, refused.status)]
            half = len(records) // 2
            return await self._refused_alone(records[:half]) + await self._refused_alone(records[half:])
        return []

    async def _records(self, batches: Sequence[SignedBatch]) -> list[Record]:
        first, last = batches[0].first, batches[-1].last
        return await asyncio.to_thread(lambda: self._spool.records("s", first, last, limit=last - first + 1))

    async def _post(self, lane: str, records: Sequence[Record], batches: Sequence[SignedBatch]) -> None:
        body: dict[str, Any] = {
            "gateway": self._spool.gateway,
            "epoch": self._spool.epoch,
            "lane": lane,
            "records": [{"seq": r.seq, "event": r.body} for r in records],
            "batches": [batch.to_wire() for batch in batches],
        }
        packed = gzip.compress(json.dumps(body, separators=(",", ":")).encode(), compresslevel=6, mtime=0)
        headers = {
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            "Idempotency-Key": f"{self._spool.epoch}:{lane}:{records[0].seq}-{records[-1].seq}:{len(batches)}",
        }
        answer = await self._backend.call("POST", "/v1/ingest", content=packed, headers=headers)
        if lane == "s" and not batches:
            return  # a trial while isolating: its acknowledgement would overtake the signature
        acked = _acked(answer, lane)
        await asyncio.to_thread(lambda: self._spool.ack(lane, acked))
        if acked < records[-1].seq:
            raise BackendUnavailable("the backend acknowledged less than was sent")


def _acked(answer: Mapping[str, Any], lane: str) -> int:
    try:
        return as_int(as_object(answer.get("ack"), "ack").get(lane), lane, 0, MAX_SAFE_INTEGER)
    except JsonRefused as error:
        raise BackendUnavailable(f"answer: {error}") from error
