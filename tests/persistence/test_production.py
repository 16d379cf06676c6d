"""Jobs, production events with their identity, and signed batches."""

import itertools
import random
from dataclasses import replace

import pytest

from marketplace.domain.errors import Conflict
from marketplace.domain.evidence import EventCode
from marketplace.domain.production import JobState
from marketplace.persistence.unit_of_work import SqlUnitOfWork
from tests.persistence.samples import NOW, agreement, batch, floor_event, job, placing

LANE = ("gw_1", "e1", "s")


@pytest.fixture
async def _contracted(uow: SqlUnitOfWork) -> None:
    decision = placing()
    async with uow.write() as tx:
        await tx.orders.save(decision.order, decision.events, decision.effects, NOW)
        await tx.agreements.save(agreement())


@pytest.mark.req(107, 112)
@pytest.mark.usefixtures("_contracted")
async def test_jobs_come_back_equal_in_the_order_in_which_they_run(uow: SqlUnitOfWork) -> None:
    first, second = job(), job("job_0", gateway=None, parameters=(), state=JobState.WAITING)
    async with uow.write() as tx:
        await tx.production.add_job(first)
        await tx.production.add_job(second)
        await tx.production.add_job(replace(first, quantity=9))
    ended = replace(first, state=JobState.ENDED, done=2)
    async with uow.read() as tx:
        assert await tx.production.job("job_1") == first
        assert await tx.production.job("job_none") is None
        assert await tx.production.jobs({"job_0", "job_1", "job_none"}) == {"job_0": second, "job_1": first}
        assert await tx.production.jobs([]) == {}
    async with uow.write() as tx:
        await tx.production.save_job(ended)
    async with uow.read() as tx:
        assert await tx.production.jobs_of_agreement("agr_1") == [ended, second]
        assert await tx.production.jobs_of_organisation("org_maker", 10) == [second, ended]
        assert await tx.production.jobs_of_organisation("org_maker", 1) == [second]
        assert await tx.production.jobs_of_organisation("org_other", 10) == []


