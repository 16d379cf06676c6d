"""A TCP proxy that spoils what passes: between us and the node, the registry or the database."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum

HOST = "127.0.0.1"
CHUNK = 1 << 16
GARBLED_BYTES = 40


class Spoil(Enum):
    """What happens to connections and answers; several at once spoil each other's work as they would outside."""

    REFUSE = "nobody listens: connections are closed at once, and those that are open are cut"
    SLOW = "every answer takes longer"
    GARBLE = "bytes of answers are changed"
    CUT = "questions arrive, and the connection ends in the middle of the answer"
    SILENT = "questions arrive, and nothing comes back"


class Proxy:
    """Forwards connections to `target`, which may change; `spoils` holds what is wrong just now."""

    def __init__(self, target: tuple[str, int], chance: random.Random) -> None:
        self.target = target
        self.spoils: set[Spoil] = set()
        self.delay_s = 0.5
        self.port = 0
        self.spoilt = 0
        """Answers that did not arrive as they were sent."""
        self._chance = chance
        self._open: set[asyncio.StreamWriter] = set()

    def cut_all(self) -> None:
        """End every open connection."""
        for writer in list(self._open):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        if Spoil.REFUSE in self.spoils:
            writer.transport.abort()
            return
        try:
            behind_reader, behind_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        mine = {writer, behind_writer}
        self._open |= mine
        try:
            both = [
                asyncio.create_task(self._forward(reader, behind_writer, spoil=False)),
                asyncio.create_task(self._forward(behind_reader, writer, spoil=True)),
            ]
            _, rest = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in rest:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        finally:
            self._open -= mine
            for one in mine:
                one.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, spoil: bool) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                arrives = await self._spoilt(data) if spoil else data
                if arrives is None:
                    return
                writer.write(arrives)
                await writer.drain()

    async def _spoilt(self, data: bytes) -> bytes | None:
        """What arrives of an answer; None ends the connection."""
        if Spoil.SLOW in self.spoils:
            await asyncio.sleep(self.delay_s)
        while Spoil.SILENT in self.spoils:
            self.spoilt += 1
            await asyncio.sleep(0.1)
        if Spoil.CUT in self.spoils:
            self.spoilt += 1
            return None
        if Spoil.GARBLE in self.spoils:
            self.spoilt += 1
            changed = bytearray(data)
            for _ in range(min(GARBLED_BYTES, len(changed))):
                changed[self._chance.randrange(len(changed))] = self._chance.randrange(256)
            return bytes(changed)
        return data


@asynccontextmanager
async def open_proxy(port: int, seed: int) -> AsyncIterator[Proxy]:
    """A proxy in front of a port of this machine."""
    proxy = Proxy((HOST, port), random.Random(seed))
    server = await asyncio.start_server(proxy.serve, HOST, 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut_all()
