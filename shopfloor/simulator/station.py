"""The inspection station: a serial instrument behind a TCP port (`socket://` for pyserial).

Pushes every result to whoever listens and repeats it when asked; the frames are those of
`shopfloor.protocols.inspection`.
"""

import asyncio
from collections import OrderedDict
from contextlib import suppress

from shopfloor.protocols.inspection import InspectionResult
from shopfloor.protocols.serial_line import MAX_FRAME, LineError, decode_frame, encode_frame

_REMEMBERED = 256
_LISTENERS = 8  # a serial line has one; a few more for people who look


class InspectionStation:
    """Serves results on loopback TCP; one station a cell."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Port 0 takes a free one; see `url` after `start`."""
        self._host, self._port = host, port
        self._results: OrderedDict[str, InspectionResult] = OrderedDict()
        self._listeners: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """What pyserial opens."""
        return f"socket://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, self._host, self._port, limit=MAX_FRAME)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every line."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._listeners):
            writer.close()
        if self._server is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(2.0):
                    await self._server.wait_closed()

    async def publish(self, result: InspectionResult) -> None:
        """Remember a result and push its line."""
        self._results[result.job_id] = result
        while len(self._results) > _REMEMBERED:
            self._results.popitem(last=False)
        for writer in list(self._listeners):
            writer.write(encode_frame(result.payload()))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._listeners) >= _LISTENERS:
            writer.close()
            return
        self._listeners.add(writer)
        try:
            while line := await reader.readline():  # ValueError: longer than a frame may be
                with suppress(LineError, ValueError):  # noise is not answered
                    writer.write(encode_frame(self._answer(decode_frame(line))))
                    async with asyncio.timeout(2.0):
                        await writer.drain()
        except (ValueError, OSError, TimeoutError):
            pass  # a line that floods or stalls is cut
        finally:
            self._listeners.discard(writer)
            writer.close()

    def _answer(self, payload: str) -> str:
        word, _, job_id = payload.partition(";")
        if word != "READ" or not job_id:
            return "ERROR"
        result = self._results.get(job_id)
        return result.payload() if result else f"NONE;{job_id}"
