"""Real servers on loopback: our peer by its own `serve`, and raw ones that misbehave byte by byte."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from matchmaking.efpf.config import GatewayConfig
from matchmaking.peer import serve
from tests.matchmaking.helpers import USERS, demo_catalogue, gateway, signing_key

Handler = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


def wall_clock() -> datetime:
    """The real time: these servers and clients live in it."""
    return datetime.now(UTC)


@contextlib.asynccontextmanager
async def running_peer(**more: Any) -> AsyncIterator[str]:
    """Our peer as `lotsizeone registry` starts it; gives its base address."""
    urls: list[str] = []
    settled, stop = asyncio.Event(), asyncio.Event()

    def ready(base_url: str) -> None:
        urls.append(base_url)
        settled.set()

    options: dict[str, Any] = {"clock": wall_clock, "key": signing_key(), "token_life": timedelta(minutes=5)} | more
    task = asyncio.create_task(serve(demo_catalogue(), USERS, on_ready=ready, stop=stop, **options))
    task.add_done_callback(lambda _task: settled.set())
    try:
        async with asyncio.timeout(10):
            await settled.wait()
        if task.done():
            task.result()  # it ended before it was ready: say why
        yield urls[0]
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await task


@contextlib.asynccontextmanager
async def running_raw(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that hands each request's head to `handler`, which writes what it likes; gives its port."""

    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await handler(await reader.readuntil(b"\r\n\r\n"), writer)
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.create_task(talk(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await asyncio.sleep(0)  # an aborted transport lets go of its socket in the next turn


def local(base_url: str, **changes: Any) -> GatewayConfig:
    """The configuration of a gateway on loopback, which must be allowed by name."""
    return gateway(**({"base_url": base_url, "private": True} | changes))


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
TOKEN_BODY = b'{"access_token":"secret-token","expires_in":300,"token_type":"Bearer"}'


def whole(body: bytes) -> bytes:
    """A well-formed answer."""
    return HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body
