"""The two chains of the conformance suite behind one protocol: our devchain over HTTP, and eth-tester through web3.

Both start from the same genesis, stamp each transaction's block one second after its parent, and carry eth-tester's
chain id, which its provider does not let anyone choose.
"""

import ast
import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

import uvicorn
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import TransactionFailed
from eth_utils.exceptions import ValidationError
from web3 import EthereumTesterProvider, Web3

from contracts.devchain import create_app
from contracts.devchain.evm import GAS_LIMIT
from contracts.errors import NodeRefused, from_revert
from contracts.rpc import HttpRpc
from contracts.transactions import wait_for_receipt
from tests.contracts.world import ADDRESS, START

CHAIN_ID = 131_277_322_940_537
"""eth-tester's."""
WEALTH_WEI = 10**24
_REVERT_BYTES = re.compile(r"""b(['"]).*\1""", re.DOTALL)


class TestChain(Protocol):
    """JSON-RPC to a chain that mines each transaction at once."""

    __test__ = False

    async def call(self, method: str, *params: object) -> Any: ...

    async def warp(self, timestamp: int) -> None:
        """An empty block stamped `timestamp`."""
        ...


class Devchain:
    """Our devchain as a client meets it, its wall clock in our hands."""

    def __init__(self, url: str, wall: list[float]) -> None:
        self._rpc = HttpRpc(url)
        self._wall = wall

    async def call(self, method: str, *params: object) -> Any:
        if method != "eth_sendRawTransaction":
            return await self._rpc.call(method, *params)
        self._wall[0] = await self._head_time() + 1.0
        tx_hash = await self._rpc.call(method, *params)
        with contextlib.suppress(Exception):
            await wait_for_receipt(self._rpc, tx_hash, timeout_s=5, poll_s=0.005)
        return tx_hash

    async def warp(self, timestamp: int) -> None:
        self._wall[0] = float(timestamp)
        await self._rpc.call("devchain_waitUntil", timestamp)
        async with asyncio.timeout(5):
            while True:
                if await self._head_time() >= timestamp:
                    return
                await asyncio.sleep(0.005)

    async def close(self) -> None:
        await self._rpc.close()

    async def _head_time(self) -> int:
        return int((await self._rpc.call("eth_getBlockByNumber", "latest", False))["timestamp"], 16)


class EthTester:
    """eth-tester behind web3's provider: the reference."""

    def __init__(self) -> None:
        account = {"balance": WEALTH_WEI, "nonce": 0, "code": b"", "storage": {}}
        state = {bytes.fromhex(address[2:]): account for address in ADDRESS.values()}
        parameters = PyEVMBackend.generate_genesis_params({"timestamp": START, "gas_limit": GAS_LIMIT})
        self._tester = EthereumTester(PyEVMBackend(genesis_parameters=parameters, genesis_state=state))
        self._web3 = Web3(EthereumTesterProvider(self._tester), middleware=[])

    async def call(self, method: str, *params: object) -> Any:
        if method == "eth_call" and params[-1] == "pending":
            # It runs calls on mined blocks only; an estimate runs in the next one.
            method, params = "eth_estimateGas", params[:1]
        try:
            return _as_json(self._web3.manager.request_blocking(method, list(params)))
        except TransactionFailed as error:
            raise _revert(error) from error
        except ValidationError as error:
            raise NodeRefused(-32_000, str(error)) from error

    async def warp(self, timestamp: int) -> None:
        # Its block is stamped a second before the time that it travels to.
        self._tester.time_travel(timestamp + 1)

    async def close(self) -> None:
        """Nothing is open."""


@contextlib.asynccontextmanager
async def open_devchain(folder: Path) -> AsyncIterator[Devchain]:
    """Our devchain served on a free port, as its own process would."""
    wall = [float(START)]
    genesis = dict.fromkeys(ADDRESS.values(), WEALTH_WEI)
    app = create_app(folder, clock=lambda: wall[0], chain_id=CHAIN_ID, genesis_accounts=genesis)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(20):
            while True:
                if server.started:
                    break
                await asyncio.sleep(0.01)
        chain = Devchain(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", wall)
        try:
            yield chain
        finally:
            await chain.close()
    finally:
        server.should_exit = True
        await serving


@contextlib.asynccontextmanager
async def open_eth_tester(folder: Path) -> AsyncIterator[EthTester]:
    """eth-tester; it keeps nothing in `folder`."""
    del folder
    yield EthTester()


def _as_json(value: Any) -> Any:
    """What a node would have sent: the provider gives Python's numbers and bytes."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return hex(value)
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if hasattr(value, "items"):
        return {key: _as_json(item) for key, item in value.items()}
    return [_as_json(item) for item in value]


def _revert(error: TransactionFailed) -> Exception:
    found = _REVERT_BYTES.search(str(error))
    # Without data, or with Solidity's text already decoded, the message is all there is.
    return NodeRefused(3, str(error)) if found is None else from_revert(ast.literal_eval(found[0]))
