"""A gateway whose machine is this program: spool, recorder, downlink and uplink are the product's own."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from bootstrap.demo.actors import Actor
from bootstrap.demo.beside import beside
from bootstrap.system import unix_ms
from shopfloor.gateway.backend import Backend
from shopfloor.gateway.config import GatewayConfig, Retry
from shopfloor.gateway.downlink import Downlink
from shopfloor.gateway.inbox import Inbox
from shopfloor.gateway.recorder import Recorder
from shopfloor.gateway.signing import Domain, GatewayKey
from shopfloor.gateway.spool import Spool
from shopfloor.gateway.store import Store
from shopfloor.gateway.translate import draft_of
from shopfloor.gateway.uplink import Uplink
from shopfloor.protocols.isa95 import ExecutionMode, JobOrder
from shopfloor.protocols.opcua_session import OpcuaSettings

STATION: Final = "bench-drilling"
STEPS: Final = 9_999
"""So many steps a job has at most: none of them is its last."""
NOWHERE: Final = OpcuaSettings("opc.tcp://127.0.0.1:1", "nobody", "nothing")
QUICK: Final = Retry(first_s=0.2, most_s=1.0)
"""After the interface was away it is asked again soon: what is measured is who hears, not how patient a gateway is."""


class TimedBackend(Backend):
    """Notes when each record leaves for the first time."""

    def __init__(self, config: GatewayConfig) -> None:
        super().__init__(config)
        self.sent_at: dict[int, float] = {}
        self.answered_at: dict[int, float] = {}

    async def call(
        self, method: str, path: str, *, content: bytes | None = None, headers: Mapping[str, str] | None = None,
        params: Mapping[str, int] | None = None, timeout_s: float | None = None,
    ) -> Mapping[str, Any]:  # fmt: skip
        """As the product's. An upload's records are in its Idempotency-Key, `epoch:lane:first-last:batches`."""
        numbers = range(0)
        if path == "/v1/ingest":
            first, _, last = (headers or {})["Idempotency-Key"].split(":")[2].partition("-")
            numbers = range(int(first), int(last) + 1)
        for number in numbers:
            self.sent_at.setdefault(number, time.monotonic())
        answer = await super().call(method, path, content=content, headers=headers, params=params, timeout_s=timeout_s)
        for number in numbers:
            self.answered_at.setdefault(number, time.monotonic())
        return answer


class Floor:
    """The shop floor of one organisation, what its machine would make the gateway record; `last` is the last record."""

    def __init__(self, config: GatewayConfig) -> None:
        """Opens the spool."""
        self._store = Store(config.spool_path)
        self.backend = TimedBackend(config)
        self._inbox = Inbox(self._store)
        spool = Spool(self._store, config.key.address)
        self._uplink = Uplink(spool, self.backend, config)
        self._recorder = Recorder(spool, config.key, config.batch_wait_s, self._uplink.wake)
        self._downlink = Downlink(self._inbox, self.backend, config, lambda: None)
        self._steps: dict[str, int] = {}
        self.last = 0

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Records are signed and sent while the block runs."""
        try:
            async with beside(self._recorder.run(), self._uplink.run()):
                yield
        finally:
            await self.backend.close()
            self._store.close()

    async def jobs(self, number: int) -> list[JobOrder]:
        """Wait for jobs of so many orders; gives one of each."""
        while True:
            found = {job.order.order_id: job.order for job in await asyncio.to_thread(self._inbox.open_jobs)}
            if len(found) >= number:
                return list(found.values())
            await self._downlink.fetch()

    async def begin(self, job: JobOrder) -> None:
        """The machine takes the job and starts it."""
        await self._record(job, "job_accepted", "accepted", {})
        await self._record(job, "production_started", "started", {"operation": job.operation})

    async def step(self, job: JobOrder, name: str) -> int:
        """The machine has done a step of this name; gives the record's number."""
        index = self._steps[job.job_id] = self._steps.get(job.job_id, 0) + 1
        value = {"step": name, "index": str(index), "of": str(STEPS)}
        return await self._record(job, "operation_finished", f"step-{index}", value)

    async def _record(self, job: JobOrder, kind: str, once: str, value: Mapping[str, str]) -> int:
        mode = ExecutionMode.PRODUCTION
        draft = draft_of(job, kind, unix_ms(), station=STATION, mode=mode, value=value)
        event = await self._recorder.record(draft, once=once, domain=Domain(job.chain_id, job.factory))
        assert event is not None
        self.last = event.seq
        return event.seq


async def equip(owner: Actor, key: bytes, api_url: str, folder: Path) -> Floor:
    """Register a gateway of the owner's and set it up."""
    signing = GatewayKey(key)
    body = {"name": f"cell of {owner.role.name}", "address": signing.address}
    made = await owner.call("POST", "/v1/gateways", body)
    config = GatewayConfig(
        gateway_id=made["id"],
        secret=made["secret"],
        key=signing,
        backend_url=api_url,
        machine=NOWHERE,
        spool_path=folder / "bench-spool.db",
        retry=QUICK,
    )
    return Floor(config)
