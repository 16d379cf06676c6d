"""One record, three readers; a log that blocks and breaks nothing, and tells what it dropped."""

import asyncio
import io
import json
import logging
import re
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bootstrap import cli, logs
from bootstrap.commands.logs import instant_of
from bootstrap.log_keeper import LogKeeper, kept_log, sweep
from bootstrap.logs import JsonLines, PeoplesLines, add_context, entry_of
from marketplace.persistence.database import Database
from marketplace.persistence.log_records import LogQuery
from marketplace.ports import activity
from marketplace.ports.unit_of_work import StoreUnavailable

FIELDS = {
    "timestamp", "user_id", "additional_info", "level", "message", "source_component", "source_file", "source_line",
}  # fmt: skip
NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger that reaches the root at every level."""
    root, level = logging.getLogger(), logging.getLogger().level
    root.setLevel(logging.DEBUG)
    yield logging.getLogger("tests.logs")
    root.setLevel(level)


@pytest.fixture(autouse=True)
def known_activity() -> Iterator[None]:
    """Records say who acts, as in a process of ours."""
    add_context(activity.current)
    yield
    logs._contexts.clear()


def line_of(formatter: logging.Formatter, level: int, message: str, *arguments: object, **extra: Any) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    given = logging.Logger("shop.floor")
    given.addHandler(handler)
    given.log(level, message, *arguments, **extra)
    return stream.getvalue()


@pytest.mark.req(150, 153)
def test_json_lines_have_the_fields_of_the_requirement() -> None:
    activity.user_id.set("acc_1")
    with activity.about("ord_1"):
        line = line_of(JsonLines(), logging.WARNING, "gas is %s", "dear", extra={"alarm": "gas"})
    activity.user_id.set(None)
    assert line.count("\n") == 1
    entry = json.loads(line)
    assert set(entry) == FIELDS
    assert (entry["level"], entry["message"], entry["user_id"]) == ("WARN", "gas is dear", "acc_1")
    assert entry["additional_info"] == {"order_id": "ord_1", "alarm": "gas"}
    assert (entry["source_component"], entry["source_file"]) == ("shop.floor", "tests/bootstrap/test_logs.py")
    assert entry["source_line"] > 1
    assert datetime.fromisoformat(entry["timestamp"]).tzinfo is not None


@pytest.mark.req(151)
@pytest.mark.parametrize(
    ("number", "name"), [(10, "DEBUG"), (20, "INFO"), (25, "INFO"), (30, "WARN"), (40, "ERROR"), (50, "FATAL")]
)
def test_levels_are_named_as_the_requirement_names_them(number: int, name: str) -> None:
    assert json.loads(line_of(JsonLines(), number, "x"))["level"] == name


def test_people_read_a_line_and_nobody_forges_one() -> None:
    told = line_of(
        PeoplesLines(), logging.INFO, "hello\n2027-01-01 FATAL forged", extra={"component": "Authentication"}
    )
    assert re.fullmatch(r"\S+ \S+ INFO Authentication hello\\n2027-01-01 FATAL forged\n", told)


def test_an_exception_keeps_its_traceback_without_this_machines_paths() -> None:
    try:
        raise RuntimeError("no answer")
    except RuntimeError:
        entry = json.loads(line_of(JsonLines(), logging.ERROR, "failed", exc_info=True))
    raised = entry["additional_info"]["exception"]
    assert raised.endswith("RuntimeError: no answer")
    assert str(Path(__file__).parents[2]) not in raised


def test_a_record_that_cannot_be_read_is_still_told() -> None:
    class Spiteful:
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert "cannot be read" in line_of(JsonLines(), logging.INFO, "%s", Spiteful())
    assert "cannot be read" in line_of(JsonLines(), logging.INFO, "%d", "no number")


class Store:
    """A database that can be away; what it is asked to write is an answer of the test."""

    def __init__(self) -> None:
        self.rows: list[Mapping[str, Any]] = []
        self.away = False
        self.calls = 0

    async def append(self, rows: list[Mapping[str, Any]]) -> None:
        self.calls += 1
        if self.away:
            raise StoreUnavailable("away")
        if any("spoiled" in row["message"] for row in rows):
            raise ValueError("not storable")
        self.rows += rows

    @property
    def messages(self) -> list[str]:
        return [row["message"] for row in self.rows]


async def until(reached: Any) -> None:
    async with asyncio.timeout(20):
        while not reached():  # noqa: ASYNC110 - the keeper wakes nobody
            await asyncio.sleep(0.01)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of milliseconds."""
    for name, wait in {"FLUSH_S": 0.01, "FIRST_WAIT_S": 0.01, "LONGEST_WAIT_S": 0.02}.items():
        monkeypatch.setattr(f"bootstrap.log_keeper.{name}", wait)


