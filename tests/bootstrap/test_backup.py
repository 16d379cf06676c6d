"""`lotsizeone backup` and `restore` on real files and databases: whole or not at all, and while others write."""

import asyncio
import json
import re
import shutil
import sqlite3
import threading
import time
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, TypeVar

import pytest
from typer.testing import CliRunner, Result

from bootstrap import cli
from bootstrap.backup import postgresql, sqlite_file
from bootstrap.backup.sealing import LEAP
from marketplace.domain.effects import Effect, EffectKind
from marketplace.persistence.database import Database
from marketplace.persistence.migrate import upgrade
from marketplace.persistence.outbox import SqlOutbox
from tests.persistence.databases import postgresql_database
from tests.persistence.samples import placing

pytestmark = pytest.mark.integration

T = TypeVar("T")
NOW = datetime.now(UTC)
GENESIS = "0x" + "ab" * 32
BOOK = {
    "chain_id": 777,
    "factory": "0x" + "Fa" * 20,
    "delivery_implementation": "0x" + "11" * 20,
    "supply_implementation": "0x" + "22" * 20,
    "test_euro": None,
    "deployed_block": 1,
    "genesis": GENESIS,
}
NOBODY = "http://127.0.0.1:9"
WAITING = {
    EffectKind.PUSH: "held",
    EffectKind.NOTIFY: "held",
    EffectKind.OPEN_AGREEMENTS: "held",
    EffectKind.FUND_TEST_ACCOUNT: "held",
    EffectKind.REFUND: "waiting",
    EffectKind.CLAIM_MILESTONE: "waiting",
    EffectKind.DEADLINE: "waiting",
}


