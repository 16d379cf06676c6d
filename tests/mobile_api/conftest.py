"""Worlds for the tests of the interface."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from marketplace.persistence.database import Database
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
