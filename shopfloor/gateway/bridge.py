"""Commands to jobs, job records to evidence: what the gateway does between the spool and the machine.

Nothing here remembers: a command is a row before it is acted on, an event is a row before anything follows from it,
and after any interruption both sides are compared again. So a killed gateway finishes what it began and starts no job
twice: before StoreAndStart the machine's JobOrderList is read, and the machine itself is idempotent by id and content.
"""

import asyncio
import logging
from contextlib import AsyncExitStack
from functools import partial

from shopfloor.gateway.config import Clock, GatewayConfig
from shopfloor.gateway.inbox import Inbox, OpenJob
from shopfloor.gateway.recorder import Recorder
from shopfloor.gateway.signing import Domain
from shopfloor.gateway.spool import Spool
from shopfloor.gateway.translate import (
    INSPECTION,
    Named,
    draft_of,
    ending,
    inspected,
    progress,
    wants_inspection,
)
from shopfloor.protocols.inspection import InspectionResult, LineError, ask_result
from shopfloor.protocols.isa95 import JobOrder, ReturnStatus
from shopfloor.protocols.job_list import JobRecord
from shopfloor.protocols.opcua import MachineSession, Update, keep_session

_log = logging.getLogger(__name__)
_ASK_S = 2.0  # one attempt at the station; a stopping gateway waits no longer than this


class Bridge:
    """One machine's side of the gateway."""

    def __init__(self, config: GatewayConfig, clock: Clock, spool: Spool, inbox: Inbox, recorder: Recorder) -> None:
        self._config = config
        self._clock = clock
        self._spool = spool
        self._inbox = inbox
        self._recorder = recorder
        self._session: MachineSession | None = None
        self._inspections: dict[str, asyncio.Task[None]] = {}
        self._missing_since: dict[str, float] = {}  # accepted jobs that the machine does not list

    def wake(self) -> None:
        """Commands arrived."""
        if self._session is not None:
            self._session.poke()

    async def run(self) -> None:
        """Serve the machine for ever, until cancelled."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._stop_inspections)
            await keep_session(self._config.machine, self._serve)

    async def _stop_inspections(self) -> None:
        tasks = list(self._inspections.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, session: MachineSession) -> None:
        self._session = session
        try:
            if session.gap is not None:
                await self._note_gap(session.gap.seconds)
            while True:
                update = await self._next(session)
                jobs = await session.job_list() if update.jobs is None else update.jobs
                await self._absorb(session, jobs, resync=update.resync)
        finally:
            self._session = None

    async def _next(self, session: MachineSession) -> Update:
        """The next list, or a wake-up without one after a poke or when a missing job's time may be up."""
        patience = self._config.lost_job_s if self._missing_since else None
        try:
            async with asyncio.timeout(patience):
                return await session.next_update()
        except TimeoutError:
            return Update(None, resync=False)

    async def _note_gap(self, seconds: float) -> None:
        if self._config.telemetry:
            value = {"source": self._config.machine.cell, "milliseconds": str(round(seconds * 1_000))}
            await asyncio.to_thread(self._spool.note, "gap", self._clock(), value)

    async def _absorb(self, session: MachineSession, jobs: dict[str, JobRecord], *, resync: bool) -> None:
        for job in await asyncio.to_thread(self._inbox.open_jobs):
            record = jobs.get(job.order.job_id)
            if job.state == "received":
                await self._dispatch(session, job, record)
            elif record is None:
                await self._lost(session, job.order)
            else:
                self._missing_since.pop(job.order.job_id, None)
                if job.abort and not record.over:
                    await session.abort(job.order.job_id)
                await self._follow(record, resync=resync)

    async def _dispatch(self, session: MachineSession, job: OpenJob, record: JobRecord | None) -> None:
        """Hand a job over, or find that this was done before; either way an event says so."""
        order = job.order
        if job.abort and record is None:
            await self._decide(session, order, refusal="aborted before the start")
        elif record is None:
            status = await session.store_and_start(order)
            await self._decide(session, order, refusal=None if status.accepted else status.reason)
        elif record.order.content_hash == order.content_hash:
            await self._decide(session, order, refusal=None)
        else:
            known = ReturnStatus(ReturnStatus.INVALID_REQUEST).reason
            await self._decide(session, order, refusal=f"{known}: id known with other content")
        session.poke()  # the list that came with the start may have been absorbed as unknown

    async def _decide(self, session: MachineSession, order: JobOrder, *, refusal: str | None) -> None:
        value = {"operation": order.operation, "quantity": str(order.quantity)}
        kind, state = ("job_accepted", "accepted") if refusal is None else ("job_refused", "refused")
        if refusal is not None:
            value["reason"] = refusal
        draft = draft_of(order, kind, self._clock(), station=self._config.machine.cell, mode=session.mode, value=value)
        await self._record(order, Named("decided", draft), job_state=state)

    async def _lost(self, session: MachineSession, order: JobOrder) -> None:
        """An accepted job that the machine forgot is never started again by itself: it fails after a while."""
        now = asyncio.get_running_loop().time()
        since = self._missing_since.setdefault(order.job_id, now)
        if now - since < self._config.lost_job_s:
            return
        draft = draft_of(
            order,
            "production_failed",
            self._clock(),
            station=self._config.machine.cell,
            mode=session.mode,
            value={"reason": "the machine no longer knows the job"},
        )
        await self._record(order, Named("ended", draft), job_state="closed")
        del self._missing_since[order.job_id]

    async def _follow(self, record: JobRecord, *, resync: bool) -> None:
        cell, order = self._config.machine.cell, record.order
        for named in progress(record, cell, self._clock(), resync=resync):
            await self._record(order, named)
        ok = True
        if self._config.inspection_url is not None and wants_inspection(record):
            verdict = await asyncio.to_thread(self._spool.kind_of, order.job_id, INSPECTION)
            if verdict is None:
                self._start_inspection(record)
                return  # its result comes first
            ok = verdict == "inspection_passed"
        if record.over:
            await self._record(order, ending(record, cell, self._clock(), inspection_ok=ok), job_state="closed")

    def _start_inspection(self, record: JobRecord) -> None:
        job_id = record.order.job_id
        if job_id not in self._inspections:
            task = asyncio.create_task(self._inspect(record))
            self._inspections[job_id] = task
            task.add_done_callback(partial(self._inspection_over, job_id))

    def _inspection_over(self, job_id: str, task: asyncio.Task[None]) -> None:
        self._inspections.pop(job_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("inspection of %s: %s", job_id, type(error).__name__)
        self.wake()

    async def _inspect(self, record: JobRecord) -> None:
        result = await self._ask(record.order.job_id)
        cell = self._config.machine.cell
        await self._record(record.order, inspected(record, cell, self._clock(), result))

    async def _ask(self, job_id: str) -> InspectionResult | None:
        url, said = self._config.inspection_url or "", ""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._config.inspection_deadline_s
        while (left := until - loop.time()) > 0:
            try:
                return await asyncio.to_thread(ask_result, url, job_id, min(_ASK_S, left))
            except LineError as error:
                if str(error) != said:
                    said = str(error)
                    _log.warning("inspection of %s: %s", job_id, said)
                await asyncio.sleep(min(_ASK_S / 4, left))
        return None

    async def _record(self, order: JobOrder, named: Named, *, job_state: str | None = None) -> None:
        domain = Domain(order.chain_id, order.factory)
        await self._recorder.record(named.draft, once=named.once, domain=domain, job_state=job_state)
