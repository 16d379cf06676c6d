"""A stop that a task did not hear is said again, and a stop has an end."""

import asyncio

from shopfloor.protocols.ending import end


async def deaf(times: int) -> None:
    """Loses its first `times` cancellations, as `asyncio.wait_for` before Python 3.12 does."""
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if times == 0:
                raise
            times -= 1


async def test_a_task_that_lost_its_cancellation_is_told_again() -> None:
    tasks = [asyncio.create_task(deaf(times)) for times in (0, 1, 3)]
    await asyncio.sleep(0)
    assert await end(tasks, 0.01)
    assert all(task.cancelled() for task in tasks)


async def test_a_task_that_never_listens_is_left_alone() -> None:
    task = asyncio.create_task(deaf(4))
    await asyncio.sleep(0)
    assert not await end([task], 0.01)
    assert await end([task], 0.01)


async def test_tasks_that_have_ended_or_failed_need_nothing() -> None:
    async def fail() -> None:
        raise ValueError("as planned")

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    assert await end([task], 0.01)
    assert await end([], 0.01)
