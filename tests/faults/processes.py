"""Processes of the laboratory: children of the nursery, and the chain's node."""

import asyncio
import itertools
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_S = 90.0
"""How long the imports may take on a busy machine."""


@dataclass
class Child:
    """A process that the nursery forked. `ended` is done once it is gone, with the signal that ended it or 0."""

    role: str
    pid: int
    ended: "asyncio.Future[int]"

    def send(self, number: signal.Signals) -> None:
        """A signal, unless it is gone already."""
        if not self.ended.done():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def end(self, number: signal.Signals = signal.SIGTERM, patience_s: float = 10.0) -> int:
        """End it: as asked, or by SIGKILL when that takes too long."""
        self.send(number)
        try:
            return await asyncio.wait_for(asyncio.shield(self.ended), patience_s)
        except TimeoutError:
            self.send(signal.SIGKILL)
            return await self.ended


@dataclass
class Nursery:
    """Starts children in milliseconds."""

    process: asyncio.subprocess.Process
    folder: Path
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _children: dict[int, Child] = field(default_factory=dict)
    _starting: "dict[int, asyncio.Future[int]]" = field(default_factory=dict)

    async def start(self, role: str, settings: Mapping[str, Any], **more: Any) -> Child:
        """A child of this role; `more` is what the role understands."""
        number = next(self._numbers)
        command = {
            "start": number,
            "role": role,
            "settings": dict(settings),
            "log": str(self.folder / f"{role}.log"),
            "last_words": str(self.folder / "last-words"),
            "deaths": {},
            "tempo": {},
            "control": "",
            "record": "",
            "clock": "",
            "queue": "",
        } | more
        loop = asyncio.get_running_loop()
        self._starting[number] = loop.create_future()
        child = Child(role, 0, loop.create_future())
        self._children[number] = child
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        await self.process.stdin.drain()
        child.pid = await asyncio.wait_for(self._starting[number], START_S)
        return child

    async def listen(self) -> None:
        """Hear what became of the children, until the nursery ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            report = json.loads(line)
            if "started" in report:
                self._starting.pop(report["started"]).set_result(report["pid"])
            elif "ended" in report:
                self._children.pop(report["ended"]).ended.set_result(report["signal"])


@asynccontextmanager
async def open_nursery(folder: Path) -> AsyncIterator[Nursery]:
    """A nursery whose children write their logs to `folder`; they end with it."""
    with (folder / "nursery.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.faults.nursery",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            cwd=Path(__file__).parents[2],
        )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        if not await asyncio.wait_for(process.stdout.readline(), START_S):
            raise RuntimeError(f"the nursery did not start: {(folder / 'nursery.log').read_text()[-2000:]}")
        nursery = Nursery(process, folder)
        hearing = asyncio.create_task(nursery.listen())
        try:
            yield nursery
        finally:
            process.stdin.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 10)
            hearing.cancel()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