class Shop:
    """A data folder, its database, and the commands for it."""

    def __init__(self, folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.url = folder, url
        folder.mkdir(exist_ok=True)
        self._monkeypatch = monkeypatch
        self.node = NOBODY

    def run(self, *arguments: str) -> Result:
        """A command; refusals are exceptions here and one line in a shell."""
        self._monkeypatch.setenv("DATABASE_URL", self.url)
        self._monkeypatch.setenv("CHAIN_URL", self.node)
        return CliRunner().invoke(cli.app, [*arguments, "--data", str(self.folder)])

    def refused(self, *arguments: str) -> str:
        """Why a command did nothing."""
        result = self.run(*arguments)
        assert isinstance(result.exception, ValueError), result.output
        return str(result.exception)

    def act(self, work: Callable[[Database], Awaitable[T]]) -> T:
        """What a process does, in an event loop of its own."""

        async def acting() -> T:
            database = Database(self.url)
            try:
                return await work(database)
            finally:
                await database.close()

        return asyncio.run(acting())

    def fill(self, *orders: str) -> None:
        """Orders with effects of many kinds, and a nonce that is reserved and not signed."""

        async def filling(database: Database) -> None:
            await database.migrate()
            async with database.unit_of_work().write() as tx:
                for order in orders:
                    placed = placing(order)
                    await tx.orders.save(placed.order, placed.events, [], NOW)
                    await tx.outbox.add(order, [Effect(kind, f"{kind}:1") for kind in WAITING], NOW)
            for order in orders:
                await database.chain_transactions().reserve([f"open:{order}"], "0x" + "aa" * 20, 7, NOW)

        self.act(filling)

    def statuses(self, order: str) -> dict[str, str]:
        """Kind → status of an order's effects."""
        return {row.kind: row.status for row in self.effects() if row.order_id == order}

    def effects(self) -> Any:
        """Every effect."""
        from marketplace.persistence.effects import Which  # noqa: PLC0415

        every = Which(statuses=("waiting", "held", "done", "parked", "dropped"))
        return self.act(lambda database: database.effects().list(every, 1_000))


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """With two orders and the contracts' addresses."""
    with _url(request.param, tmp_path / "data") as url:
        made = Shop(tmp_path / "data", url, monkeypatch)
        (made.folder / "contracts.json").write_text(json.dumps(BOOK))
        made.fill("ord_1", "ord_2")
        yield made


@pytest.fixture
def other(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """An empty place of the same kind."""
    with _url(shop.url.partition("+")[0].partition(":")[0], tmp_path / "other") as url:
        yield Shop(tmp_path / "other", url, monkeypatch)


@contextmanager
def _url(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'marketplace.db'}"
        return
    with postgresql_database() as url:
        yield url


@pytest.fixture
def backup(shop: Shop, tmp_path: Path) -> Path:
    """A backup of the shop."""
    result = shop.run("backup", str(tmp_path / "one.backup"), "--json")
    assert result.exit_code == 0, result.output
    return tmp_path / "one.backup"


def test_a_backup_says_what_is_in_it(shop: Shop, tmp_path: Path) -> None:
    result = shop.run("backup", str(tmp_path), "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    file = Path(told["file"])
    assert file.parent == tmp_path
    assert file.stat().st_size == told["bytes"]
    assert file.stat().st_mode & 0o777 == 0o600, "there are customers in it"
    manifest = told["manifest"]
    assert manifest["facts"]["counts"]["orders"] == 2
    assert manifest["facts"]["revision"] >= "0006"
    assert manifest["place"] == {"chain_id": 777, "factory": BOOK["factory"], "genesis": GENESIS}
    assert "contracts.json" in manifest["members"]
    assert any("secrets" in words for words in manifest["left_out"])
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.req(156)
def test_it_comes_back_and_nothing_is_done_before_the_chain_was_read(shop: Shop, other: Shop, backup: Path) -> None:
    result = other.run("restore", str(backup), "--no-chain", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["counts"]["orders"] == 2
    assert told["set_aside"] is None
    assert json.loads((other.folder / "contracts.json").read_text()) == BOOK
    assert other.statuses("ord_1") == WAITING

    async def looking(database: Database) -> tuple[Any, Any, Any, Any]:
        async with database.unit_of_work().write() as tx:
            claimed = await tx.outbox.claim(NOW + timedelta(days=1), 1.0, 100)
            restore = await tx.restores.catching_up()
            await tx.outbox.add("ord_1", [Effect(EffectKind.NOTIFY, "new")], NOW)
        return claimed, restore, await database.chain_transactions().find("open:ord_1"), await database.is_current()

    claimed, restore, reserved, current = other.act(looking)
    assert (list(claimed), reserved, current) == ([], None, True)
    assert restore.digest == told["digest"]
    assert restore.held == 8
    assert max(row.id for row in other.effects()) > LEAP


def test_a_database_that_is_not_empty_is_kept_aside_or_left_alone(shop: Shop, backup: Path) -> None:
    shop.fill("ord_3")
    assert "--replace" in shop.refused("restore", str(backup), "--no-chain")
    assert shop.statuses("ord_3")
    result = shop.run("restore", str(backup), "--no-chain", "--replace", "--json")
    assert result.exit_code == 0, result.output
    aside = json.loads(result.stdout)["set_aside"]
    assert shop.statuses("ord_3") == {}
    assert shop.statuses("ord_2") == WAITING
    if shop.url.startswith("sqlite"):
        with closing(sqlite3.connect(aside)) as old:
            assert old.execute("SELECT count(*) FROM orders").fetchone() == (3,)
    else:
        schema = aside.split()[1]
        with postgresql.Server.of(shop.url).connect() as connection:
            connection.execute(f'SET search_path TO "{schema}"'.encode())
            assert connection.execute("SELECT count(*) FROM orders").fetchone() == (3,)


def test_nobody_may_be_at_work_in_what_is_replaced(shop: Shop, backup: Path) -> None:
    async def working(database: Database) -> str:
        async with database.unit_of_work().read():
            return await asyncio.to_thread(shop.refused, "restore", str(backup), "--no-chain", "--replace")

    assert "stop API" in shop.act(working)
    assert shop.statuses("ord_1")["push"] == "waiting"


def spoiled(backup: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    """The archive with one member changed."""
    target = backup.with_name("spoiled.backup")
    with zipfile.ZipFile(backup) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            new.writestr(entry, change(content) if entry.startswith(name) else content)
    return target


def test_what_is_damaged_or_of_another_kind_is_refused_and_nothing_changes(
    shop: Shop, other: Shop, backup: Path, tmp_path: Path
) -> None:
    whole = backup.read_bytes()
    cut, flipped, text = tmp_path / "cut", tmp_path / "flipped", tmp_path / "text"
    cut.write_bytes(whole[: len(whole) // 2])
    middle = len(whole) // 2
    flipped.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    text.write_text("no archive")
    for file in (cut, flipped, text):
        assert "damaged" in other.refused("restore", str(file), "--no-chain")
    one_byte = spoiled(backup, "database", lambda content: content[:-1] + bytes([content[-1] ^ 1]))
    assert "another digest" in other.refused("restore", str(one_byte), "--no-chain")
    newer = spoiled(backup, "manifest", lambda content: re.sub(rb'"revision": "\d+"', b'"revision": "9999"', content))
    assert "9999" in other.refused("restore", str(newer), "--no-chain")
    kind = b'"kind": "sqlite"' if shop.url.startswith("sqlite") else b'"kind": "postgresql"'
    foreign = spoiled(backup, "manifest", lambda content: content.replace(kind, b'"kind": "oracle"'))
    assert "oracle" in other.refused("restore", str(foreign), "--no-chain")
    assert not (other.folder / "contracts.json").exists()
    assert other.run("restore", str(backup), "--no-chain").exit_code == 0, "nothing was in the way"


@contextmanager
def node(chain_id: int, genesis: str) -> Iterator[str]:
    """A node that knows its chain id and its first block."""

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            result: Any = hex(chain_id) if asked["method"] == "eth_chainId" else {"hash": genesis}
            body = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_backup_of_another_chain_is_refused(shop: Shop, other: Shop, backup: Path) -> None:
    for chain_id, genesis in ((778, GENESIS), (777, "0x" + "cd" * 32)):
        with node(chain_id, genesis) as other.node:
            assert "chain" in other.refused("restore", str(backup), "--no-chain")
    other.node = NOBODY
    (other.folder / "contracts.json").write_text(json.dumps(BOOK | {"factory": "0x" + "Fb" * 20}))
    assert "factory" in other.refused("restore", str(backup), "--no-chain")
    (other.folder / "contracts.json").unlink()
    with node(777, GENESIS) as other.node:
        result = other.run("restore", str(backup), "--no-chain")
    assert result.exit_code == 0, result.output
    assert "on the backup's chain" in result.stdout


def test_a_backup_is_one_moment_although_others_write(shop: Shop, other: Shop, tmp_path: Path) -> None:
    """A writer that adds an order and its effects together, again and again, is neither stopped nor cut in half."""
    stop, written = threading.Event(), []

    def writing() -> None:
        while not stop.is_set() and len(written) < 500:
            shop.fill(f"ord_more_{len(written)}")
            written.append(NOW)

    thread = threading.Thread(target=writing)
    thread.start()
    files: list[Path] = []
    try:
        while not written:
            assert thread.is_alive()
            time.sleep(0.01)
        while len(written) < 4:
            assert len(files) < 20, "the writer is kept waiting"
            files.append(tmp_path / f"{len(files)}.backup")
            assert shop.run("backup", str(files[-1])).exit_code == 0
    finally:
        stop.set()
        thread.join()
    with zipfile.ZipFile(files[-1]) as archive:
        counts = json.loads(archive.read("manifest.json"))["facts"]["counts"]
    assert counts["outbox"] == len(WAITING) * counts["orders"]
    assert 2 < counts["orders"] <= 2 + len(written)
    assert other.run("restore", str(files[-1]), "--no-chain").exit_code == 0


def test_nothing_is_written_over_and_nothing_is_left_behind(
    shop: Shop, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = backup.read_bytes()
    assert "there already" in shop.refused("backup", str(backup))
    assert "no folder" in shop.refused("backup", str(tmp_path / "none" / "x.backup"))
    assert backup.read_bytes() == before
    there = sorted(tmp_path.iterdir())

    def failing(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bootstrap.backup.archive.os.fsync", failing)
    result = shop.run("backup", str(tmp_path / "two.backup"))
    assert isinstance(result.exception, OSError)
    assert sorted(tmp_path.iterdir()) == there


def test_secrets_travel_only_when_they_are_told_to(shop: Shop, other: Shop, tmp_path: Path) -> None:
    secret = shop.folder / "secrets" / "platform-keys.json"
    secret.parent.mkdir()
    secret.write_text('{"relayer": "0xsecret"}')
    for options, travels in ((), False), (("--with-secrets",), True):
        file = tmp_path / f"{travels}.backup"
        assert shop.run("backup", str(file), *options).exit_code == 0
        with zipfile.ZipFile(file) as archive:
            assert ("secrets/platform-keys.json" in archive.namelist()) is travels
    assert other.run("restore", str(tmp_path / "True.backup"), "--no-chain").exit_code == 0
    written = other.folder / "secrets" / "platform-keys.json"
    assert written.read_text() == secret.read_text()
    assert written.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("shop", ["postgresql"], indirect=True)
def test_without_the_client_programs_it_says_what_to_install(shop: Shop, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "postgresql-client" in shop.refused("backup", str(tmp_path / "x.backup"))


@pytest.mark.parametrize("shop", ["postgresql"], indirect=True)
def test_a_failed_restore_into_postgresql_leaves_everything(shop: Shop, backup: Path, monkeypatch: Any) -> None:
    """The dump is in, the seal fails: one transaction, so what was there is there."""
    monkeypatch.setattr("bootstrap.backup.returning.sealing", lambda *_, **__: ["SELECT no_such_thing"])
    assert "no_such_thing" in shop.refused("restore", str(backup), "--no-chain", "--replace")
    assert shop.statuses("ord_1")["push"] == "waiting"


def test_a_file_that_is_no_database_of_ours_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data"
    strange = Shop(folder, f"sqlite:///{folder / 'marketplace.db'}", monkeypatch)
    assert "not there" in strange.refused("backup", str(tmp_path / "x.backup"))
    (folder / "marketplace.db").write_text("no database at all" * 100)
    assert "no database" in strange.refused("backup", str(tmp_path / "x.backup"))
    (folder / "marketplace.db").unlink()
    sqlite3.connect(folder / "marketplace.db").close()
    assert "this version's tables" in strange.refused("backup", str(tmp_path / "x.backup"))
    asyncio.run(upgrade(strange.url))
    assert sqlite_file.is_empty(folder / "marketplace.db")
    assert strange.run("backup", str(tmp_path / "x.backup")).exit_code == 0


async def test_effects_that_the_chain_explains_are_held_when_they_come(tmp_path: Path) -> None:
    """What a transaction adds after `hold` waits for a word where people would meet it twice."""
    await upgrade(url := f"sqlite:///{tmp_path / 'x.db'}")
    database = Database(url)
    try:
        async with database.unit_of_work().write() as tx:
            assert isinstance(tx.outbox, SqlOutbox)
            tx.outbox.hold("because")
            await tx.outbox.add("ord_1", [Effect(kind, f"{kind}:1") for kind in WAITING], NOW)
            assert await tx.outbox.held() == 4
        found = await database.effects().counts()
        assert {kind: status for status, kind in found} == WAITING
    finally:
        await database.close()
