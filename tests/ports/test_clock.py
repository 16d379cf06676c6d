"""Clock: aware instants in UTC that never go back."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from bootstrap.system import SystemClock
from marketplace.ports.clock import Clock
from marketplace.ports.fakes.clock import FakeClock


@pytest.fixture(params=[FakeClock, SystemClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


def test_it_tells_an_instant_in_utc_that_never_goes_back(clock: Clock) -> None:
    first, second = clock.now(), clock.now()
    assert first.utcoffset() == timedelta(0)
    assert first <= second


class TestFakeClock:
    def test_stands_still_until_it_is_moved(self) -> None:
        clock = FakeClock()
        before = clock.now()
        assert clock.now() == before
        assert clock.move(timedelta(hours=2)) == before + timedelta(hours=2) == clock.now()

    def test_is_set_in_any_zone(self) -> None:
        noon_there = datetime(2028, 1, 1, 12, tzinfo=timezone(timedelta(hours=-3)))
        assert FakeClock().set(noon_there) == datetime(2028, 1, 1, 15, tzinfo=UTC)

    def test_refuses_what_no_clock_does(self) -> None:
        clock = FakeClock()
        with pytest.raises(ValueError, match="already"):
            clock.move(timedelta(seconds=-1))
        with pytest.raises(ValueError, match="zone"):
            clock.set(datetime(2030, 1, 1))  # noqa: DTZ001 - without a zone on purpose
        with pytest.raises(ValueError, match="zone"):
            FakeClock(datetime(2030, 1, 1))  # noqa: DTZ001 - without a zone on purpose
