"""How long a search waits: a source is late when the others were not."""

import asyncio

import pytest

from matchmaking.efpf.errors import SourceTimedOut
from matchmaking.efpf.patience import Patience


def test_nobody_heard_is_waited_for_to_the_last() -> None:
    assert Patience(10, least_s=1.5, most_s=2.7).until_s() == pytest.approx(12.7)


@pytest.mark.parametrize(
    ("heard", "until"), [([10.1], 11.5), ([10.1, 11.0], 11.5), ([11.2, 10.1], 11.8), ([10.5, 12.4], 12.7)]
)
def test_the_slowest_that_was_heard_decides(heard: list[float], until: float) -> None:
    patience = Patience(10, least_s=1.5, most_s=2.7)
    for moment in heard:
        patience.heard(moment)
    assert patience.until_s() == pytest.approx(until)
    assert patience.most_left_s(11.0) == pytest.approx(1.7)
    assert patience.most_left_s(99.0) == 0


async def test_who_is_late_is_cancelled_and_named() -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    patience = Patience(loop.time(), least_s=0.01, most_s=60)

    async def drip() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    patience.heard(loop.time())
    with pytest.raises(SourceTimedOut, match="no whole answer") as caught:
        await patience.within("slow", drip())
    assert caught.value.source == "slow"
    assert ended.is_set()


async def test_patience_grows_while_others_come_in() -> None:
    loop, until = asyncio.get_running_loop(), asyncio.Event()
    patience = Patience(loop.time(), least_s=0.01, most_s=60)
    patience.heard(loop.time())
    waiting = asyncio.create_task(patience.within("late", until.wait()))
    patience.heard(loop.time() + 30)  # before the first end came: another one was as slow as that
    await asyncio.sleep(0.1)
    assert not waiting.done()
    until.set()
    assert await waiting is True


async def test_who_waits_already_is_given_up_once_another_was_heard() -> None:
    loop = asyncio.get_running_loop()
    patience = Patience(loop.time(), least_s=0.01, most_s=3_600)
    waiting = asyncio.create_task(patience.within("slow", asyncio.sleep(3_600)))
    await asyncio.sleep(0)
    patience.heard(loop.time())
    with pytest.raises(SourceTimedOut):
        await asyncio.wait_for(waiting, 600)


async def test_an_answer_that_lay_unread_while_we_were_away_is_taken() -> None:
    loop, answer = asyncio.get_running_loop(), asyncio.Event()
    patience = Patience(loop.time() - 10, least_s=1, most_s=1)  # nine seconds late already

    async def steps() -> str:
        await answer.wait()
        await asyncio.sleep(0)  # reading takes the loop some turns
        return "read"

    loop.call_soon(answer.set)
    assert await patience.within("healthy", steps()) == "read"


async def test_whoever_waits_may_be_cancelled_and_nothing_goes_on_behind() -> None:
    patience = Patience(asyncio.get_running_loop().time(), least_s=60, most_s=60)
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    waiting = asyncio.create_task(patience.within("any", work()))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()
