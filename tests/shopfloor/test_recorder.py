"""When a batch closes: at a milestone at once, else a moment after its first event, however busy the cell is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shopfloor.gateway.recorder import Recorder
from shopfloor.gateway.spool import Spool
from tests.shopfloor.worlds import DOMAIN, KEY, draft, open_spool

WAIT_S = 0.2


@asynccontextmanager
async def recording(tmp_path: Path) -> AsyncIterator[tuple[Recorder, Spool, list[float]]]:
    """A recorder at work, its spool, and when it said that a batch may leave."""
    spool, left, loop = open_spool(tmp_path / "spool.db"), [], asyncio.get_running_loop()
    recorder = Recorder(spool, KEY, WAIT_S, lambda: left.append(loop.time()))
    task = asyncio.create_task(recorder.run())
    try:
        yield recorder, spool, left
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        spool.store.close()


@pytest.mark.req(159)
async def test_a_cell_that_never_pauses_is_heard_within_the_wait(tmp_path: Path) -> None:
    async with recording(tmp_path) as (recorder, spool, left):
        begun = asyncio.get_running_loop().time()
        for number in range(40):
            await recorder.record(draft(), once=f"step-{number}", domain=DOMAIN)
            await asyncio.sleep(WAIT_S / 8)
        assert len(left) >= 2
        assert left[0] - begun < 3 * WAIT_S
        assert spool.pending_batches(max_records=1)[0].first == 1


async def test_a_milestone_leaves_at_once_and_the_rest_follows(tmp_path: Path) -> None:
    async with recording(tmp_path) as (recorder, spool, left):
        await asyncio.sleep(2 * WAIT_S)  # the tail of an earlier life is looked for once
        await recorder.record(draft("production_finished"), once="ended", domain=DOMAIN)
        assert (len(left), spool.unbatched()) == (1, 0)
        await recorder.record(draft(), once="after", domain=DOMAIN)
        assert spool.unbatched() == 1
        async with asyncio.timeout(10 * WAIT_S):
            while spool.unbatched():  # noqa: ASYNC110 - the recorder tells nobody
                await asyncio.sleep(0.01)
        assert len(left) == 2
