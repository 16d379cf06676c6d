"""A job moves as its events say, and never back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.evidence import EventCode
from marketplace.domain.production import FINAL, Job, JobParameter, JobState, advance

JOB = Job(
    id="job",
    order_id="order",
    agreement_id="supply-1",
    organisation_id="bases",
    operation="turning",
    quantity=40,
    parameters=(JobParameter("diameter", "40", "mm"),),
    spec_hash="0x" + "66" * 32,
    gateway="gateway",
    due=1_767_600_000,
)

# Code → the state after it, from waiting, from dispatched, from running. A dot means: as it was.
STATES = """
OPENED               .           .           .
RETAINED             .           .           .
JOB_ACCEPTED         dispatched  dispatched  .
JOB_REFUSED          refused     refused     .
PRODUCTION_STARTED   running     running     running
OPERATION_FINISHED   running     running     running
INSPECTION_PASSED    running     running     running
INSPECTION_FAILED    failed      failed      failed
PRODUCTION_PAUSED    running     running     running
PRODUCTION_FINISHED  ended       ended       ended
PRODUCTION_FAILED    failed      failed      failed
SHIPPED              .           .           .
DELIVERED            .           .           .
"""
ROWS = [line.split() for line in STATES.strip().splitlines()]
LIVE = (JobState.WAITING, JobState.DISPATCHED, JobState.RUNNING)


@pytest.mark.req(88, 91)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_live_job_follows_its_events(row: list[str]) -> None:
    name, *after = row
    for before, expected in zip(LIVE, after, strict=True):
        job = advance(replace(JOB, state=before), EventCode[name])
        assert job.state == (before if expected == "." else expected)


def test_the_table_names_every_code_and_every_state() -> None:
    assert [row[0] for row in ROWS] == [code.name for code in EventCode]
    assert set(JobState) == {*LIVE, *FINAL}


@pytest.mark.parametrize("state", sorted(FINAL))
@pytest.mark.parametrize("code", EventCode)
def test_a_job_that_has_ended_stays_as_it_is(state: JobState, code: EventCode) -> None:
    ended = replace(JOB, state=state, done=3)
    assert advance(ended, code, done=40, of=40) == ended


@pytest.mark.parametrize("code", [0, -1, 3, 999, 2**16, 10**30])
def test_a_code_that_nobody_defined_changes_nothing(code: int) -> None:
    assert advance(JOB, code, done=5) == JOB


def test_pieces_are_counted_where_the_event_counts_them() -> None:
    counted = advance(JOB, EventCode.OPERATION_FINISHED, done=7, of=40)
    assert (counted.done, counted.of) == (7, 40)
    assert (advance(counted, EventCode.INSPECTION_PASSED).done, counted.of) == (7, 40)
    assert advance(counted, EventCode.INSPECTION_PASSED, done=0).done == 0


@given(st.lists(st.sampled_from(EventCode), max_size=12))
def test_no_event_takes_a_job_backwards(codes: list[EventCode]) -> None:
    order = [*LIVE, *FINAL]
    job = JOB
    for code in codes:
        later = advance(job, code)
        assert later.state is job.state or order.index(later.state) > order.index(job.state)
        job = later


@pytest.mark.req(184)
def test_a_job_without_a_gateway_is_reported_by_hand() -> None:
    assert not JOB.by_hand
    assert replace(JOB, gateway=None).by_hand
