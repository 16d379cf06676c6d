"""The chains that every test of this folder runs on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.deployer import AddressBook
from tests.persistence.databases import copied
from tests.persistence.databases import opened as open_database
from tests.ports.chain.harness import FakeHarness, Harness, RealHarness, deploy_chain, open_real

Deployed = tuple[Path, AddressBook]


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """A folder with the contracts on a chain."""
    folder = tmp_path_factory.mktemp("deployed")
    return folder, asyncio.run(deploy_chain(folder))


@pytest.fixture
async def real(deployed: Deployed, port_database: Path, tmp_path: Path) -> AsyncIterator[RealHarness]:
    async with opened_real(deployed, port_database, tmp_path) as harness:
        yield harness


@contextlib.asynccontextmanager
async def opened_real(
    deployed: Deployed, port_database: Path, folder: Path, *, development: bool = True
) -> AsyncIterator[RealHarness]:
    async with open_database(copied(port_database, folder)) as database:
        store = database.chain_transactions()
        async with open_real(*deployed, store, folder, development=development) as harness:
            yield harness


@pytest.fixture(params=["fake", "devchain"])
async def harness(
    request: pytest.FixtureRequest, deployed: Deployed, port_database: Path, tmp_path: Path
) -> AsyncIterator[Harness]:
    if request.param == "fake":
        yield FakeHarness()
        return
    async with opened_real(deployed, port_database, tmp_path) as harness:
        yield harness
