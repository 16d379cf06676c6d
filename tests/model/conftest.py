"""Deployed contracts whose state can branch: with the plain token, and with one that refuses somebody."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from contracts import compiler
from tests.contracts.conftest import deploy_and_fund, once_a_run
from tests.contracts.mischief import compile_mischief, mischievous_world
from tests.contracts.world import CHAIN_ID, LocalRpc, World
from tests.model.bench import Bench
from tests.model.real import Stage, staged
from tests.model.scenes import Setting
from tests.support import require_server

Opened = Callable[[Setting], Stage]


@pytest.fixture(scope="session")
def plain_world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    """The contracts in a folder; the chain of the world is closed, only its papers are used."""
    return _deployed(tmp_path_factory.mktemp("plain"), _plain)


@pytest.fixture(scope="session")
def frozen_world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    """The same with a token that can be told to refuse somebody."""
    reason = compiler.missing_tools()
    if reason is not None:
        require_server(reason)
    compiled = once_a_run(tmp_path_factory, "mischief", compile_mischief)
    return _deployed(tmp_path_factory.mktemp("frozen"), lambda rpc: mischievous_world(rpc, compiled))


async def _plain(rpc: LocalRpc) -> World:
    return World(rpc, await deploy_and_fund(rpc))


def _deployed(folder: Path, make: Callable[[LocalRpc], Awaitable[World]]) -> tuple[Path, World]:
    rpc = LocalRpc(folder)

    async def made() -> World:
        return await make(rpc)

    world = asyncio.run(made())
    rpc.node.close()
    return folder, world


@pytest.fixture
def opened(request: pytest.FixtureRequest) -> Iterator[Opened]:
    """Opens a setting on the contracts; everything is undone and closed after the test."""
    benches: list[Bench] = []

    def open_(setting: Setting) -> Stage:
        folder, world = request.getfixturevalue("frozen_world" if setting.frozen else "plain_world")
        benches.append(Bench(folder, CHAIN_ID))
        return asyncio.run(staged(setting, world, benches[-1]))

    yield open_
    for bench in benches:
        bench.close()
