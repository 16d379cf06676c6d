"""The log in the database: written, searched, swept; the database guards the levels."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from marketplace.persistence.database import Database, NotCurrent
from marketplace.persistence.log_records import SWEEP_AT_ONCE, LogQuery
from tests.persistence.databases import opened

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


def row(message: str, **other: Any) -> dict[str, Any]:
    return {
        "timestamp": NOON,
        "user_id": None,
        "additional_info": {},
        "level": "INFO",
        "message": message,
        "source_component": "marketplace.application.relay",
        "source_file": "marketplace/application/relay.py",
        "source_line": 58,
    } | other


ROWS = [
    row("Effect waits", additional_info={"order_id": "ord_1"}),
    row("of ord_1, the effect is parked", level="ERROR", user_id="acc_1"),
    row("Connection attempt failed", level="WARN", source_component="Authentication"),
    row("100 % sure", level="FATAL", timestamp=NOON + timedelta(hours=1), additional_info={"order_id": "ord_2"}),
]


@pytest.mark.req(150, 151, 153, 154)
async def test_every_field_comes_back(db: Database) -> None:
    await db.log_records().append(ROWS)
    found = await db.log_records().search(LogQuery())
    assert [record.message for record in found] == [one["message"] for one in ROWS]
    again = {name: getattr(found[1], name) for name in ROWS[1]}
    assert again == ROWS[1]
    assert [record.id for record in found] == sorted(record.id for record in found)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (LogQuery(level="WARN"), [1, 2, 3]),
        (LogQuery(level="FATAL"), [3]),
        (LogQuery(since=NOON + timedelta(seconds=1)), [3]),
        (LogQuery(component="marketplace."), [0, 1, 3]),
        (LogQuery(component="Authentication"), [2]),
        (LogQuery(order="ord_1"), [0, 1]),
        (LogQuery(text="EFFECT"), [0, 1]),
        (LogQuery(text="100 %"), [3]),
        (LogQuery(text="0%"), []),
        (LogQuery(limit=2), [2, 3]),
    ],
)
async def test_the_search_finds_what_fits(db: Database, query: LogQuery, wanted: list[int]) -> None:
    await db.log_records().append(ROWS)
    found = await db.log_records().search(query)
    assert [record.message for record in found] == [ROWS[number]["message"] for number in wanted]


async def test_an_unknown_level_is_refused(db: Database) -> None:
    with pytest.raises(ValueError, match="INFO, WARN, ERROR, FATAL"):
        await db.log_records().search(LogQuery(level="LOUD"))
    with pytest.raises(IntegrityError):
        await db.log_records().append([row("x", level="LOUD")])


@pytest.mark.req(152)
async def test_a_sweep_takes_what_is_old_of_one_level(db: Database) -> None:
    old = [row(str(number), timestamp=NOON - timedelta(days=2)) for number in range(SWEEP_AT_ONCE + 1)]
    await db.log_records().append(
        [*old, row("old but worse", timestamp=NOON - timedelta(days=2), level="ERROR"), *ROWS]
    )
    assert await db.log_records().sweep("INFO", NOON - timedelta(days=1)) == len(old)
    left = [record.message for record in await db.log_records().search(LogQuery())]
    assert left == ["old but worse", *(one["message"] for one in ROWS)]


async def test_a_database_without_tables_is_named(db: Database, tmp_path: Any) -> None:
    assert await db.is_current()
    missing = tmp_path / "missing.db"
    async with opened(f"sqlite:///{missing}") as nothing:
        with pytest.raises(NotCurrent, match="lotsizeone worker"):
            await nothing.require_current()
    assert not missing.exists()
