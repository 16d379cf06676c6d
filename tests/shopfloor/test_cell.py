"""The simulated cell without its network: recipes, states, idempotence, the same seed giving the same times."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from shopfloor.protocols.inspection import InspectionResult
from shopfloor.protocols.isa95 import ExecutionMode, JobResult, JobState, ReturnStatus
from shopfloor.simulator.cell import Cell, CellSettings
from shopfloor.simulator.recipes import OPERATIONS, steps_of
from shopfloor.strict_json import JsonRefused
from tests.shopfloor.worlds import TickingClock, job_order, until

QUICKEST = 100_000


@asynccontextmanager
async def working(**fields: int) -> AsyncIterator[tuple[Cell, list[InspectionResult]]]:
    """A cell that works; what its inspection finds is collected."""
    found: list[InspectionResult] = []

    async def inspected(result: InspectionResult) -> None:
        found.append(result)

    async def changed() -> None:
        await asyncio.sleep(0)

    settings = CellSettings("AMP", OPERATIONS, **{"speed": QUICKEST, **fields})  # type: ignore[arg-type]
    cell = Cell(settings, TickingClock(), changed, inspected)
    task = asyncio.create_task(cell.run())
    try:
        yield cell, found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.req(70)
def test_the_recipes_follow_the_options() -> None:
    def names(operation: str, **options: str) -> list[str]:
        return [s.name for s in steps_of(job_order("j", operation, **options), 1)]

    assert names("bases", drilling_s="3", inspection="complete", cleaning="without") == [
        "feeding",
        "drilling",
        "inspection",
    ]
    assert names("covers", cleaning="with", pressing="with") == ["feeding", "drilling", "cleaning", "pressing"]
    assert names("machining") == ["clamping", "milling"]
    assert names("assembly", pressing="1", inspection="functional") == [
        "kitting",
        "assembling",
        "pressing",
        "inspection",
    ]


def test_times_depend_on_seed_and_job_alone() -> None:
    order = job_order(drilling_s="3", inspection="complete")
    assert steps_of(order, 1) == steps_of(order, 1)
    assert steps_of(order, 1) != steps_of(order, 2)
    drilling = steps_of(order, 1)[1]
    assert abs(drilling.duration_ms - 120_000) <= 2_400


@pytest.mark.parametrize("value", ["", "-1", "1e3", "NaN", "3,5", "9999", "1.2345", "٣"])
def test_impossible_seconds_are_refused(value: str) -> None:
    if value:
        with pytest.raises(JsonRefused):
            steps_of(job_order(drilling_s=value), 1)
    else:
        assert steps_of(job_order(drilling_s=value), 1) == steps_of(job_order(), 1)


@pytest.mark.req(114)
async def test_jobs_are_worked_one_after_another_to_their_end() -> None:
    async with working() as (cell, found):
        for number in range(5):
            order = job_order(f"job-{number}", inspection="complete")
            assert (await cell.store_and_start(order.dumps())).accepted
        await until(lambda: all(r.over for r in cell.records))
        assert [r.state for r in cell.records] == [JobState.ENDED] * 5
        assert {r.result for r in cell.records} == {JobResult.SUCCESSFUL}
        assert {r.mode for r in cell.records} == {ExecutionMode.SIMULATION}
        starts = [(r.started_ms, r.ended_ms) for r in cell.records]
        assert all(a[1] < b[0] for a, b in pairwise(starts))
        assert [r.job_id for r in found] == [f"job-{n}" for n in range(5)]
        assert cell.current is None


async def test_the_same_job_twice_is_delivered_and_another_content_is_an_error() -> None:
    async with working() as (cell, _):
        assert (await cell.store_and_start(job_order().dumps())).bits == 1
        assert (await cell.store_and_start(job_order().dumps())).bits == 1
        assert (await cell.store_and_start(job_order(quantity=41).dumps())).bits == ReturnStatus.INVALID_REQUEST
        assert len(cell.records) == 1


async def test_refusals_have_their_bits() -> None:
    async with working(queue_limit=1, speed=1) as (cell, _):
        assert (await cell.store_and_start("nonsense")).bits == ReturnStatus.INVALID_REQUEST
        assert (await cell.store_and_start(job_order("j", "welding").dumps())).bits == ReturnStatus.INVALID_REQUEST
        assert (await cell.store_and_start(job_order("j-1").dumps())).accepted
        assert (await cell.store_and_start(job_order("j-2").dumps())).bits == ReturnStatus.CANNOT_ACCEPT
        assert (await cell.abort("nobody")).bits == ReturnStatus.UNKNOWN_ID
        assert (await cell.resume("j-1")).bits == ReturnStatus.INVALID_STATUS
        assert (await cell.pause("nobody")).bits == ReturnStatus.UNKNOWN_ID


async def test_a_job_can_be_interrupted_resumed_and_aborted() -> None:
    async with working(speed=1_000) as (cell, _):
        await cell.store_and_start(job_order("j-1").dumps())
        await cell.store_and_start(job_order("j-2").dumps())
        await until(lambda: cell.records[0].state is JobState.RUNNING)
        assert (await cell.pause("j-1")).accepted
        paused = cell.records[0]
        assert (paused.state, paused.interruptions) == (JobState.INTERRUPTED, 1)
        assert (await cell.resume("j-1")).accepted
        assert (await cell.abort("j-2")).accepted
        assert cell.records[1].state is JobState.ABORTED
        assert (await cell.abort("j-2")).bits == ReturnStatus.INVALID_STATUS
        assert (await cell.abort("j-1")).accepted
        await until(lambda: cell.records[0].over)
        assert cell.records[0].state is JobState.ABORTED
        await cell.store_and_start(job_order("j-3").dumps())
        await until(lambda: cell.records[2].over)
        assert cell.records[2].result is JobResult.SUCCESSFUL


@pytest.mark.req(110)
async def test_defects_end_the_job_without_success() -> None:
    async with working(defect_per_mille=1_000) as (cell, found):
        await cell.store_and_start(job_order(inspection="complete").dumps())
        await until(lambda: bool(cell.records) and cell.records[0].over)
        assert cell.records[0].result is JobResult.UNSUCCESSFUL
        assert (found[0].checked, found[0].defects, found[0].passed) == (40, 40, False)


async def test_only_so_many_ended_jobs_are_remembered() -> None:
    async with working(remembered=2) as (cell, _):
        for number in range(6):
            await cell.store_and_start(job_order(f"j-{number}").dumps())
            await until(lambda: cell.records[-1].over)
        assert [r.order.job_id for r in cell.records] == ["j-3", "j-4", "j-5"]
