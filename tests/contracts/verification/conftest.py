"""Two lives, each lived once; every test only reads them."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contracts.deployer import AddressBook
from contracts.terms import Terms
from tests.contracts.verification.gateways import Plant
from tests.contracts.verification.lives import SALTS, changed, settled_late
from tests.contracts.verification.lying import Remembering
from tests.contracts.world import LocalRpc, World


@dataclass(frozen=True)
class Lived:
    """An order that was lived, and its evidence file."""

    world: World
    plant: Plant
    file: dict[str, Any]
    rpc: Remembering

    @property
    def terms(self) -> list[Terms]:
        """In the order of opening."""
        return self.plant.terms

    def address(self, number: int) -> str:
        """Where one of the agreements is."""
        return self.world.address(self.terms[number])


def _lived(
    deployed: tuple[Path, AddressBook], folder: Path, life: Callable[[World], Awaitable[Plant]], specified: bool
) -> Iterator[Lived]:
    source, book = deployed
    shutil.copytree(source, folder)
    rpc = LocalRpc(folder)
    world = World(rpc, book)
    plant = asyncio.run(life(world))  # type: ignore[arg-type]
    salts = zip(plant.terms, SALTS.values(), strict=False) if specified else ()
    yield Lived(world, plant, plant.file(specified={world.id(terms): salt for terms, salt in salts}), Remembering(rpc))
    rpc.node.close()


@pytest.fixture(scope="module")
def settled(deployed: tuple[Path, AddressBook], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """`lives.settled_late`."""
    yield from _lived(deployed, tmp_path_factory.mktemp("settled") / "chain", settled_late, specified=True)


@pytest.fixture(scope="module")
def replaced(deployed: tuple[Path, AddressBook], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """`lives.changed`."""
    yield from _lived(deployed, tmp_path_factory.mktemp("replaced") / "chain", changed, specified=False)
