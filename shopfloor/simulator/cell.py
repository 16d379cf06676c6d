"""One simulated cell: a job-order receiver with a queue, working one job after another.

Follows the job state machine of OPC 10031-4: 2 AllowedToStart → 3 Running ⇄ 4 Interrupted → 5 Ended | 6 Aborted.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from shopfloor.protocols.inspection import InspectionResult
from shopfloor.protocols.isa95 import ExecutionMode, JobOrder, JobResult, JobState, ReturnStatus
from shopfloor.protocols.job_list import JobRecord, StepRecord
from shopfloor.simulator.recipes import Step, draw, steps_of
from shopfloor.strict_json import JsonRefused

_ACCEPTED = ReturnStatus(ReturnStatus.SUCCESS)


@dataclass(frozen=True, slots=True)
class CellSettings:
    """`speed` divides waiting only; `defect_per_mille` is each piece's chance to fail the inspection."""

    name: str
    operations: frozenset[str]
    speed: int = 60
    seed: int = 1
    defect_per_mille: int = 0
    queue_limit: int = 64
    remembered: int = 64  # ended jobs that stay in JobOrderList


class Cell:
    """The receiver. `clock` gives milliseconds UTC; `changed` is awaited after every change of the list."""

    def __init__(
        self,
        settings: CellSettings,
        clock: Callable[[], int],
        changed: Callable[[], Awaitable[None]],
        inspected: Callable[[InspectionResult], Awaitable[None]],
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._changed = changed
        self._inspected = inspected
        self._jobs: dict[str, JobRecord] = {}  # in order of arrival
        self._plans: dict[str, tuple[Step, ...]] = {}
        self._work = asyncio.Event()
        self._go = asyncio.Event()  # cleared while the running job is interrupted
        self._go.set()
        self._stop = asyncio.Event()  # set to abort the running job

    @property
    def records(self) -> tuple[JobRecord, ...]:
        """JobOrderList, oldest first."""
        return tuple(self._jobs.values())

    @property
    def current(self) -> JobRecord | None:
        """The job that runs or is interrupted, or None."""
        active = (JobState.RUNNING, JobState.INTERRUPTED)
        return next((r for r in self._jobs.values() if r.state in active), None)

    async def store_and_start(self, text: str) -> ReturnStatus:
        """Take a job. Same id and content again: accepted, nothing happens; other content: invalid request."""
        try:
            order = JobOrder.loads(text)
            plan = steps_of(order, self.settings.seed)
        except JsonRefused:
            return ReturnStatus(ReturnStatus.INVALID_REQUEST)
        known = self._jobs.get(order.job_id)
        if known is not None:
            same = known.order.content_hash == order.content_hash
            return _ACCEPTED if same else ReturnStatus(ReturnStatus.INVALID_REQUEST)
        waiting = sum(1 for r in self._jobs.values() if not r.over)
        if order.operation not in self.settings.operations or waiting >= self.settings.queue_limit:
            return ReturnStatus(ReturnStatus.CANNOT_ACCEPT)
        self._jobs[order.job_id] = JobRecord(
            order=order,
            state=JobState.ALLOWED_TO_START,
            result=JobResult.UNKNOWN,
            mode=ExecutionMode.SIMULATION,
            started_ms=0,
            ended_ms=0,
            changed_ms=self._clock(),
            interruptions=0,
            reason="",
            steps=(),
        )
        self._plans[order.job_id] = plan
        self._forget()
        self._work.set()
        await self._changed()
        return _ACCEPTED

    async def abort(self, job_id: str) -> ReturnStatus:
        """Stop a job for good; bit 1 for an unknown one, bit 3 when it is over."""
        record = self._jobs.get(job_id)
        if record is None:
            return ReturnStatus(ReturnStatus.UNKNOWN_ID)
        if record.over:
            return ReturnStatus(ReturnStatus.INVALID_STATUS)
        if record.state is JobState.ALLOWED_TO_START:
            await self._become(job_id, JobState.ABORTED, reason="aborted before the start")
        else:
            self._stop.set()
            self._go.set()
        return _ACCEPTED

    async def pause(self, job_id: str) -> ReturnStatus:
        """Interrupt the running job."""
        return await self._switch(job_id, JobState.RUNNING, JobState.INTERRUPTED)

    async def resume(self, job_id: str) -> ReturnStatus:
        """Let the interrupted job go on."""
        return await self._switch(job_id, JobState.INTERRUPTED, JobState.RUNNING)

    async def _switch(self, job_id: str, source: JobState, target: JobState) -> ReturnStatus:
        record = self._jobs.get(job_id)
        if record is None:
            return ReturnStatus(ReturnStatus.UNKNOWN_ID)
        if record.state is not source:
            return ReturnStatus(ReturnStatus.INVALID_STATUS)
        if target is JobState.INTERRUPTED:
            self._go.clear()
        else:
            self._go.set()
        await self._become(job_id, target, reason="suspended by a person" if target is JobState.INTERRUPTED else "")
        return _ACCEPTED

    async def run(self) -> None:
        """Work for ever, one job after another, until cancelled."""
        while True:
            ready = next((r for r in self._jobs.values() if r.state is JobState.ALLOWED_TO_START), None)
            if ready is None:
                self._work.clear()
                await self._work.wait()
            else:
                await self._work_on(ready.order)

    async def _work_on(self, order: JobOrder) -> None:
        self._stop.clear()
        self._go.set()
        await self._become(order.job_id, JobState.RUNNING)
        plan = self._plans[order.job_id]
        defects = 0
        for index, step in enumerate(plan, start=1):
            if not await self._wait(step.duration_ms / 1_000 / self.settings.speed):
                await self._become(order.job_id, JobState.ABORTED, reason="aborted")
                return
            if step.name == "inspection":
                defects = self._defects(order)
                await self._inspected(InspectionResult(order.job_id, order.quantity, defects))
            done = StepRecord(step.name, index, len(plan), step.duration_ms, self._clock())
            record = self._jobs[order.job_id]
            self._jobs[order.job_id] = replace(record, steps=(*record.steps, done))
            await self._changed()
        result = JobResult.UNSUCCESSFUL if defects else JobResult.SUCCESSFUL
        await self._become(order.job_id, JobState.ENDED, result=result)

    async def _wait(self, seconds: float) -> bool:
        """Let the step's time pass and any interruption end; False when the job was aborted meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            await self._go.wait()
        return not self._stop.is_set()

    def _defects(self, order: JobOrder) -> int:
        chance, seed = self.settings.defect_per_mille, self.settings.seed
        return sum(draw(f"{seed}:{order.job_id}:piece-{i}", 1_000) < chance for i in range(order.quantity))

    async def _become(
        self, job_id: str, state: JobState, *, result: JobResult = JobResult.UNKNOWN, reason: str = ""
    ) -> None:
        record, now = self._jobs[job_id], self._clock()
        self._jobs[job_id] = replace(
            record,
            state=state,
            result=result,
            reason=reason,
            changed_ms=now,
            started_ms=record.started_ms or (now if state is JobState.RUNNING else 0),
            ended_ms=now if state in (JobState.ENDED, JobState.ABORTED) else 0,
            interruptions=record.interruptions + (state is JobState.INTERRUPTED),
        )
        await self._changed()

    def _forget(self) -> None:
        over = [job_id for job_id, record in self._jobs.items() if record.over]
        for job_id in over[: max(0, len(over) - self.settings.remembered)]:
            del self._jobs[job_id], self._plans[job_id]
