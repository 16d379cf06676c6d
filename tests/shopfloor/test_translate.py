"""From machine records to evidence: every state, in order, and the same again for every reader."""

from dataclasses import replace

import pytest

from shopfloor.gateway.evidence import EVENT_CODES, MILESTONE_CODES
from shopfloor.gateway.translate import ending, inspected, progress, wants_inspection
from shopfloor.protocols.inspection import InspectionResult
from shopfloor.protocols.isa95 import ExecutionMode, JobResult, JobState
from shopfloor.protocols.job_list import JobRecord, StepRecord, dump_job_list, load_job_list
from tests.shopfloor.worlds import job_order

NOW = 1_000_000
ORDER = job_order(inspection="complete")
STEPS = (StepRecord("drilling", 1, 2, 120_000, 2_000), StepRecord("inspection", 2, 2, 80_000, 3_000))
RECORD = JobRecord(
    order=ORDER,
    state=JobState.ENDED,
    result=JobResult.SUCCESSFUL,
    mode=ExecutionMode.PRODUCTION,
    started_ms=1_000,
    ended_ms=3_001,
    changed_ms=3_001,
    interruptions=0,
    reason="",
    steps=STEPS,
)


def test_a_finished_job_tells_its_whole_story() -> None:
    story = [*progress(RECORD, "AMP", NOW, resync=False), ending(RECORD, "AMP", NOW, inspection_ok=True)]
    assert [(n.once, n.draft.kind, n.draft.at) for n in story] == [
        ("started", "production_started", 1_000),
        ("step-1", "operation_finished", 2_000),
        ("step-2", "operation_finished", 3_000),
        ("ended", "production_finished", 3_001),
    ]
    assert story[1].draft.value == {"step": "drilling", "index": "1", "of": "2", "duration_ms": "120000"}
    assert story[1].draft.station == "amp-drilling"
    assert {n.draft.mode for n in story} == {"production"}
    assert {EVENT_CODES[n.draft.kind] for n in story} <= set(EVENT_CODES.values())


def test_what_was_read_after_a_gap_says_so() -> None:
    assert all(n.draft.value["resync"] == "true" for n in progress(RECORD, "AMP", NOW, resync=True))


def test_a_stamp_from_the_future_is_not_believed() -> None:
    assert [n.draft.at for n in progress(RECORD, "AMP", 1_500, resync=False)] == [1_000, 1_500, 1_500]


@pytest.mark.parametrize(
    ("state", "result", "inspection_ok", "kind"),
    [
        (JobState.ENDED, JobResult.SUCCESSFUL, True, "production_finished"),
        (JobState.ENDED, JobResult.SUCCESSFUL, False, "production_failed"),
        (JobState.ENDED, JobResult.UNSUCCESSFUL, True, "production_failed"),
        (JobState.ENDED, JobResult.UNKNOWN, True, "production_failed"),
        (JobState.ABORTED, JobResult.SUCCESSFUL, True, "production_failed"),
    ],
)
def test_finished_needs_ended_and_result_one_and_no_failed_inspection(
    state: JobState, result: JobResult, inspection_ok: bool, kind: str
) -> None:
    record = replace(RECORD, state=state, result=result)
    named = ending(record, "AMP", NOW, inspection_ok=inspection_ok)
    assert named.draft.kind == kind
    assert EVENT_CODES[kind] in MILESTONE_CODES
    assert ("reason" in named.draft.value) == (kind == "production_failed")


def test_each_interruption_is_told_once() -> None:
    paused = replace(RECORD, state=JobState.INTERRUPTED, interruptions=2, reason="tool worn", steps=STEPS[:1])
    last = progress(paused, "AMP", NOW, resync=False)[-1]
    assert (last.once, last.draft.kind, last.draft.value["reason"]) == ("paused-2", "production_paused", "tool worn")


def test_an_inspection_needs_its_step_and_its_option() -> None:
    assert wants_inspection(RECORD)
    assert not wants_inspection(replace(RECORD, steps=STEPS[:1]))
    for off in ("without", "None", "false", "0", ""):
        assert not wants_inspection(replace(RECORD, order=job_order(inspection=off)))


@pytest.mark.req(110)
def test_what_the_station_does_not_show_is_not_passed() -> None:
    good = inspected(RECORD, "AMP", NOW, InspectionResult("job-1", 40, 0))
    bad = inspected(RECORD, "AMP", NOW, InspectionResult("job-1", 40, 1))
    silent = inspected(RECORD, "AMP", NOW, None)
    assert [n.draft.kind for n in (good, bad, silent)] == ["inspection_passed", *["inspection_failed"] * 2]
    assert bad.draft.value == {"checked": "40", "defects": "1"}


def test_the_job_list_survives_the_wire() -> None:
    other = replace(RECORD, order=job_order("job-2"), state=JobState.ALLOWED_TO_START, steps=())
    assert load_job_list(dump_job_list([RECORD, other])) == {"job-1": RECORD, "job-2": other}
    assert load_job_list("[]") == {}
