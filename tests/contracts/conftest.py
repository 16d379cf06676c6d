"""A deployed chain, made once; every test works on its own copy."""

import asyncio
import fcntl
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.bindings import token
from contracts.deployer import AddressBook, deploy
from tests.contracts.world import ADDRESS, CHAIN_ID, EURO, SIGNERS, LocalRpc, World


def once_a_run(factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], object]) -> Path:
    """A folder that one process of a parallel run fills and all of them read."""
    root = factory.getbasetemp()
    if root.name.startswith("popen-"):
        root = root.parent
    folder = root / name
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            draft = factory.mktemp(name)
            fill(draft)
            draft.rename(folder)
    return folder


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AddressBook]:
    """A folder with the contracts on a chain, money at customer and maker, and standing allowances."""
    folder = tmp_path_factory.mktemp("deployed")
    return folder, asyncio.run(_deploy(folder))


async def _deploy(folder: Path) -> AddressBook:
    rpc = LocalRpc(folder)
    book = await deploy_and_fund(rpc)
    rpc.node.close()
    return book


async def deploy_and_fund(rpc: Any, chain_id: int = CHAIN_ID) -> AddressBook:
    """The contracts, 10,000 € for customer and maker, and their standing allowances."""
    book = await deploy(rpc, SIGNERS["deployer"], fee_receiver=ADDRESS["fees"], minter=ADDRESS["deployer"])
    assert book.test_euro is not None
    world = World(rpc, book, chain_id)
    for who in ("customer", "maker"):
        await world.send("deployer", token.mint(book.test_euro, ADDRESS[who], 10_000 * EURO))
        await world.send(who, token.approve(book.test_euro, book.factory, 2**256 - 1))
    return book


@pytest.fixture
async def world(deployed: tuple[Path, AddressBook], tmp_path: Path) -> AsyncIterator[World]:
    """The world at its beginning."""
    folder, book = deployed
    shutil.copytree(folder, tmp_path / "chain")
    rpc = LocalRpc(tmp_path / "chain")
    yield World(rpc, book)
    rpc.node.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of who loses what, where such tests ran."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    rows = [str(value) for report in reports for name, value in report.user_properties if name == "bound"]
    if rows:
        terminalreporter.section("who loses what when somebody cheats")
        terminalreporter.write("\n".join(sorted(rows)) + "\n")
