"""Jobs on the shop floor, in the words of ISA-95 job control (OPC 10031-4), and what they mean for an order."""

from dataclasses import dataclass, replace
from enum import StrEnum

from marketplace.domain.evidence import EventCode


class JobState(StrEnum):
    """Where a job is; the shop floor says so, never we."""

    WAITING = "waiting"
    DISPATCHED = "dispatched"
    RUNNING = "running"
    ENDED = "ended"
    FAILED = "failed"
    REFUSED = "refused"


FINAL = frozenset({JobState.ENDED, JobState.FAILED, JobState.REFUSED})


@dataclass(frozen=True, slots=True)
class JobParameter:
    """One ISA-95 job-order parameter."""

    id: str
    value: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One operation of one agreement. `gateway` is the machine's gateway, or None where people report by hand."""

    id: str
    order_id: str
    agreement_id: str
    organisation_id: str
    operation: str
    quantity: int
    parameters: tuple[JobParameter, ...]
    spec_hash: str
    gateway: str | None
    due: int
    state: JobState = JobState.WAITING
    done: int = 0
    of: int = 0

    @property
    def by_hand(self) -> bool:
        """Whether a person reports this job."""
        return self.gateway is None


_STATE_AFTER = {
    EventCode.JOB_ACCEPTED: JobState.DISPATCHED,
    EventCode.JOB_REFUSED: JobState.REFUSED,
    EventCode.PRODUCTION_STARTED: JobState.RUNNING,
    EventCode.OPERATION_FINISHED: JobState.RUNNING,
    EventCode.INSPECTION_PASSED: JobState.RUNNING,
    EventCode.INSPECTION_FAILED: JobState.FAILED,
    EventCode.PRODUCTION_PAUSED: JobState.RUNNING,
    EventCode.PRODUCTION_FINISHED: JobState.ENDED,
    EventCode.PRODUCTION_FAILED: JobState.FAILED,
}


def advance(job: Job, code: int, *, done: int | None = None, of: int | None = None) -> Job:
    """The job after an event with `code`.

    A job that has ended stays as it is and one that runs is not accepted or refused any more: events of different
    lanes may arrive out of order. Codes of no job change nothing.
    """
    state = _STATE_AFTER.get(EventCode(code)) if code in set(EventCode) else None
    late = job.state is JobState.RUNNING and code in (EventCode.JOB_ACCEPTED, EventCode.JOB_REFUSED)
    if state is None or job.state in FINAL or late:
        return job
    return replace(job, state=state, done=job.done if done is None else done, of=job.of if of is None else of)
