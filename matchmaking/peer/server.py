"""The peer as a process: bind, serve, stop when told."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa

from matchmaking.peer.app import SERVICE_TYPE, StoredOffers, create_peer_app, search_address
from matchmaking.peer.catalogue import PeerCatalogue
from matchmaking.peer.principals import PeerUser
from matchmaking.peer.quirks import NO_QUIRKS, Quirks
from matchmaking.signed_entries import typed_entry

Sign = Callable[[dict[str, Any]], Awaitable[bytes]]
"""EIP-712 typed data -> 65 bytes."""

_GRACE_S = 3  # for answers under way when we are told to stop


async def serve(
    served: PeerCatalogue | StoredOffers,
    users: Mapping[str, PeerUser],
    *,
    clock: Callable[[], datetime],
    host: str = "127.0.0.1",
    port: int = 0,
    public_url: str | None = None,
    on_ready: Callable[[str], None] | None = None,
    stop: asyncio.Event | None = None,
    token_life: timedelta = timedelta(minutes=5),
    key: rsa.RSAPrivateKey | None = None,
    quirks: Quirks = NO_QUIRKS,
    sign: Sign | None = None,
    signer: str | None = None,
) -> None:
    """Serves the peer until `stop` is set (or SIGINT/SIGTERM, in the main thread).

    Port 0 takes a free one; `on_ready` is told the base address once requests are answered. `public_url` is that
    address as clients see it, needed if a proxy stands before us or we listen on every address.
    `sign` signs our entry in the name of the address `signer`.
    Raises OSError if the port is taken, ValueError if the address that clients see is not known.
    """
    if public_url is None and host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        raise ValueError("a peer on every address must be told its public_url")
    with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        bound = listener.getsockname()[1]
        name = f"[{host}]" if ":" in host else host
        base_url = public_url or f"http://{name}:{bound}"
        proof = None
        if sign is not None and signer is not None:
            signature = await sign(typed_entry(SERVICE_TYPE, search_address(base_url)))
            proof = {"address": signer, "signature": "0x" + signature.hex()}
        app = create_peer_app(
            served, users, clock, base_url=base_url, token_life=token_life, key=key, proof=proof, quirks=quirks
        )
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=_GRACE_S,
        )
        server = _Server(config)
        watcher = asyncio.create_task(_watch(server, base_url, on_ready, stop))
        try:
            await server.serve(sockets=[listener])
        finally:
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher


class _Server(uvicorn.Server):
    """A server that says when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


async def _watch(
    server: _Server, base_url: str, on_ready: Callable[[str], None] | None, stop: asyncio.Event | None
) -> None:
    await server.ready.wait()
    if on_ready is not None:
        on_ready(base_url)
    if stop is not None:
        await stop.wait()
        server.should_exit = True
