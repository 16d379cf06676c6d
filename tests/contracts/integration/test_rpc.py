"""The client's manners towards nodes that answer badly, late or not at all."""

import asyncio
import contextlib
import gc
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from contracts.errors import NodeRefused, NodeUnavailable, Reverted
from contracts.rpc import HttpRpc, answer, ask_all
from contracts.transactions import broadcast

pytestmark = pytest.mark.integration

Connection = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def _node(connection: Connection) -> AsyncIterator[str]:
    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def _answering(status: int, body: str, seen: list[bytes] | None = None) -> Connection:
    """A node that gives every request the same answer and keeps the connection."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                request = await reader.readexactly(length)
                if seen is not None:
                    seen.append(request)
                lines = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(lines.encode() + body.encode())
                await writer.drain()
        writer.close()

    return connection


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (500, '{"jsonrpc":"2.0","id":0,"result":"0x1"}', NodeUnavailable),
        (200, "oops", NodeUnavailable),
        (200, "", NodeUnavailable),
        (200, "[]", NodeUnavailable),
        # Without the bound this ends the process, once py-evm has raised the interpreter's recursion limit.
        (200, '{"id":0,"result":' + "[" * 200_000, NodeUnavailable),
        (200, '{"id":0}', NodeUnavailable),
        (200, '{"id":0,"error":"bad"}', NodeUnavailable),
        (200, '{"id":0,"error":{"code":-32601,"message":"no"}}', NodeRefused),
        (200, '{"id":0,"error":{"code":3,"message":"x","data":"0x01020304"}}', Reverted),
        (200, '{"id":0,"error":{"code":3,"message":"x","data":"0xzz"}}', NodeRefused),
    ],
)
async def test_every_answer_of_a_node_has_its_type(status: int, body: str, expected: type[Exception]) -> None:
    async with _node(_answering(status, body)) as url, HttpRpc(url) as rpc:
        with pytest.raises(expected):
            await rpc.call("eth_chainId")


async def test_request_is_json_rpc_and_its_answer_the_result() -> None:
    seen: list[bytes] = []
    async with _node(_answering(200, '{"jsonrpc":"2.0","id":0,"result":null}', seen)) as url, HttpRpc(url) as rpc:
        assert await rpc.call("eth_getTransactionReceipt", "0x01", {"a": [1]}) is None
        await rpc.call("eth_chainId")
    first, second = (json.loads(request) for request in seen)
    assert (first["jsonrpc"], first["method"], first["params"]) == (
        "2.0",
        "eth_getTransactionReceipt",
        ["0x01", {"a": [1]}],
    )
    assert first["id"] != second["id"]


async def test_a_batch_is_one_exchange_and_a_refusal_one_of_its_answers() -> None:
    seen: list[bytes] = []
    body = '[{"id":1,"error":{"code":-32601,"message":"no"}},{"id":0,"result":"0x1"}]'
    async with _node(_answering(200, body, seen)) as url, HttpRpc(url) as rpc:
        first, second = await ask_all(rpc, [("eth_chainId", []), ("nope", [1])])
    assert answer(first) == "0x1"
    with pytest.raises(NodeRefused, match="no"):
        answer(second)
    (request,) = (json.loads(one) for one in seen)
    assert [(one["method"], one["params"]) for one in request] == [("eth_chainId", []), ("nope", [1])]


async def test_a_large_batch_is_asked_in_parts() -> None:
    seen: list[bytes] = []

    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                asked = await reader.readexactly(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
                seen.append(asked)
                said = json.dumps([{"id": one["id"], "result": one["params"][0]} for one in json.loads(asked)])
                lines = f"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: {len(said)}\r\n\r\n"
                writer.write(lines.encode() + said.encode())
        writer.close()

    async with _node(counting) as url, HttpRpc(url) as rpc:
        assert await ask_all(rpc, [("echo", [number]) for number in range(250)]) == list(range(250))
    assert len(seen) == 3


async def test_a_node_without_batches_is_asked_one_by_one_from_then_on() -> None:
    seen: list[bytes] = []
    body = '{"jsonrpc":"2.0","id":0,"result":"0x1","error":null}'.replace(',"error":null', "")
    async with _node(_answering(200, body, seen)) as url, HttpRpc(url) as rpc:
        for _ in range(2):
            assert await ask_all(rpc, [("eth_chainId", []), ("eth_blockNumber", [])]) == ["0x1", "0x1"]
    assert [isinstance(json.loads(one), list) for one in seen] == [True, False, False, False, False]


@pytest.mark.parametrize("body", ["[", "[1,2]", '[{"id":0},{"id":1}]', '[{"result":1},{"result":2}]', "[null,null]"])
async def test_a_batch_without_sense_is_no_answer(body: str) -> None:
    async with _node(_answering(200, body)) as url, HttpRpc(url) as rpc:
        with pytest.raises(NodeUnavailable):
            await ask_all(rpc, [("eth_chainId", []), ("eth_blockNumber", [])])


async def test_silent_node_is_unavailable_at_the_deadline() -> None:
    hung_up = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1_000):
            continue
        hung_up.set()
        writer.close()

    async with _node(silent) as url, HttpRpc(url, timeout_s=0.2) as rpc:
        start = time.monotonic()
        with pytest.raises(NodeUnavailable, match="eth_sendRawTransaction"):
            await broadcast(rpc, b"\x01")
        assert 0.1 < time.monotonic() - start < 2
        await asyncio.wait_for(hung_up.wait(), 2)


async def test_absent_node_is_unavailable_without_being_asked_again() -> None:
    async with _node(_answering(200, "{}")) as url:
        pass
    async with HttpRpc(url) as rpc:
        start = time.monotonic()
        with pytest.raises(NodeUnavailable):
            await rpc.call("eth_chainId")
        assert time.monotonic() - start < 1


async def test_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    async with (
        _node(_answering(200, '{"result":"proxy"}', asked)) as proxy,
        _node(_answering(200, '{"result":"node"}')) as url,
    ):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        async with HttpRpc(url) as rpc:
            assert await rpc.call("eth_chainId") == "node"
    assert not asked


async def test_connections_are_kept_and_closed_with_the_client() -> None:
    connections = 0
    answer = _answering(200, '{"result":"0x1"}')
    ended = asyncio.Event()

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await answer(reader, writer)
        ended.set()

    async with _node(counted) as url:
        async with HttpRpc(url) as rpc:
            for _ in range(3):
                await rpc.call("eth_chainId")
            assert connections == 1
            assert not ended.is_set()
        await asyncio.wait_for(ended.wait(), 2)
        # Warnings are errors here: a session that nobody closed would say so when it is collected.
        await asyncio.gather(*(rpc.call("eth_chainId") for _ in range(3)))
        await rpc.close()
        del rpc
        gc.collect()


async def test_first_calls_at_once_share_one_session() -> None:
    async with _node(_answering(200, '{"result":"0x1"}')) as url, HttpRpc(url) as rpc:
        assert await asyncio.gather(*(rpc.call("eth_chainId") for _ in range(5))) == ["0x1"] * 5
    gc.collect()


async def test_client_that_was_never_used_closes_too() -> None:
    await HttpRpc("http://127.0.0.1:1").close()
