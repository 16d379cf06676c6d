"""The small parts on their own."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import TypeAdapter
from pydantic_core import PydanticCustomError

from marketplace.application.views import TimelineItem as TimelineItemView
from mobile_api import attempts, pagination
from mobile_api.errors import Busy, TooManyAttempts
from mobile_api.passwords import AT_ONCE, WAITING, Passwords
from mobile_api.routers.live import frame
from mobile_api.schemas.base import TypedData


def test_numbers_no_browser_keeps_are_text_in_typed_data() -> None:
    given = {"message": {"small": 7, "large": 2**256 - 1, "list": [2**60, (1,)], "flag": True, "hash": b"\x01\xff"}}
    assert TypeAdapter(TypedData).dump_python(given) == {
        "message": {
            "small": 7,
            "large": str(2**256 - 1),
            "list": [str(2**60), [1]],
            "flag": True,
            "hash": "0x01ff",
        }
    }


def test_a_cursor_is_what_we_made_or_nothing() -> None:
    made = pagination.opaque("ord_1")
    assert made is not None
    assert "ord" not in made
    assert pagination.plain(made) == "ord_1"
    assert pagination.opaque(None) is None
    for strange in ("", "ord_1", made + "=", made[:-1], "é", "AAAA", made * 100):
        with pytest.raises(PydanticCustomError):
            pagination.plain(strange)


def test_instants_are_in_utc_and_one_event_is_one_frame() -> None:
    at = datetime(2027, 3, 1, 10, 30, tzinfo=timezone(timedelta(hours=1)))
    item = TimelineItemView(7, "ord_1", "OrderPlaced", "Placed\n\nid: 9", "", at, None, None, None)
    text = frame(item).decode()
    assert text.count("\n\n") == 1
    assert "\nid: 7\n" in text
    assert '"at": "2027-03-01T09:30:00Z"' in text
    assert at.astimezone(UTC).hour == 9


def test_failures_are_counted_in_a_window_and_forgotten() -> None:
    now = 0.0
    counter = attempts.Attempts(lambda: now)
    for _ in range(attempts.FAILURES):
        counter.check("ada", "10.0.0.1")
        counter.failed("ada", "10.0.0.1")
    with pytest.raises(TooManyAttempts) as refused:
        counter.check("ada", "10.0.0.1")
    assert refused.value.retry_after_s == 301
    counter.check("ada", "10.0.0.2")  # another address is not locked out by the first
    now = attempts.WINDOW_S
    counter.check("ada", "10.0.0.1")
    for number in range(attempts.REMEMBERED + 5):
        counter.failed(str(number), "")
    assert len(counter._failures) == attempts.REMEMBERED


async def test_passwords_queue_up_to_a_bound() -> None:
    passwords = Passwords(memory_kib=64, passes=1)
    stored = await passwords.hash("correct horse battery")
    assert stored.startswith("$argon2id$")
    assert await passwords.verify("correct horse battery", stored)
    assert not await passwords.verify("correct horse", stored)
    assert not await passwords.verify("correct horse battery", None)
    checks = (passwords.verify("correct horse battery", stored) for _ in range(WAITING + 10))
    results = await asyncio.gather(*checks, return_exceptions=True)
    assert results.count(True) == WAITING
    assert sum(isinstance(result, Busy) for result in results) == 10
    assert AT_ONCE < WAITING
