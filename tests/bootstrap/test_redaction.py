"""Canaries: what looks like personal data or a secret does not come through, wherever it is put; the rest does."""

import json
import logging
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap import redaction
from bootstrap.logs import entry_of
from bootstrap.redaction import clean, clean_value

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
CANARIES = {
    "mail": "ana.lopez+orders@mail.example.org",
    "mail of another script": "añá@dömain.example",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhY2NfMSJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ",
    "bearer": "Bearer s3cr3t-and-opaque",
    "basic": "Basic YW5hOmNvcnJlY3QgaG9yc2U=",
    "private key": "0x" + KEY,
    "bare key": KEY,
    "signature": "0x" + KEY + KEY[::-1] + "1b",
    "raw transaction": "0x02f8" + KEY * 4,
    "assigned password": "password=correct-horse",
    "quoted secret": '"client_secret": "correct-horse"',
    "database": "postgresql://shop:correct-horse@db.example.org/shop",
    "broker": "amqp://guest:correct-horse@broker:5672/",
    "url-safe key": "hQ3xkz0nB1vJm5LrT9yWcE7uPq2sDfGa4HjKl6ZxCv8",
    "telephone": "+351 912 345 678",
}
GUARDED = [
    "ana.lopez",
    "añá@",
    KEY[9:],
    KEY[::-1],
    "correct-horse",
    "s3cr3t",
    "YW5hOm",
    "hQ3xkz0nB1vJ",
    "912 345",
    "eyJ",
]


def told(entry: dict[str, Any]) -> str:
    return json.dumps(entry, default=str, ensure_ascii=False)


def record(message: str, *arguments: object, **extra: Any) -> logging.LogRecord:
    return logging.getLogger("tests").makeRecord(
        "tests", logging.INFO, __file__, 1, message, arguments, None, extra=extra
    )


@pytest.mark.req(16)
@pytest.mark.parametrize("canary", CANARIES.values(), ids=CANARIES.keys())
def test_no_canary_comes_through(canary: str) -> None:
    try:
        raise RuntimeError(f"the node said: {canary}.")
    except RuntimeError as failure:
        raised = (type(failure), failure, failure.__traceback__)
    entries = [
        entry_of(record(f"told {canary} to nobody")),
        entry_of(record("told %s to %r", canary, [canary])),
        entry_of(record("x", additional_info={"note": canary, "deep": {"er": [canary, (canary,)]}}, alarm=canary)),
        entry_of(record("x", additional_info={canary: 1}, component=canary)),
        entry_of(logging.LogRecord("tests", logging.ERROR, __file__, 1, "failed", (), raised)),
    ]
    for entry in entries:
        assert [marker for marker in GUARDED if marker in told(entry)] == []


@pytest.mark.parametrize("name", ["password", "JWT_SECRET", "email", "signature", "handover_secret", "Authorization"])
def test_a_detail_with_a_telling_name_is_never_shown(name: str) -> None:
    assert clean_value(name, "anything") == "[redacted]"
    assert clean_value("info", {name: 1}) == {name: "[redacted]"}


@pytest.mark.parametrize(
    "harmless",
    [
        "effect claim_milestone of ord_0123456789abcdef01234567 waits: ChainUnavailable: no answer",
        "order 0f1e2d3c4b5a69788796a5b4 moved from quoted to confirmed at 2027-03-01T12:00:00+00:00",
        "POST /v1/orders/{id}/confirm",
        "marketplace/application/relay.py:58 test_the_migrations_build_what_the_tables_say_on_both_databases",
        "0x260E1e677f89431B285731 is short",
        "+0.8 % in 3 blocks, 1.234.567 wei",
    ],
)
def test_what_operators_need_comes_through(harmless: str) -> None:
    """Negative control: a filter that hides everything would pass the canaries."""
    assert clean(harmless) == harmless


def test_long_hexadecimal_can_still_be_searched_for() -> None:
    assert clean(f"sent 0x{KEY}") == "sent 0x4c0883a6…"
    assert clean_value("transaction", f"0x{KEY}") == f"0x{KEY}"
    assert clean_value("note", f"0x{KEY}") == "0x4c0883a6…"


def test_the_canaries_are_seen_without_the_filter() -> None:
    """Negative control: each marker is in what is guarded, so a filter that does nothing fails."""
    shown = " ".join(CANARIES.values())
    assert [marker for marker in GUARDED if marker not in shown] == []


@pytest.mark.parametrize(
    "hostile", ["a" * 200_000, "a@" * 50_000, "A1a-" * 50_000, "0x" + "f" * 200_000, "password=" * 20_000]
)
def test_hostile_text_takes_no_time_and_little_room(hostile: str) -> None:
    begun = time.process_time()
    assert len(clean(hostile)) <= 4_010
    assert time.process_time() - begun < 2.0


def test_what_no_database_keeps_is_replaced() -> None:
    assert clean("a\x00b\ud800c") == "a\ufffdb\ufffdc"
    assert clean_value("n", float("nan")) == "nan"
    assert clean_value("n", 2**70) == str(2**70)


@given(st.from_regex(redaction._HARMLESS, fullmatch=True))
def test_what_is_taken_for_harmless_would_come_through_whole(text: str) -> None:
    assert redaction._hidden(text) == text == clean(text)


def test_a_whole_class_of_canaries_is_not_taken_for_harmless() -> None:
    assert not [name for name, canary in CANARIES.items() if redaction._HARMLESS.fullmatch(canary)]