async def test_records_of_any_thread_are_kept(quick: None, logger: logging.Logger) -> None:
    store = Store()
    async with kept_log(LogKeeper(store, lambda: NOON)):
        logger.debug("nobody keeps this")
        logger.info("one")
        thread = threading.Thread(target=lambda: logger.error("two"))
        thread.start()
        thread.join()
        await until(lambda: len(store.rows) == 2)
        logger.critical("last words")
    logger.info("after the end")
    assert store.messages == ["one", "two", "last words"]
    assert set(store.rows[0]) == FIELDS


async def test_a_database_that_is_away_breaks_and_blocks_nothing(quick: None, logger: logging.Logger) -> None:
    store = Store()
    store.away = True
    async with kept_log(LogKeeper(store, lambda: NOON, capacity=3)) as keeper:
        for number in range(10):
            logger.info("record %d", number)
        await until(lambda: store.calls > 2)
        assert keeper.dropped > 0
        dropped = keeper.dropped
        store.away = False
        await until(lambda: f"{dropped} log records were dropped" in store.messages)
        assert len(store.rows) == 10 - dropped + 1
        logger.info("goes on")
        await until(lambda: "goes on" in store.messages)
    loss = next(row for row in store.rows if "dropped" in row["message"])
    assert (loss["level"], loss["additional_info"]) == ("WARN", {"dropped": dropped})


async def test_one_bad_record_takes_no_other_with_it(quick: None, logger: logging.Logger) -> None:
    store = Store()
    async with kept_log(LogKeeper(store, lambda: NOON)) as keeper:
        for message in ("good", "spoiled", "better"):
            logger.info(message)
        await until(lambda: "better" in store.messages and keeper.dropped == 1)
    assert [message for message in store.messages if "dropped" not in message] == ["good", "better"]


async def test_an_end_does_not_wait_for_a_database_that_is_away(
    quick: None, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootstrap.log_keeper.LAST_WORDS_S", 0.1)
    store = Store()
    store.away = True
    async with asyncio.timeout(10), kept_log(LogKeeper(store, lambda: NOON)):
        logger.info("never written")
    assert store.rows == []


@pytest.mark.req(152)
async def test_each_level_is_kept_for_its_own_time() -> None:
    asked: dict[str, datetime] = {}

    async def delete(level: str, before: datetime) -> int:
        asked[level] = before
        return 1

    assert await sweep(delete, {"INFO": 30, "FATAL": 3650}, NOON) == 2
    assert asked == {"INFO": NOON - timedelta(days=30), "FATAL": NOON - timedelta(days=3650)}


@pytest.mark.parametrize(
    ("since", "instant"),
    [
        ("90s", NOON - timedelta(seconds=90)),
        ("2h", NOON - timedelta(hours=2)),
        ("3d", NOON - timedelta(days=3)),
        ("2027-02-28", datetime(2027, 2, 28, tzinfo=UTC)),
        ("2027-02-28T10:00+02:00", datetime(2027, 2, 28, 8, tzinfo=UTC)),
    ],
)
def test_since_is_an_age_or_an_instant(since: str, instant: datetime) -> None:
    assert instant_of(since, NOON) == instant


@pytest.mark.parametrize("since", ["yesterday", "-3h", "3", "h", "2027-13-01", ""])
def test_another_since_is_refused(since: str) -> None:
    with pytest.raises(ValueError, match="15m"):
        instant_of(since, NOON)


@pytest.mark.req(155)
def test_operators_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.options.start_log", lambda: None)
    url = f"sqlite:///{tmp_path / 'marketplace.db'}"
    wanted = entry_of(logging.makeLogRecord({"levelno": 40, "msg": "effect is parked", "order_id": "ord_1"}))
    other = entry_of(logging.makeLogRecord({"levelno": 20, "msg": "all is well"}))
    asyncio.run(filled(url, [wanted, other]))
    found = run("--level", "warn", "--order", "ord_1", "--json", "--data", str(tmp_path))
    (record,) = json.loads(found)
    assert set(record) == FIELDS | {"id"}
    assert record["message"] == "effect is parked"
    assert "ERROR" in run("--text", "parked", "--data", str(tmp_path))
    assert run("--text", "nothing like it", "--data", str(tmp_path)) == ""


async def filled(url: str, entries: list[Any]) -> None:
    database = Database(url)
    await database.migrate()
    await database.log_records().append(entries)
    assert len(await database.log_records().search(LogQuery())) == len(entries)
    await database.close()


def run(*arguments: str) -> str:
    answer = CliRunner().invoke(cli.app, ["logs", *arguments])
    assert answer.exit_code == 0, answer.output
    return answer.output


@pytest.mark.parametrize("arguments", [("--level", "LOUD"), ("--since", "soon"), ("--limit", "0"), ()])
def test_a_search_that_cannot_be_done_says_why(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(cli.app, ["logs", *arguments, "--data", str(tmp_path)])
    assert answer.exit_code != 0
