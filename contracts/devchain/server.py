"""The devchain over HTTP, on loopback only: it asks nobody who they are."""

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from contracts.devchain.errors import NotLoopbackError
from contracts.devchain.formats import parse_quantity
from contracts.devchain.rpc import Handler, answer

MAX_BODY: Final = 5_000_000
# Against DNS rebinding: a page that names a host of its own reaches nothing here.
_HOSTS: Final = ["localhost", "127.0.0.1", "[::1]", "testserver"]


def create_app(
    data_dir: Path,
    *,
    clock: Callable[[], float],
    chain_id: int = 31337,
    genesis_accounts: Mapping[str, int] | None = None,
) -> Starlette:
    """The application. The chain in `data_dir` opens with the application's lifespan.

    Args:
        data_dir: Where the chain's file is or will be.
        clock: The wall, in seconds since 1970.
        chain_id: The EIP-155 number.
        genesis_accounts: Address → wei; counts only when the chain starts.
    """
    genesis = {bytes.fromhex(address.removeprefix("0x")): wei for address, wei in (genesis_accounts or {}).items()}

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with ThreadPoolExecutor(1, "devchain") as thread:
            async with _running(data_dir, chain_id, genesis, clock, thread) as table:
                app.state.table = table
                yield

    async def endpoint(request: Request) -> Response:
        body = b""
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    return Response(status_code=413)
        except ClientDisconnect:
            return Response(status_code=400)
        response = await answer(body, request.app.state.table)
        if response is None:
            return Response(status_code=204)
        return Response(response, media_type="application/json")

    return Starlette(
        routes=[Route("/", endpoint, methods=["POST"])],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS)],
        lifespan=lifespan,
    )


@contextlib.asynccontextmanager
async def _running(
    folder: Path,
    chain_id: int,
    genesis: Mapping[bytes, int],
    clock: Callable[[], float],
    thread: ThreadPoolExecutor,
) -> AsyncIterator[dict[str, Handler]]:
    # py-evm takes a second to import: whoever only wants `create_app` should not pay for it.
    from contracts.devchain.methods import Methods  # noqa: PLC0415
    from contracts.devchain.miner import Miner  # noqa: PLC0415
    from contracts.devchain.node import Node  # noqa: PLC0415

    loop = asyncio.get_running_loop()
    node = await loop.run_in_executor(thread, Node, folder, chain_id, genesis, int(clock()))
    miner = Miner(node, clock, thread)
    methods = Methods(node, lambda: int(clock()))
    table: dict[str, Handler] = {name: _on_thread(miner, method) for name, method in methods.table.items()}

    async def send(raw: object) -> str:
        try:
            return str(await miner.run(methods.eth_sendRawTransaction, raw))
        finally:
            miner.notify()

    async def wait_until(timestamp: object) -> bool:
        return miner.wait_until(parse_quantity(timestamp, "timestamp"))

    async def ready() -> bool:
        return bool(node.mempool.by_hash) and await miner.run(node.has_ready)

    table |= {"eth_sendRawTransaction": send, "devchain_waitUntil": wait_until}
    mining = asyncio.create_task(miner.forever(ready))
    try:
        yield table
    finally:
        mining.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await mining
        await loop.run_in_executor(thread, node.close)


def _on_thread(miner: Any, method: Callable[..., Any]) -> Handler:
    @wraps(method)
    async def run(*parameters: object) -> Any:
        return await miner.run(method, *parameters)

    return run


def require_loopback(host: str) -> None:
    """Raises NotLoopbackError unless `host` is this machine's own address."""
    if host == "localhost":
        return
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise NotLoopbackError(f"{host!r} is not a loopback address") from None
    if not address.is_loopback:
        raise NotLoopbackError(f"the devchain listens on loopback only, not on {address}")


def serve(
    data_dir: Path,
    *,
    clock: Callable[[], float],
    host: str = "127.0.0.1",
    port: int = 8545,
    chain_id: int = 31337,
    genesis_accounts: Mapping[str, int] | None = None,
    log_level: str = "warning",
) -> None:
    """Serves until SIGINT or SIGTERM.

    Raises:
        NotLoopbackError: `host` would let the network in.
    """
    require_loopback(host)
    import uvicorn  # noqa: PLC0415 - only the process that serves needs it

    app = create_app(data_dir, clock=clock, chain_id=chain_id, genesis_accounts=genesis_accounts)
    uvicorn.run(app, host=host, port=port, log_level=log_level, access_log=False)
