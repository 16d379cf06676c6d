"""What a job record of the machine means as evidence: a pure function, so a missed update costs nothing.

The machine's record tells the whole story of a job; every call gives all the events that it implies, each with a name
(`once`) that the spool writes only once.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shopfloor.gateway.evidence import EVENT_CODES, Draft
from shopfloor.protocols.inspection import InspectionResult
from shopfloor.protocols.isa95 import ExecutionMode, JobOrder, JobResult, JobState
from shopfloor.protocols.job_list import JobRecord, StepRecord

INSPECTION = "inspection"  # the parameter, the step and the `once` of its event
FINISH_CODE = "finish_code"  # the parameter that names the event code of a good end; 600 where it is absent
_MODES: Mapping[ExecutionMode, str] = {
    ExecutionMode.SIMULATION: "simulation",
    ExecutionMode.TEST: "test",
    ExecutionMode.PRODUCTION: "production",
}


@dataclass(frozen=True, slots=True)
class Named:
    """An event and its name within the job."""

    once: str
    draft: Draft


def draft_of(
    order: JobOrder, kind: str, at: int, *, station: str, mode: ExecutionMode, value: Mapping[str, str]
) -> Draft:
    """An event about `order`; `at` is milliseconds UTC."""
    return Draft(
        agreement=order.agreement,
        spec=order.spec,
        order=order.order_id,
        job=order.job_id,
        station=station,
        kind=kind,
        at=at,
        mode=_MODES[mode],
        value=dict(value),
    )


def progress(record: JobRecord, cell: str, now_ms: int, *, resync: bool) -> list[Named]:
    """Started, finished steps and interruptions of `record`, in order.

    A stamp of the machine counts unless it lies in the gateway's future; `resync` marks what was read after a gap.
    """
    extra = {"resync": "true"} if resync else {}
    found: list[Named] = []

    def add(once: str, kind: str, at: int, station: str, value: Mapping[str, str]) -> None:
        stamp = min(at, now_ms) or now_ms
        draft = draft_of(record.order, kind, stamp, station=station, mode=record.mode, value={**value, **extra})
        found.append(Named(once, draft))

    if record.started_ms:
        quantity = {"operation": record.order.operation, "quantity": str(record.order.quantity)}
        add("started", "production_started", record.started_ms, cell, quantity)
    for step in record.steps:
        add(f"step-{step.index}", "operation_finished", step.ended_ms, station_of(cell, step.name), _facts(step))
    if record.state is JobState.INTERRUPTED:
        reason = {"reason": record.reason or "interrupted"}
        add(f"paused-{record.interruptions}", "production_paused", record.changed_ms, cell, reason)
    return found


def inspected(record: JobRecord, cell: str, now_ms: int, result: InspectionResult | None) -> Named:
    """The inspection's event; without a result in time it has failed: what is not shown is not passed."""
    if result is None:
        kind, value = "inspection_failed", {"reason": "no result from the station in time"}
    else:
        kind = "inspection_passed" if result.passed else "inspection_failed"
        value = {"checked": str(result.checked), "defects": str(result.defects)}
    station = station_of(cell, INSPECTION)
    return Named(INSPECTION, draft_of(record.order, kind, now_ms, station=station, mode=record.mode, value=value))


def ending(record: JobRecord, cell: str, now_ms: int, *, inspection_ok: bool) -> Named:
    """The last event of a job that is over. Finished needs Ended, JobResult 1 and no failed inspection."""
    good = record.state is JobState.ENDED and record.result is JobResult.SUCCESSFUL and inspection_ok
    if good and record.order.parameter(FINISH_CODE) == str(EVENT_CODES["operation_finished"]):
        # Another operation of the same agreement follows: only the last one may prove the agreement's milestone.
        value = {"quantity": str(record.order.quantity), "step": record.order.operation, "final": "true"}
        kind = "operation_finished"
    elif good:
        kind, value = "production_finished", {"quantity": str(record.order.quantity)}
    else:
        words = "inspection failed" if not inspection_ok else record.reason or "ended without success"
        kind, value = "production_failed", {"reason": words}
    at = min(record.ended_ms, now_ms) or now_ms
    return Named("ended", draft_of(record.order, kind, at, station=cell, mode=record.mode, value=value))


def wants_inspection(record: JobRecord) -> bool:
    """True when the job asks for an inspection and its step is done."""
    return record.order.asks(INSPECTION) and any(step.name == INSPECTION for step in record.steps)


def station_of(cell: str, step: str) -> str:
    """The name of the station that does `step`."""
    return f"{cell}-{step}".lower()


def _facts(step: StepRecord) -> Mapping[str, str]:
    return {
        "step": step.name,
        "index": str(step.index),
        "of": str(step.of),
        "duration_ms": str(step.duration_ms),
    }
