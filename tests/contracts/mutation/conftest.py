"""The worlds of the figures."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from contracts import compiler
from contracts.bindings import token
from contracts.bindings.call import Call
from contracts.deployer import AddressBook, create_address, deploy
from contracts.terms import Terms
from tests.contracts.mutation.scene import ORDER
from tests.contracts.world import ADDRESS, EURO, SIGNERS, LocalRpc, World
from tests.support import require_server
from tests.tooling.mutation import solc
from tests.tooling.mutation.results import FOLDER

_SOURCE = Path(__file__).parents[1] / "solidity" / "Mischief.sol"
MODES = ("Honest", "Refuses", "ReturnsFalse", "ReturnsNothing", "TakesFee", "Mints", "LiesAboutBalance", "BurnsAllGas")


@dataclass
class Mischief:
    """A world whose listed token can be told to misbehave."""

    world: World
    token: str

    def terms(self, **changes: Any) -> Terms:
        """The usual order, in this token."""
        return self.world.delivery_terms(0, **(ORDER | {"token": self.token} | changes))

    async def behave(self, mode: str, victim: str) -> None:
        """From now on, when money moves to `victim`."""
        number = [*MODES, "CallsBack"].index(mode)
        await self._tell("behave(uint8,address)", ["uint8", "address"], number, ADDRESS.get(victim, victim))

    async def call_back(self, call: Call, victim: str) -> None:
        """Makes the token call this in the middle of a transfer to `victim`."""
        await self._tell("callBack(address,bytes)", ["address", "bytes"], call.to, call.data)
        await self.behave("CallsBack", victim)

    async def counters(self) -> tuple[int, int]:
        """How often it called back, and how often that went through."""
        return await self._count("tried()"), await self._count("succeeded()")

    async def _tell(self, signature: str, types: list[str], *arguments: Any) -> None:
        data = keccak(signature.encode())[:4] + encode(types, arguments)
        await self.world.send("stranger", Call(self.token, data))

    async def _count(self, signature: str) -> int:
        data = "0x" + keccak(signature.encode())[:4].hex()
        return int(await self.world.rpc.call("eth_call", {"to": self.token, "data": data}, "latest"), 16)


@pytest.fixture(scope="session")
def mischievous(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AddressBook, str]:
    """A deployed chain that lists such a token; customer and maker have 10,000 of it."""
    folder = tmp_path_factory.mktemp("mischief")
    book, address = asyncio.run(_deploy(folder))
    return folder, book, address


async def _deploy(folder: Path) -> tuple[AddressBook, str]:
    rpc = LocalRpc(folder)
    address = create_address(ADDRESS["stranger"], 0)
    book = await deploy(
        rpc, SIGNERS["deployer"], fee_receiver=ADDRESS["fees"], minter=ADDRESS["deployer"], tokens=(address,)
    )
    world = World(rpc, book)
    await world.force("stranger", Call(None, mischief_code()))
    for who in ("customer", "maker"):
        await world.send("deployer", token.mint(address, ADDRESS[who], 10_000 * EURO))
        await world.send(who, token.approve(address, book.factory, 2**256 - 1))
    rpc.node.close()
    return book, address


@pytest.fixture
async def mischief(mischievous: tuple[Path, AddressBook, str], tmp_path: Path) -> AsyncIterator[Mischief]:
    """The world at its beginning, its token still honest."""
    folder, book, address = mischievous
    shutil.copytree(folder, tmp_path / "chain")
    rpc = LocalRpc(tmp_path / "chain")
    yield Mischief(World(rpc, replace(book, test_euro=address)), address)
    rpc.node.close()


def mischief_code() -> bytes:
    """The token's creation code, compiled once for each state of its source."""
    source = _SOURCE.read_text("utf-8")
    kept = FOLDER / f"mischief-{hashlib.sha256(source.encode()).hexdigest()[:16]}.hex"
    if not kept.is_file():
        reason = compiler.missing_tools()
        if reason is not None:
            require_server(reason)
        with solc.session() as session:
            codes = session.codes({**solc.sources_on_disk(), "src/Mischief.sol": source}, ("Mischief",))
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(codes["Mischief"].creation, "utf-8")
    return bytes.fromhex(kept.read_text("utf-8"))
