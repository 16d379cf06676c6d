"""`lotsizeone chain` on a real file: what is seen, and that an order goes on only where it may."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bootstrap import cli, container
from bootstrap.settings import Settings
from marketplace.domain.agreement import AgreementStatus
from marketplace.persistence.database import Database
from marketplace.ports.chain import ChainEvent
from marketplace.ports.chain_cursor import Freeze, Mark, ReadingState
from marketplace.ports.fakes.chain import FakeChain
from marketplace.ports.fakes.clock import FakeClock
from tests.persistence.databases import new_file
from tests.persistence.samples import NOW, agreement, placing

STATE = ReadingState(Mark(9, "0x09"), Mark(5, "0x05"), 10, 1_900_000_000, "0x00", "stale")
AGREEMENT = replace(agreement(), status=AgreementStatus.OPEN)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder whose database is new."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    asyncio.run(new_file(tmp_path / "marketplace.db"))
    return tmp_path


def act(folder: Path, work: Callable[[Database], Awaitable[Any]]) -> Any:
    """Something on the database."""

    async def acting() -> Any:
        database = Database(f"sqlite:///{folder / 'marketplace.db'}")
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(acting())


async def frozen(database: Database) -> None:
    """An order of which a final event lost its block."""
    decision = placing("ord_1")
    lost = ChainEvent(4, "0x04", 0, "0xf0", AGREEMENT.id, "contested", {"milestone": 1})
    async with database.unit_of_work().write() as tx:
        await tx.orders.save(decision.order, decision.events, decision.effects, NOW)
        await tx.agreements.save(AGREEMENT)
        await tx.cursor.add([lost], applied=True)
        await tx.cursor.forget_above(3)
        await tx.freezes.freeze(Freeze("ord_1", 4, "a fork took away final events", NOW))
        await tx.cursor.save(STATE)


def chain(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ["chain", *arguments, "--data", str(folder)])


@pytest.fixture
def in_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's processes are wired to a chain in memory."""

    @asynccontextmanager
    async def opened(settings: Settings) -> AsyncIterator[Any]:
        database = Database(settings.database)
        try:
            ctx = SimpleNamespace(uow=database.unit_of_work(), chain=FakeChain(), clock=FakeClock())
            yield SimpleNamespace(ctx=ctx)
        finally:
            await database.close()

    monkeypatch.setattr(container, "open_container", opened)


def test_a_new_database_has_read_nothing(folder: Path) -> None:
    assert chain(folder, "status").output == "the chain was not read yet\nno order is frozen\n"
    document = json.loads(chain(folder, "status", "--json").stdout)
    assert document == {
        "read": None, "final": None, "head": None, "head_at": None, "distrust": None, "frozen": []
    }  # fmt: skip


def test_frozen_orders_are_named(folder: Path) -> None:
    act(folder, frozen)
    told = chain(folder, "status").output
    assert "read to block 9 of 10, final to block 5" in told
    assert "THE NODE IS NOT BELIEVED: stale" in told
    assert "frozen ord_1 since 2026-03-04T05:06:07+00:00: a fork took away final events" in told
    assert f"missing: contested (milestone 1) of agreement {AGREEMENT.id}" in told
    (order,) = json.loads(chain(folder, "status", "--json").stdout)["frozen"]
    assert (order["order_id"], order["block"], order["back"], len(order["missing"])) == ("ord_1", 4, 0, 1)


@pytest.mark.usefixtures("in_memory")
def test_thawing_says_what_it_did_or_why_not(folder: Path) -> None:
    assert "is not frozen" in str(chain(folder, "thaw", "ord_1").exception)
    act(folder, frozen)
    refused = chain(folder, "thaw", "ord_1")
    assert refused.exit_code != 0
    assert "not on the chain again: contested" in str(refused.exception)
    assert "ord_1" in chain(folder, "status").output
    done = chain(folder, "thaw", "ord_1", "--give-up", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["given_up"] == [f"contested (milestone 1) of agreement {AGREEMENT.id}"]
    assert "no order is frozen" in chain(folder, "status").output


@pytest.mark.usefixtures("in_memory")
def test_thawing_tells_people_too(folder: Path) -> None:
    act(folder, frozen)
    told = chain(folder, "thaw", "ord_1", "--give-up").output
    assert "ord_1 goes on: 0 events were there again, 0 new ones count now" in told
    assert "given up: contested (milestone 1)" in told


def test_without_addresses_nothing_is_thawed(folder: Path) -> None:
    refused = chain(folder, "thaw", "ord_1")
    assert refused.exit_code != 0
    assert "lotsizeone deploy" in str(refused.exception)
