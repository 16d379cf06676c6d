"""The JobOrderList variable: every job the receiver knows, with its state, steps done and result.

A job is no node in OPC 10031-4. So one variable carries the whole truth as JSON, and a reader that missed
updates loses nothing: it compares the latest list with what it has already recorded.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from shopfloor.protocols.isa95 import MAX_LIST_TEXT, ExecutionMode, JobOrder, JobResult, JobState
from shopfloor.strict_json import MAX_SAFE_INTEGER, JsonRefused, as_array, as_int, as_object, as_text, loads

MAX_JOBS = 256
_STATE_TEXT = {
    JobState.NOT_ALLOWED_TO_START: "NotAllowedToStart",
    JobState.ALLOWED_TO_START: "AllowedToStart",
    JobState.RUNNING: "Running",
    JobState.INTERRUPTED: "Interrupted",
    JobState.ENDED: "Ended",
    JobState.ABORTED: "Aborted",
}


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One finished step: `index` from 1 to `of`, machine time `duration_ms`, wall time `ended_ms` (UTC)."""

    name: str
    index: int
    of: int
    duration_ms: int
    ended_ms: int


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One entry of JobOrderList. Times are milliseconds UTC, 0 when it has not happened yet."""

    order: JobOrder
    state: JobState
    result: JobResult
    mode: ExecutionMode
    started_ms: int
    ended_ms: int
    changed_ms: int
    interruptions: int
    reason: str
    steps: tuple[StepRecord, ...]

    @property
    def over(self) -> bool:
        """True when the job will not change any more."""
        return self.state in (JobState.ENDED, JobState.ABORTED)

    def to_json(self) -> dict[str, Any]:
        """The entry as `{JobOrder, State[], JobResponse}`."""
        return {
            "JobOrder": self.order.to_isa95(),
            "State": [{"BrowsePath": None, "StateText": _STATE_TEXT[self.state], "StateNumber": int(self.state)}],
            "JobResponse": {
                "JobResult": int(self.result),
                "JobExecutionMode": int(self.mode),
                "StartTime": self.started_ms,
                "EndTime": self.ended_ms,
                "ChangeTime": self.changed_ms,
                "Interruptions": self.interruptions,
                "ReasonForStateChange": self.reason,
                "JobResponseData": [
                    {"ID": s.name, "Index": s.index, "Of": s.of, "DurationMs": s.duration_ms, "EndTime": s.ended_ms}
                    for s in self.steps
                ],
            },
        }

    @classmethod
    def from_json(cls, value: object) -> "JobRecord":
        """Read one entry. Raises JsonRefused."""
        raw = as_object(value, "JobOrderList entry")
        response = as_object(raw.get("JobResponse"), "JobResponse")
        states = as_array(raw.get("State"), "State", limit=8)
        if not states:
            raise JsonRefused("State: empty")
        top = as_object(states[0], "State")
        return cls(
            order=JobOrder.from_isa95(raw.get("JobOrder")),
            state=JobState(as_int(top.get("StateNumber"), "StateNumber", 1, 6)),
            result=JobResult(as_int(response.get("JobResult"), "JobResult", 0, 2)),
            mode=ExecutionMode(as_int(response.get("JobExecutionMode"), "JobExecutionMode", 0, 2)),
            started_ms=_moment(response, "StartTime"),
            ended_ms=_moment(response, "EndTime"),
            changed_ms=_moment(response, "ChangeTime"),
            interruptions=as_int(response.get("Interruptions"), "Interruptions", 0, 1_000_000),
            reason=as_text(response.get("ReasonForStateChange"), "ReasonForStateChange"),
            steps=tuple(_step(s) for s in as_array(response.get("JobResponseData"), "JobResponseData", limit=64)),
        )


def dump_job_list(records: Iterable[JobRecord]) -> str:
    """The variable's value for `records`."""
    return json.dumps([record.to_json() for record in records], separators=(",", ":"))


def load_job_list(text: str) -> dict[str, JobRecord]:
    """Job id → record, from the variable's value. Raises JsonRefused."""
    entries = as_array(loads(text, limit=MAX_LIST_TEXT), "JobOrderList", limit=MAX_JOBS)
    return {record.order.job_id: record for record in map(JobRecord.from_json, entries)}


def _moment(raw: Any, field: str) -> int:
    return as_int(raw.get(field), field, 0, MAX_SAFE_INTEGER)


def _step(value: object) -> StepRecord:
    raw = as_object(value, "JobResponseData")
    return StepRecord(
        name=as_text(raw.get("ID"), "ID", limit=64),
        index=as_int(raw.get("Index"), "Index", 1, 64),
        of=as_int(raw.get("Of"), "Of", 1, 64),
        duration_ms=as_int(raw.get("DurationMs"), "DurationMs", 0, MAX_SAFE_INTEGER),
        ended_ms=_moment(raw, "EndTime"),
    )
