"""The miniature backend on a real port."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from tests.shopfloor.receiver import Receiver
from tests.shopfloor.worlds import until


@asynccontextmanager
async def served(receiver: Receiver) -> AsyncIterator[str]:
    """Serve `receiver` on loopback; gives its URL."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    settings = uvicorn.Config(receiver, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1)  # type: ignore[arg-type]
    server = uvicorn.Server(settings)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await until(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 10)
        listener.close()
