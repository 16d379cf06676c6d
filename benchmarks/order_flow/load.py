"""Sends prepared HTTP requests over a few connections and keeps the time of each: the least that a client can cost."""

import asyncio
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LONGEST_S = 60.0


class Unexpected(RuntimeError):
    """The server did not answer as it should; the text is its answer."""


@dataclass(frozen=True)
class Round:
    """One run of requests, all answered as they should be."""

    requests: int
    seconds: float
    latencies_s: Sequence[float]

    @property
    def per_second(self) -> float:
        """Requests answered in a second."""
        return self.requests / self.seconds

    def percentile_ms(self, percent: float) -> float:
        """The latency that so many of a hundred requests stay under."""
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * percent / 100) - 1)] * 1000


def prepared(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The bytes of a POST request that keeps its connection."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def send_all(port: int, requests: Sequence[bytes], connections: int, status: int = 201) -> Round:
    """Send every request once; each connection sends its next one when it has its answer. Raises Unexpected."""
    waiting = iter(requests)
    latencies: list[float] = []

    async def customer() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for request in waiting:
                begun = time.perf_counter()
                writer.write(request)
                await _answer(reader, status)
                latencies.append(time.perf_counter() - begun)
        finally:
            writer.close()

    begun = time.perf_counter()
    async with asyncio.timeout(LONGEST_S * 10), asyncio.TaskGroup() as tasks:
        for _ in range(connections):
            tasks.create_task(customer())
    return Round(len(latencies), time.perf_counter() - begun, latencies)


async def _answer(reader: asyncio.StreamReader, status: int) -> bytes:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LONGEST_S)).lower()
    length = next((line for line in head.split(b"\r\n") if line.startswith(b"content-length:")), b"content-length: 0")
    body = await reader.readexactly(int(length.partition(b":")[2]))
    if not head.startswith(b"http/1.1 %d " % status):
        raise Unexpected((head + body)[:800].decode("utf-8", "replace"))
    return body


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)
