"""A database of this folder's own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from marketplace.persistence.database import Database
from tests.persistence.databases import copied, new_file, opened


@pytest.fixture(scope="session")
def port_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file without rows."""
    return asyncio.run(new_file(tmp_path_factory.mktemp("ports") / "empty.db"))


@pytest.fixture
async def database(port_database: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """A copy of it, open."""
    async with opened(copied(port_database, tmp_path)) as found:
        yield found
