"""The devchain as strangers meet it: web3.py, a plain HTTP client, and kill -9."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.bindings import token
from contracts.deployer import deploy
from contracts.devchain import NotLoopbackError, serve
from contracts.rpc import HttpRpc
from contracts.transactions import Fees, broadcast, sign_call, wait_for_receipt
from tests.contracts.world import ADDRESS, CHAIN_ID, SIGNERS

pytestmark = pytest.mark.integration

START = time.time()
PROGRAM = """
import sys, time
from pathlib import Path
from contracts.devchain import serve
folder, port, start, speed, *people = sys.argv[1:]
clock = lambda: float(start) + (time.time() - float(start)) * int(speed)
serve(Path(folder), clock=clock, port=int(port), genesis_accounts={one: 10**24 for one in people})
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _served(folder: Path, port: int, speed: int = 1) -> Iterator[subprocess.Popen[bytes]]:
    """A devchain whose wall clock runs `speed` times as fast: a block a second is long for a test."""
    command = [sys.executable, "-c", PROGRAM, str(folder), str(port), str(START), str(speed), *ADDRESS.values()]
    process = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                _post(port, {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"})
                break
            assert process.poll() is None, "the devchain ended"
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _post(port: int, body: Any, **headers: str) -> Any:
    response = httpx.post(f"http://127.0.0.1:{port}/", json=body, headers=headers, timeout=5, trust_env=False)
    response.raise_for_status()
    return response.json() if response.content else None


@pytest.fixture(scope="module")
def devchain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = _free_port()
    with _served(tmp_path_factory.mktemp("devchain"), port):
        yield port


def _error(port: int, method: str, *params: Any) -> dict[str, Any]:
    answer = _post(port, {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
    error: dict[str, Any] = answer["error"]
    return error


async def test_web3_deploys_calls_and_reads_logs(devchain: int) -> None:
    from web3 import AsyncHTTPProvider, AsyncWeb3  # noqa: PLC0415

    provider = AsyncHTTPProvider(f"http://127.0.0.1:{devchain}")
    web3 = AsyncWeb3(provider)
    try:
        async with HttpRpc(f"http://127.0.0.1:{devchain}") as rpc:
            book = await deploy(rpc, SIGNERS["deployer"], fee_receiver=ADDRESS["fees"], minter=ADDRESS["deployer"])
        from contracts.artifacts import load  # noqa: PLC0415

        euro = web3.eth.contract(address=book.test_euro, abi=list(load("TestEuro").abi))
        transaction = await euro.functions.mint(ADDRESS["customer"], 5).build_transaction(
            {"from": ADDRESS["deployer"], "nonce": await web3.eth.get_transaction_count(ADDRESS["deployer"])}
        )
        signed = await SIGNERS["deployer"].sign_transaction(transaction)
        tx_hash = await web3.eth.send_raw_transaction(signed)
        receipt = await web3.eth.wait_for_transaction_receipt(tx_hash, timeout=10, poll_latency=0.05)
        assert receipt["status"] == 1
        assert await euro.functions.balanceOf(ADDRESS["customer"]).call() == 5
        before = receipt["blockNumber"] - 1
        assert await euro.functions.balanceOf(ADDRESS["customer"]).call(block_identifier=before) == 0
        logs = await euro.events.Transfer.get_logs(from_block=0)
        assert [log["args"]["value"] for log in logs] == [5]
        block = await web3.eth.get_block("latest", full_transactions=True)
        assert block["transactions"][0]["hash"] == tx_hash
        assert (await web3.eth.fee_history(2, "latest", [50]))["oldestBlock"] == block["number"] - 1
        with pytest.raises(Exception, match="0x"):
            await euro.functions.mint(ADDRESS["customer"], 5).call({"from": ADDRESS["customer"]})
    finally:
        await provider.disconnect()


def test_stranger_speaks_json_rpc(devchain: int) -> None:
    answers = _post(
        devchain,
        [
            {"jsonrpc": "2.0", "id": "a", "method": "eth_chainId"},
            {"jsonrpc": "2.0", "id": 2, "method": "net_version", "params": []},
            {"jsonrpc": "2.0", "method": "eth_chainId"},
            {"jsonrpc": "2.0", "id": 3, "method": "nothing"},
            5,
        ],
    )
    assert [(one["id"], one.get("result", one.get("error", {}).get("code"))) for one in answers] == [
        ("a", "0x7a69"),
        (2, "31337"),
        (3, -32601),
        (None, -32600),
    ]
    assert _post(devchain, {"jsonrpc": "2.0", "method": "eth_chainId"}) is None
    assert _post(devchain, [])["error"]["code"] == -32600
    for broken in ("{", "[1,", "NaN", '{"a":1e999}', "\x00", "[" * 100_000):
        response = httpx.post(f"http://127.0.0.1:{devchain}/", content=broken, timeout=5, trust_env=False)
        assert response.json()["error"]["code"] in {-32700, -32600}


def test_other_host_names_are_refused(devchain: int) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        _post(devchain, {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}, Host="evil.example")
    large = httpx.post(f"http://127.0.0.1:{devchain}/", content=b" " * 5_000_001, timeout=5, trust_env=False)
    assert large.status_code == 413


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getBalance", ["0x12"]),
        ("eth_getBalance", ["0x" + "0" * 40, "0x00"]),
        ("eth_getBalance", []),
        ("eth_getBalance", ["0x" + "0" * 40, "latest", 1]),
        ("eth_getBlockByNumber", ["latest", "yes"]),
        ("eth_getLogs", ["x"]),
        ("eth_getLogs", [{"topics": [None] * 5}]),
        ("eth_getLogs", [{"fromBlock": "0x5", "toBlock": "0x1"}]),
        ("eth_call", [[]]),
        ("eth_call", [{"to": "0x" + "0" * 40, "value": "0x" + "f" * 65}]),
        ("eth_sendRawTransaction", ["0x0"]),
        ("devchain_waitUntil", ["soon"]),
    ],
)
def test_wrong_parameters_have_their_code(devchain: int, method: str, params: list[Any]) -> None:
    assert _error(devchain, method, *params)["code"] == -32602


def test_unknown_things_are_null_or_an_error(devchain: int) -> None:
    for method in ("eth_getTransactionReceipt", "eth_getTransactionByHash"):
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": ["0x" + "00" * 32]}
        assert _post(devchain, body)["result"] is None
    body = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": ["0xffffff", False]}
    assert _post(devchain, body)["result"] is None
    assert _error(devchain, "eth_getBalance", "0x" + "0" * 40, "0xffffff")["code"] == -32000


async def test_waiting_keeps_the_heads_time_near_the_walls(devchain: int) -> None:
    async with HttpRpc(f"http://127.0.0.1:{devchain}") as rpc:
        start = await rpc.call("eth_getBlockByNumber", "latest", False)
        target = max(int(time.time()), int(start["timestamp"], 16)) + 2
        assert await rpc.call("devchain_waitUntil", target) is False
        async with asyncio.timeout(6):
            while True:
                head = await rpc.call("eth_getBlockByNumber", "latest", False)
                if int(head["timestamp"], 16) >= target:
                    break
                await asyncio.sleep(0.05)
        assert time.time() - target < 1.5
        assert await rpc.call("devchain_waitUntil", target) is True


async def test_submitting_is_quick_and_mining_within_a_second_or_so(devchain: int) -> None:
    async with HttpRpc(f"http://127.0.0.1:{devchain}") as rpc:
        for nonce in range(2):
            call = token.approve(ADDRESS["fees"], ADDRESS["customer"], 1)
            signed = await sign_call(
                SIGNERS["stranger"], call, nonce=nonce, gas=60_000, fees=Fees(10**11, 10**9), chain_id=CHAIN_ID
            )
            start = time.monotonic()
            await broadcast(rpc, signed.raw)
            sent_s = time.monotonic() - start
            await wait_for_receipt(rpc, signed.hash, timeout_s=5, poll_s=0.02)
            # Generous: the machine is shared. Alone it takes 3 ms and at most 1.0 s.
            assert sent_s < 0.5
            assert time.monotonic() - start < 2.5


async def test_balances_receipts_and_logs_survive_kill_9(tmp_path: Path) -> None:
    port = _free_port()
    with _served(tmp_path, port, speed=20) as process:
        async with HttpRpc(f"http://127.0.0.1:{port}") as rpc:
            book = await deploy(rpc, SIGNERS["deployer"], fee_receiver=ADDRESS["fees"], minter=ADDRESS["deployer"])
            assert book.test_euro is not None
            call = token.mint(book.test_euro, ADDRESS["maker"], 77)
            signed = await sign_call(
                SIGNERS["deployer"], call, nonce=4, gas=100_000, fees=Fees(10**11, 10**9), chain_id=CHAIN_ID
            )
            await broadcast(rpc, signed.raw)
            receipt = await wait_for_receipt(rpc, signed.hash)
            query = {"fromBlock": "earliest", "address": book.test_euro}
            logs = await rpc.call("eth_getLogs", query)
            late = await sign_call(
                SIGNERS["deployer"], call, nonce=5, gas=100_000, fees=Fees(10**11, 10**9), chain_id=CHAIN_ID
            )
            await broadcast(rpc, late.raw)
            os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    with _served(tmp_path, port, speed=20):
        async with HttpRpc(f"http://127.0.0.1:{port}") as rpc:
            assert await rpc.call("eth_getTransactionReceipt", signed.hash) == receipt
            assert (await rpc.call("eth_getLogs", query))[: len(logs)] == logs
            await wait_for_receipt(rpc, late.hash, timeout_s=5)
            assert await token.balance_of(rpc, book.test_euro, ADDRESS["maker"]) == 154


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_network_addresses_are_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(NotLoopbackError):
        serve(tmp_path, clock=time.time, host=host)
