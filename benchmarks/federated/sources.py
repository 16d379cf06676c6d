"""Ten registries on loopback: five healthy, two dead, one that drips, one that lies about totals, one with garbage.

`python -m benchmarks.federated.sources` serves them until its input ends; the first line it prints says where.
"""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import rsa

from matchmaking.efpf.config import GatewayConfig
from matchmaking.peer import PeerCatalogue, PeerUser, serve

PASSWORD = "for the benchmark"  # noqa: S105 - of servers that live as long as it does
SHARED, OWN = 10, 10
EXPECTED = {
    "dead-1": "unreachable",
    "dead-2": "unreachable",
    "slow": "timed_out",
    "liar": "wrong_total",
    "garbage": "malformed_answer",
}
"""What becomes of those that are not well."""
HEALTHY = tuple(f"peer-{number}" for number in range(1, 6))
DRIP_S = 0.2


def item(owner: str, number: int, price: str) -> dict[str, object]:
    """An offer as a catalogue file has it."""
    return {
        "uri": f"urn:bench:{owner}:{number}",
        "label": {"en": f"Base {number} of {owner}"},
        "price": {"EUR": price},
        "deliveryTime": {"Day(s)": 2},
        "classificationUri": ["urn:bench:base"],
    }


def catalogue(name: str) -> PeerCatalogue:
    """What one healthy peer has: offers that every peer lists, and offers of its own."""
    everywhere = [item("everywhere", number, "1.20") for number in range(SHARED)]
    own = [item(name, number, f"{2 + number}.50") for number in range(OWN)]
    parties = [("everywhere", everywhere), (name, own)]
    return PeerCatalogue.model_validate(
        {"parties": [{"id": one, "legalName": one, "items": items} for one, items in parties]}
    )


def expected_offers() -> set[str]:
    """The ids of everything that an answer must hold: that of the healthy, and what the liar gives."""
    own = {f"urn:bench:{name}:{number}" for name in (*HEALTHY, "liar") for number in range(OWN)}
    return own | {f"urn:bench:everywhere:{number}" for number in range(SHARED)}


def gateways(addresses: dict[str, str]) -> tuple[GatewayConfig, ...]:
    """How to ask them."""
    return tuple(
        GatewayConfig(name, address, "lso", PASSWORD, private=True, page_size=50) for name, address in addresses.items()
    )


@asynccontextmanager
async def ten_sources() -> AsyncIterator[dict[str, str]]:
    """All ten in this event loop; gives their addresses by name."""
    async with AsyncExitStack() as stack:
        key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        addresses = {name: await stack.enter_async_context(_peer(name, key)) for name in HEALTHY}
        for name, answers in (("slow", _drip), ("liar", _lie), ("garbage", _garbage)):
            addresses[name] = await stack.enter_async_context(_raw(answers))
        for name in ("dead-1", "dead-2"):
            with socket.create_server(("127.0.0.1", 0)) as nobody:
                addresses[name] = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        yield addresses


@asynccontextmanager
async def _peer(name: str, key: rsa.RSAPrivateKey) -> AsyncIterator[str]:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    serving = asyncio.create_task(
        serve(
            catalogue(name),
            {"lso": PeerUser(PASSWORD)},
            clock=lambda: datetime.now(UTC),
            on_ready=ready.set_result,
            stop=stop,
            key=key,
        )
    )
    try:
        yield await ready
    finally:
        stop.set()
        await serving


Answers = Callable[[str, str], AsyncIterator[bytes]]
"""(address, path) -> what is written, piece by piece."""


@asynccontextmanager
async def _raw(answers: Answers) -> AsyncIterator[str]:
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                async for piece in answers(address, head.split()[1]):
                    writer.write(piece)
                    await writer.drain()
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(talk(reader, writer))
        talks.add(task)
        task.add_done_callback(talks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield address
    finally:
        server.close()
        for task in tuple(talks):
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await asyncio.sleep(0)  # a closed transport lets go of its socket in the next turn


def _whole(body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


def _token_or_entry(address: str, path: str) -> bytes | None:
    """A gateway and a registry that are well."""
    if path.endswith("/token"):
        return _whole(b'{"access_token":"t","expires_in":300,"token_type":"Bearer"}')
    if "/apis/sr" in path:
        api = {"id": "search", "protocol": "HTTP", "url": f"{address}/apis/fs"}
        entry = {"id": "s", "type": "bench.federated-search", "apis": [api]}
        return _whole(json.dumps({"services": [entry], "total": 1}).encode())
    return None


async def _drip(address: str, path: str) -> AsyncIterator[bytes]:
    known = _token_or_entry(address, path)
    if known is not None:
        yield known
        return
    yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    while True:
        yield b" "
        await asyncio.sleep(DRIP_S)


async def _garbage(address: str, path: str) -> AsyncIterator[bytes]:
    yield _token_or_entry(address, path) or _whole(b'{"totalElements":1,"result":[{"uri":' + b"[" * 9_000)


async def _lie(address: str, path: str) -> AsyncIterator[bytes]:
    """A million items, it says; what it gives is its own ten, and then nothing more."""
    offers = [
        {
            **item("liar", number, "9.90"),
            "price": {"EUR": 9.9},
            "baseQuantities": {"piece(s)": [1.0]},
            "manufacturer": {"id": "liar", "legalName": "liar"},
        }
        for number in range(OWN)
    ]
    page = {"totalElements": 1_000_000, "result": offers}
    yield _token_or_entry(address, path) or _whole(json.dumps(page).encode())


async def _serve_until_told() -> None:
    async with ten_sources() as addresses:
        sys.stdout.write(json.dumps(addresses) + "\n")
        sys.stdout.flush()
        waiting: Awaitable[str] = asyncio.to_thread(sys.stdin.readline)
        await waiting


if __name__ == "__main__":
    asyncio.run(_serve_until_told())
