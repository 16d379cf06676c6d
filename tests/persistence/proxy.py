"""A TCP proxy in this process that can be cut, frozen and healed: the network between us and a server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Self

BUFFER = 1 << 16


class Proxy:
    """Forwards bytes of loopback connections to `port`."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._flows = asyncio.Event()
        self._flows.set()
        self._refuses = False
        self._lines: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        assert self._server is not None
        self._server.close()
        self._flows.set()
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._hang_up()

    def cut(self) -> None:
        """As when the server is killed: lines break, new ones are closed at once."""
        self._refuses = True
        self._hang_up()

    def freeze(self) -> None:
        """As when the network swallows everything: nobody hears anything, and nobody is told."""
        self._flows.clear()

    def heal(self) -> None:
        """Everything works again."""
        self._refuses = False
        self._flows.set()

    def _hang_up(self) -> None:
        for line in [*self._lines]:
            line.close()
        self._lines.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        lines = {writer}
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._flows.wait()
                if not self._refuses:
                    there, back = await asyncio.open_connection("127.0.0.1", self._target)
                    lines.add(back)
                    self._lines |= lines
                    await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        finally:
            self._lines -= lines
            for line in lines:
                line.close()
                with suppress(OSError):
                    await line.wait_closed()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(BUFFER):
                await self._flows.wait()
                target.write(data)
                await target.drain()
        target.close()


@asynccontextmanager
async def through_a_proxy(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before the PostgreSQL server of `url`, and the URL that goes through it."""
    server, _, name = url.rpartition("/")
    async with Proxy(int(server.rpartition(":")[2])) as proxy:
        yield proxy, f"{server.rpartition(':')[0]}:{proxy.port}/{name}"