@pytest.mark.req(103)
async def test_an_identity_holds_one_text(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        assert await tx.production.add_events([floor_event()])
        assert not await tx.production.add_events([floor_event()])
    forged = (
        floor_event(body='{"seq":1,"extra":0}'),
        floor_event(payload_hash="0x" + "00" * 32),
    )
    for other in forged:
        with pytest.raises(Conflict, match="other bytes"):
            async with uow.write() as tx:
                await tx.production.add_events([other])
    async with uow.write() as tx:
        for place in ({"gateway": "gw_2"}, {"epoch": "e2"}, {"lane": "t"}):
            assert await tx.production.add_events([floor_event(body="{}", **place)])


@pytest.mark.req(103)
async def test_an_upload_gives_what_is_new_in_its_own_order(uow: SqlUnitOfWork) -> None:
    first, second, third = (floor_event(seq) for seq in (1, 2, 3))
    other = floor_event(1, lane="t")
    async with uow.write() as tx:
        assert await tx.production.add_events([]) == []
        assert await tx.production.add_events([second]) == [second]
        assert await tx.production.add_events([third, other, second, first, third]) == [third, other, first]
        assert await tx.production.last_hash("agr_1", "gw_1") == first.payload_hash
    with pytest.raises(Conflict, match="other bytes"):
        async with uow.write() as tx:
            await tx.production.add_events([floor_event(4), floor_event(4, body="{}")])
    async with uow.read() as tx:
        assert await tx.production.acknowledged(*LANE) == 3


@pytest.mark.req(103)
async def test_acknowledged_is_what_arrived_without_a_gap(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        assert await tx.production.acknowledged(*LANE) == 0
        for seq, expected in ((2, 0), (3, 0), (1, 3), (5, 3), (7, 3), (4, 5), (6, 7)):
            await tx.production.add_events([floor_event(seq)])
            assert await tx.production.acknowledged(*LANE) == expected, seq
        await tx.production.add_events([floor_event(1, lane="t")])
        assert await tx.production.acknowledged("gw_1", "e1", "t") == 1
        assert await tx.production.acknowledged("gw_1", "e2", "s") == 0


async def test_acknowledged_agrees_with_counting_in_any_order_and_batching(uow: SqlUnitOfWork) -> None:
    order = list(range(1, 25))
    random.Random(7).shuffle(order)
    there: set[int] = set()
    for sequence, chunk in enumerate(itertools.batched(order, 4) if hasattr(itertools, "batched") else _fours(order)):
        async with uow.write() as tx:
            for seq in chunk:
                await tx.production.add_events([floor_event(seq)])
            # A batch makes the repository remember how far the lane is complete.
            await tx.production.add_batch(batch(sequence + 1, sequence + 1, sequence + 1))
        there |= set(chunk)
        counted = next(seq for seq in itertools.count(1) if seq not in there) - 1
        async with uow.read() as tx:
            assert await tx.production.acknowledged(*LANE) == counted


def _fours(numbers: list[int]) -> list[list[int]]:
    return [numbers[start : start + 4] for start in range(0, len(numbers), 4)]


@pytest.mark.req(87)
async def test_last_hash_is_the_newest_of_the_pair(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        assert await tx.production.last_hash("agr_1", "gw_1") is None
        await tx.production.add_events([floor_event(9)])
        await tx.production.add_events([floor_event(1, epoch="e2")])
        await tx.production.add_events([floor_event(10, agreement_id="agr_2")])
        await tx.production.add_events([floor_event(11, gateway="gw_2")])
        assert await tx.production.last_hash("agr_1", "gw_1") == floor_event(1).payload_hash


@pytest.mark.req(87)
async def test_a_place_in_a_lane_has_one_batch(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        assert await tx.production.add_batch(batch(1, 3))
        assert not await tx.production.add_batch(batch(1, 3))
        assert await tx.production.add_batch(batch(1, 3, lane="t"))
    for other in (batch(1, 3, root="0x" + "ff" * 32), batch(4, 5), batch(1, 3, 2)):
        with pytest.raises(Conflict, match="batch"):
            async with uow.write() as tx:
                await tx.production.add_batch(other)


@pytest.mark.req(87)
async def test_batch_with_gives_the_first_complete_batch_and_all_its_events(uow: SqlUnitOfWork) -> None:
    finished = EventCode.PRODUCTION_FINISHED.value
    events = [
        floor_event(1),
        floor_event(2, agreement_id="agr_2", code=finished),
        floor_event(3, code=finished),
        floor_event(4, code=finished),
    ]
    async with uow.write() as tx:
        for event in reversed(events[1:]):
            await tx.production.add_events([event])
        assert await tx.production.batch_with("agr_1", finished) is None
        await tx.production.add_batch(batch(1, 3))
        await tx.production.add_batch(batch(4, 4, 2))
        # The first batch lacks event 1, so nothing could be proved from it.
        assert await tx.production.batch_with("agr_1", finished) == (batch(4, 4, 2), [events[3]])
        await tx.production.add_events([events[0]])
    async with uow.read() as tx:
        assert await tx.production.batch_with("agr_1", finished) == (batch(1, 3), events[:3])
        assert await tx.production.batch_with("agr_1", EventCode.SHIPPED.value) is None
        assert await tx.production.batch_with("agr_3", finished) is None


@pytest.mark.req(87)
async def test_last_batch_is_the_highest_number_of_an_epoch(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        assert await tx.production.last_batch("gw_1", "e1") is None
        # The order of arrival does not matter, the number does.
        for one in (batch(4, 6, 2), batch(1, 3), batch(1, 9, 5, epoch="e2"), batch(1, 9, 7, gateway="gw_2")):
            await tx.production.add_batch(one)
    async with uow.read() as tx:
        assert await tx.production.last_batch("gw_1", "e1") == batch(4, 6, 2)
        assert await tx.production.last_batch("gw_1", "e2") == batch(1, 9, 5, epoch="e2")
        assert await tx.production.last_batch("gw_3", "e1") is None


async def test_the_events_of_a_batch_are_those_that_are_stored(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        for seq in (3, 1, 4):
            await tx.production.add_events([floor_event(seq)])
        await tx.production.add_events([floor_event(2, epoch="e2")])
        assert await tx.production.events_of(batch(1, 3)) == [floor_event(1), floor_event(3)]
        assert await tx.production.events_of(batch(5, 6)) == []
