"""Worlds: the people are made once and copied for each test."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from marketplace.domain.parties import Account
from marketplace.ports.unit_of_work import Gateway
from tests.application.forked import DEPTH, confirmed
from tests.application.world import Scratch, World, open_world, populate
from tests.persistence.databases import new_file


@dataclass(frozen=True)
class Populated:
    """A database with people in it, and who they are."""

    file: Path
    people: dict[str, Account]
    gateways: dict[str, Gateway]


Open = Callable[..., AbstractAsyncContextManager[World]]
"""Opens a world; its arguments are policies."""


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """Where worlds are opened."""
    return Scratch(tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="session")
def populated(scratch: Scratch, tmp_path_factory: pytest.TempPathFactory) -> Populated:
    """The people of the example."""
    folder = tmp_path_factory.mktemp("people")

    async def make() -> Populated:
        async with open_world(scratch, await new_file(folder / "empty.db")) as world:
            await populate(world)
        file = shutil.copy(scratch.file, folder / "people.db")
        return Populated(Path(file), world.people, world.gateways)

    return asyncio.run(make())


@pytest.fixture
def opening(scratch: Scratch, populated: Populated) -> Open:
    """How to open a world of one's own, one after the other."""
    return lambda **policy: open_world(scratch, populated.file, populated.people, populated.gateways, **policy)


@pytest.fixture
async def world(opening: Open) -> AsyncIterator[World]:
    """The people of the example and no order."""
    async with opening() as found:
        yield found


@pytest.fixture
async def deep(opening: Open) -> AsyncIterator[World]:
    """A world whose chain is final under four blocks."""
    async with opening(confirmations=DEPTH) as found:
        yield found


@pytest.fixture
async def sent(deep: World) -> str:
    """An order whose agreements are on the chain and not yet final; its id."""
    return await confirmed(deep)
