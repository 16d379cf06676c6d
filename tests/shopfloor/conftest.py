"""A backend behind its ingest router, for the tests that upload to it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.persistence.databases import new_file
from tests.shopfloor.ingesting import Backend, open_backend


@pytest.fixture(scope="session")
def ingest_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file without rows."""
    return asyncio.run(new_file(tmp_path_factory.mktemp("ingest") / "empty.db"))


@pytest.fixture
async def backend(ingest_template: Path, tmp_path: Path) -> AsyncIterator[Backend]:
    """A backend of the test's own, in which only production counts."""
    async with open_backend(ingest_template, tmp_path) as found:
        yield found
