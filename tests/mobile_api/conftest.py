"""Worlds for the tests of the interface."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from marketplace.persistence.database import Database
from tests.application.world import Scratch
from tests.mobile_api.house import Crowd, House, open_house, tell
from tests.mobile_api.world import World, address_of, open_world


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
