"""`lotsizeone effects` on a real file: what is seen, what may be said, and that every word is kept."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from typer.testing import CliRunner, Result

from bootstrap import cli
from bootstrap.settings import Settings
from marketplace.domain.effects import Effect, EffectKind
from marketplace.persistence.database import Database
from marketplace.ports.unit_of_work import StoredEffect

T = TypeVar("T")
NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=3)


class Shop:
    """A data folder with a database, and the command for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def act(self, work: Callable[[Database], Awaitable[T]]) -> T:
        """What a worker does, in an event loop of its own."""

        async def acting() -> T:
            database = Database(f"sqlite:///{self.folder / 'marketplace.db'}")
            try:
                return await work(database)
            finally:
                await database.close()

        return asyncio.run(acting())

    def effects(self, *arguments: str, answer: str = "") -> Result:
        """Run the command."""
        return CliRunner().invoke(cli.app, ["effects", *arguments, "--data", str(self.folder)], input=answer)

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """What `list --json` says."""
        listed = self.effects("list", *arguments, "--json")
        assert listed.exit_code == 0, listed.output
        found: list[dict[str, Any]] = json.loads(listed.stdout)
        return found

    def shown(self, number: int) -> dict[str, Any]:
        """What `show --json` says."""
        found: dict[str, Any] = json.loads(self.effects("show", str(number), "--json").stdout)
        return found

    def claim(self) -> list[StoredEffect]:
        """What a relay would be given now."""

        async def claiming(database: Database) -> list[StoredEffect]:
            async with database.unit_of_work().write() as tx:
                return list(await tx.outbox.claim(datetime.now(UTC), 20.0, 10))

        return self.act(claiming)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """1 waits and is due, 2 waits for a day to come, 3 is parked, 4 is held and due, 5 is held till that day."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    opened = Shop(tmp_path)

    async def furnish(database: Database) -> None:
        await database.migrate()
        async with database.unit_of_work().write() as tx:
            secret = Effect(EffectKind.SUBMIT_DELIVERED, "delivered:1", "0xa", "secret:0x5e5e")
            await tx.outbox.add("ord_1", [secret, Effect(EffectKind.REFUND, "refund:1", "0xa", due=LATER)], NOW)
            await tx.outbox.add("ord_2", [Effect(EffectKind.OPEN_AGREEMENTS, f"o:{n}") for n in range(2)], NOW)
            await tx.outbox.add("ord_3", [Effect(EffectKind.FINALISE, "finalise:1", "0xa", due=LATER)], NOW)
        async with database._engines.write.begin() as connection:
            for row in (
                "UPDATE outbox SET status = 'parked', reason = 'ChainRefused: NotOpen', attempts = 50 WHERE id = 3",
                "UPDATE outbox SET status = 'held' WHERE id IN (4, 5)",
            ):
                await connection.exec_driver_sql(row)

    opened.act(furnish)
    return opened


def test_what_is_not_done_is_listed_and_can_be_filtered(shop: Shop) -> None:
    def ids(*arguments: str) -> list[int]:
        return [row["id"] for row in shop.rows(*arguments)]

    assert ids() == [1, 2, 3, 4, 5]
    assert ids("--status", "parked", "--status", "held") == [3, 4, 5]
    assert ids("--kind", "refund") == [2]
    assert ids("--order", "ord_2", "--status", "held") == [4]
    assert ids("--limit", "2") == [1, 2]
    assert ids("--status", "done") == []
    words = shop.effects("list").output
    assert "ChainRefused: NotOpen" in words
    assert "5e5e" not in words


def test_one_effect_is_shown_whole_but_for_the_handover_code(shop: Shop) -> None:
    seen = shop.shown(1)
    assert (seen["kind"], seen["order_id"], seen["status"]) == ("submit_delivered", "ord_1", "waiting")
    assert seen["detail"] == "secret:…"
    assert seen["audit"] == []
    assert "submit_delivered" in shop.effects("show", "1").output
    missing = shop.effects("show", "99")
    assert missing.exit_code != 0
    assert "no effect 99" in str(missing.exception)


def test_a_parked_effect_is_tried_again_at_once_and_the_word_is_kept(shop: Shop) -> None:
    assert [stored.id for stored in shop.claim()] == [1]
    said = shop.effects("retry", "3", "--why", "the node is back", "--by", "ana", "--json")
    assert said.exit_code == 0
    assert json.loads(said.stdout) == {"retried": [3], "untouched": []}
    (line,) = shop.shown(3)["audit"]
    assert line.endswith("Z ana retried: the node is back")
    (stored,) = shop.claim()
    assert (stored.id, stored.attempts) == (3, 1)


def test_what_is_not_due_is_not_tried_before(shop: Shop) -> None:
    said = shop.effects("retry", "2")
    assert said.exit_code == 1
    assert "untouched: 2" in said.output
    assert shop.shown(2)["audit"] == []


def test_held_effects_go_when_they_are_due(shop: Shop) -> None:
    assert "--why" in shop.effects("release", "4").output
    said = shop.effects("release", "--all", "--why", "compared with the chain", "--by", "ana")
    assert said.exit_code == 0
    assert said.output == "released: 3, 4, 5\n"
    assert sorted(stored.id for stored in shop.claim()) == [1, 3, 4]
    assert shop.shown(5)["due"] == LATER.isoformat()
    assert shop.effects("release", "--all", "--why", "again").exit_code == 1


def test_all_can_be_narrowed(shop: Shop) -> None:
    said = shop.effects("release", "--all", "--order", "ord_3", "--why", "looked at")
    assert said.output == "released: 5\n"


def test_dropping_asks_first_and_lasts(shop: Shop) -> None:
    refused = shop.effects("drop", "3", "--why", "paid by hand", answer="n\n")
    assert refused.exit_code == 1
    assert "Drop these for good?" in refused.output
    assert shop.shown(3)["status"] == "parked"
    assert shop.effects("drop", "3", "--why", "paid by hand", answer="y\n").exit_code == 0
    assert shop.effects("drop", "4", "--why", "a double", "--by", "ana", "--yes").exit_code == 0
    assert [row["id"] for row in shop.rows("--status", "dropped")] == [3, 4]
    assert shop.shown(3)["reason"] == "ChainRefused: NotOpen"
    again = shop.effects("drop", "3", "99", "--why", "again", "--yes")
    assert again.exit_code == 1
    assert "untouched: 3, 99" in again.output
    assert shop.effects("retry", "3").exit_code == 1

    async def asked_for_again(database: Database) -> None:
        async with database.unit_of_work().write() as tx:
            await tx.outbox.add("ord_2", [Effect(EffectKind.OPEN_AGREEMENTS, "o:0")], NOW)

    shop.act(asked_for_again)
    assert [stored.id for stored in shop.claim()] == [1]


def test_every_word_is_kept_and_a_relay_at_work_cannot_overrule_it(shop: Shop) -> None:
    (stored,) = shop.claim()
    assert shop.effects("drop", "1", "--why", "cancelled", "--by", "ana", "--yes").exit_code == 0

    async def done(database: Database) -> bool:
        async with database.unit_of_work().write() as tx:
            return await tx.outbox.done(stored.id, stored.lease, NOW)

    assert not shop.act(done)
    assert shop.shown(1)["status"] == "dropped"
    for why in ("one", "two"):
        assert shop.effects("retry", "3", "--why", why, "--by", "bo").exit_code == 0
    assert [line.rpartition(" ")[2] for line in shop.shown(3)["audit"]] == ["one", "two"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["list", "--status", "lost"], "lost is no status"),
        (["list", "--kind", "lost"], "lost is no kind"),
        (["retry"], "--all"),
        (["retry", "1", "--all"], "--all"),
        (["retry", "3", "--why", "two\nlines"], "one line"),
        (["retry", "3", "--by", " "], "one line"),
        (["drop", "3", "--yes", "--why", "x" * 501], "at most 500"),
    ],
)
def test_what_makes_no_sense_is_refused(shop: Shop, arguments: list[str], words: str) -> None:
    answer = shop.effects(*arguments)
    assert answer.exit_code != 0
    assert words in answer.output + str(answer.exception)
    assert isinstance(answer.exception, ValueError | SystemExit)  # `main` makes one line of it
    assert shop.shown(3)["audit"] == []


def test_where_nothing_is_no_database_is_made(tmp_path: Path) -> None:
    answer = CliRunner().invoke(cli.app, ["effects", "list", "--data", str(tmp_path)])
    assert answer.exit_code != 0
    assert isinstance(answer.exception, ValueError)
    assert not (tmp_path / "marketplace.db").exists()


@pytest.mark.parametrize("name", ["list", "show", "retry", "release", "drop"])
def test_each_helps_with_an_example(name: str) -> None:
    answer = CliRunner().invoke(cli.app, ["effects", name, "--help"])
    assert answer.exit_code == 0
    assert f"Example: lotsizeone effects {name}" in answer.output
