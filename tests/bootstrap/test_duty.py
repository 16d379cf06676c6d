"""A step that only the process on duty does."""

from typing import Any, cast

import pytest

from bootstrap.duty import STAND_BY_S, on_duty
from bootstrap.metrics import Metrics
from marketplace.application.context import Context
from marketplace.ports.unit_of_work import StoreUnavailable

CTX = cast(Context, None)


class Hold:
    """A duty that a test gives and takes."""

    def __init__(self) -> None:
        self.free = False
        self.given_up = False
        self.away = False

    async def held(self) -> bool:
        return self.free

    async def give_up(self) -> None:
        self.given_up = True
        if self.away:
            raise StoreUnavailable("away")


async def step(_: Context) -> float:
    return 0.25


async def test_the_step_is_done_on_duty_only(caplog: pytest.LogCaptureFixture) -> None:
    hold, metrics = Hold(), Metrics()
    with caplog.at_level("INFO"):
        async with on_duty(cast(Any, hold), step, metrics) as on:
            rests = [await on(CTX)]
            hold.free = True
            rests += [await on(CTX), await on(CTX)]
            hold.free = False
            rests.append(await on(CTX))
    assert rests == [STAND_BY_S, 0.25, 0.25, STAND_BY_S]
    assert [record.getMessage() for record in caplog.records] == [
        "the duty is ours now",
        "the duty is another worker's now",
    ]
    assert hold.given_up


async def test_an_end_beside_a_database_that_is_away_is_still_an_end() -> None:
    hold = Hold()
    hold.away = True
    async with on_duty(cast(Any, hold), step, Metrics()):
        pass
    assert hold.given_up
