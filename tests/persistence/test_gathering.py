"""What is asked for at the same moment is done as one, and nobody is harmed by whom they share a round with."""

import asyncio
from collections.abc import Sequence

import pytest

from marketplace.persistence.gathering import Gathering
from marketplace.ports.unit_of_work import Apart, StoreUnavailable


class Work:
    """Doubles numbers, a round at a time, when it is let."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.may_end = asyncio.Event()
        self.failure: Exception | None = None

    async def __call__(self, some: Sequence[int]) -> Sequence[int]:
        self.rounds.append([*some])
        await self.may_end.wait()
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        return [2 * one for one in some]


async def begun(gathering: Gathering[int, int], numbers: Sequence[int]) -> list[asyncio.Task[int]]:
    """Each number asked for, the first one's round at work."""
    tasks = []
    for number in numbers:
        tasks.append(asyncio.create_task(gathering.do(number)))
        for _ in range(3):
            await asyncio.sleep(0)
    return tasks


async def test_who_is_alone_does_not_wait() -> None:
    work = Work()
    work.may_end.set()
    gathering = Gathering(work)
    assert [await gathering.do(number) for number in (1, 2)] == [2, 4]
    assert work.rounds == [[1], [2]]


async def test_who_comes_during_a_round_shares_the_next_one() -> None:
    work = Work()
    tasks = await begun(Gathering(work, at_most=3), range(6))
    work.may_end.set()
    assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8, 10]
    assert work.rounds == [[0], [1, 2, 3], [4, 5]]


async def test_a_failure_is_told_to_its_round_and_not_to_the_next() -> None:
    work = Work()
    tasks = await begun(Gathering(work), range(2))
    work.failure = ValueError("one of them")
    work.may_end.set()
    with pytest.raises(Apart, match="ValueError"):
        await tasks[0]
    assert await tasks[1] == 2


async def test_a_database_that_is_away_is_waited_for_once() -> None:
    work = Work()
    gathering = Gathering(work)
    tasks = await begun(gathering, range(3))
    work.failure = StoreUnavailable("no answer")
    work.may_end.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in found] == [StoreUnavailable] * 3
    assert work.rounds == [[0]]
    assert await gathering.do(4) == 8


async def test_who_goes_away_takes_nobody_along() -> None:
    work = Work()
    tasks = await begun(Gathering(work), range(3))
    tasks[0].cancel()
    tasks[1].cancel()
    await asyncio.sleep(0)
    work.may_end.set()
    assert await tasks[2] == 4
    assert work.rounds == [[0], [1, 2]]
