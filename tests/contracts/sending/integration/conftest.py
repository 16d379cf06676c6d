"""One Anvil for the module, with the contracts on it; every test has its own account there."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from contracts.deployer import deploy
from contracts.rpc import HttpRpc
from contracts.sending.policy import GWEI
from contracts.signers import LocalSigner
from tests.contracts.sending.integration.yard import CHAIN_ID, Yard, open_yard
from tests.support import require_server
from tests.tooling.foundry import Anvil, ForgeError, anvil, binary

ROOT = Path(__file__).resolve().parents[4]
MINTER = LocalSigner(b"\x31" * 32)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    """Anvil. Its own mining comes at some time after the answer, so no test here relies on it."""
    try:
        binary("anvil")
    except ForgeError as error:
        require_server(str(error))
    with anvil(tmp_path_factory.mktemp("anvil-sending"), chain_id=CHAIN_ID) as running:
        yield running


@pytest.fixture(scope="module")
def euro(node: Anvil) -> str:
    """The address of the test money."""
    return asyncio.run(_deploy(node.url))


async def _deploy(url: str) -> str:
    async with HttpRpc(url) as rpc:
        await rpc.call("anvil_setBalance", MINTER.address, hex(10**20))
        await rpc.call("evm_setAutomine", True)
        book = await deploy(rpc, MINTER, fee_receiver=LocalSigner(b"\x32" * 32).address, minter=MINTER.address)
        assert book.test_euro is not None
        return book.test_euro


@pytest.fixture
async def yard(node: Anvil, euro: str) -> AsyncIterator[Yard]:
    """A new account; the node mines when it is told, and is as it was afterwards."""
    async with HttpRpc(node.url) as rpc:
        yield await open_yard(rpc, euro, MINTER)
        await rpc.call("anvil_dropAllTransactions")
        await rpc.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
        await rpc.call("anvil_mine", "0x2")
