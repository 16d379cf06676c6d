"""Phones that follow orders, many in one process: each line that it prints is a phone that heard, or that is there.

Read from standard input: one JSON line, {"api_url", "phones": [{"phone", "order", "token", "after"}]}. The process ends
when its standard input does. Instants are those of the monotonic clock, which all processes of a machine share.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx

COME_BACK_S: Final = 1.0
"""As the stream's `retry:` asks."""
SILENCE_S: Final = 45.0
"""Three heartbeats: as the app, a phone then takes its line for dead."""
LONGEST_TO_OPEN_S: Final = 60.0


# --- In a process of its own -----------------------------------------------------------------------------------------


async def follow(http: httpx.AsyncClient, order: str, token: str, after: int, phone: int) -> None:
    """Follow an order for ever, after each break from the last item on."""
    while True:
        headers = {"Authorization": f"Bearer {token}", "Last-Event-ID": str(after)}
        try:
            async with http.stream("GET", f"/v1/orders/{order}/events", headers=headers) as stream:
                stream.raise_for_status()
                _tell(phone=phone, open=True)
                async for line in stream.aiter_lines():
                    if line.startswith("data:"):
                        at = time.monotonic()
                        item = json.loads(line.removeprefix("data:"))
                        after = item["id"]
                        _tell(phone=phone, id=item["id"], title=item["title"], at=at)
        except httpx.HTTPError:
            pass
        await asyncio.sleep(COME_BACK_S)


def _tell(**said: object) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


async def carry(wanted: dict[str, Any]) -> None:
    """Follow until standard input ends."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    timeout = httpx.Timeout(10.0, read=SILENCE_S)
    async with httpx.AsyncClient(base_url=wanted["api_url"], timeout=timeout, trust_env=False, limits=limits) as http:
        phones = [asyncio.create_task(follow(http, **phone)) for phone in wanted["phones"]]
        await asyncio.to_thread(sys.stdin.read)
        for phone in phones:
            phone.cancel()
        await asyncio.gather(*phones, return_exceptions=True)


# --- Seen from the benchmark -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Phone:
    """Whose phone, which order, and the last item that it knows."""

    phone: int
    order: str
    token: str
    after: int


@dataclass(frozen=True)
class Heard:
    """One item of one phone's stream."""

    phone: int
    id: int
    title: str
    at: float


class Phones:
    """The phones of some processes. `heard` grows, `opened` counts by phone how often its stream opened."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.opened: dict[int, int] = {}

    def take(self, line: bytes) -> None:
        """One line of a process."""
        said = json.loads(line)
        if said.pop("open", False):
            self.opened[said["phone"]] = self.opened.get(said["phone"], 0) + 1
        else:
            self.heard.append(Heard(**said))

    async def all_open(self, number: int, times: int = 1) -> None:
        """Wait until so many phones have opened their streams so many times. Raises TimeoutError."""
        async with asyncio.timeout(LONGEST_TO_OPEN_S):
            while sum(count >= times for count in self.opened.values()) < number:  # noqa: ASYNC110 - lines of others
                await asyncio.sleep(0.02)


@asynccontextmanager
async def ringing(api_url: str, phones: Sequence[Phone], processes: int) -> AsyncIterator[Phones]:
    """Phones in so many processes, all of which have opened their streams. Raises TimeoutError."""
    held, started, readers = Phones(), [], []
    try:
        for number in range(processes):
            share = [vars(phone) for phone in phones[number::processes]]
            command = (sys.executable, "-m", "benchmarks.live_flow.phones")
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            started.append(process)
            readers.append(asyncio.create_task(_read(process, held)))
            assert process.stdin is not None
            process.stdin.write(json.dumps({"api_url": api_url, "phones": share}).encode() + b"\n")
            await process.stdin.drain()
        await held.all_open(len(phones))
        yield held
    finally:
        for process in started:
            assert process.stdin is not None
            process.stdin.close()
        for process in started:
            await asyncio.wait_for(process.wait(), 20)
        await asyncio.gather(*readers)


async def _read(process: asyncio.subprocess.Process, held: Phones) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        held.take(line)


if __name__ == "__main__":
    asyncio.run(carry(json.loads(sys.stdin.readline())))
