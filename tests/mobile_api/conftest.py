"""Worlds for the tests of the interface."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from marketplace.persistence.database import Database
from marketplace.persistence.migrate import upgrade
from mobile_api.routers import invitations
from tests.application.world import Scratch
from tests.mobile_api.house import Crowd, House, open_house, tell
from tests.mobile_api.world import World, address_of, open_world
from tests.persistence.conftest import BOTH
from tests.persistence.databases import empty, postgresql_database


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Doors for strangers hold their answers back and count failures: that has tests of its own, and thousands of
    others need not wait for it."""
    monkeypatch.setattr(invitations, "SOONEST_S", 0.0)
    monkeypatch.setattr(invitations, "_check", lambda _request: None)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database that has its tables and nothing in them: made once, copied for each test."""
    folder = tmp_path_factory.mktemp("empty")

    async def make() -> None:
        database = Database(address_of(folder))
        await database.migrate()
        await database.close()

    asyncio.run(make())
    return folder


@pytest.fixture
async def world(tmp_path: Path, empty_database: Path) -> AsyncIterator[World]:
    """A marketplace of this test's own."""
    shutil.copytree(empty_database, tmp_path, dirs_exist_ok=True)
    async with open_world(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """Where houses are opened, one after the other."""
    return Scratch(tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="session")
def crowd(scratch: Scratch, empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Crowd:
    """Two tenants and their orders in every state: made once."""
    return asyncio.run(tell(scratch, empty_database / "marketplace.db", tmp_path_factory.mktemp("crowd")))


@pytest.fixture
async def house(scratch: Scratch, crowd: Crowd) -> AsyncIterator[House]:
    """A house of this test's own, in which all that has happened."""
    async with open_house(scratch, crowd) as opened:
        yield opened


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL database of this module."""
    with postgresql_database() as url:
        asyncio.run(upgrade(url))
        yield url


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: Path, empty_database: Path) -> str:
    """A database without rows."""
    if request.param == "sqlite":
        shutil.copytree(empty_database, tmp_path, dirs_exist_ok=True)
        return address_of(tmp_path)
    found: str = request.getfixturevalue("server")
    empty(found)
    return found


@pytest.fixture
async def apps(url: str, tmp_path: Path) -> AsyncIterator[tuple[World, World]]:
    """Two applications that share nothing but the database and the secret."""
    async with AsyncExitStack() as stack:
        one, two = [await stack.enter_async_context(open_world(tmp_path, url=url)) for _ in range(2)]
        yield one, two
