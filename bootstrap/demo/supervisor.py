"""Starts the processes of the demonstration, starts again what dies, and ends them all."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

READY_POLL_S = 0.05
READY_TIMEOUT_S = 60.0
WATCH_S = 0.2
END_TIMEOUT_S = 8.0
REQUEST_TIMEOUT_S = 2.0


class NotReady(RuntimeError):
    """A process did not come up; the text names its log."""


def free_port() -> int:
    """A port on loopback that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Child:
    """One process and how to start it (again)."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    def start(self) -> None:
        """Start it; its words go to its log."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own command, arguments of our own making
                [sys.executable, "-m", "bootstrap", *self.arguments, "--end-with-parent"],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C in a terminal reaches us alone: we end them in order
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.starts += 1


@dataclass
class Supervisor:
    """The children of one demonstration. `said` is told when one had to be started again."""

    folder: Path
    said: Callable[[str], None]
    children: dict[str, Child] = field(default_factory=dict)
    ending: bool = False

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start a process under a name of its own."""
        logs = self.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        child = Child(name, arguments, environment or {}, logs / f"{name}.log")
        child.start()
        self.children[name] = child
        self._note_pids()

    async def watch(self) -> None:
        """Start again what ended by itself, for ever."""
        while not self.ending:
            for child in self.children.values():
                if child.process is not None and child.process.poll() is not None and not self.ending:
                    self.said(f"{child.name} ended with code {child.process.returncode}; started again")
                    child.start()
                    self._note_pids()
            await asyncio.sleep(WATCH_S)

    async def ready(self, name: str, url: str, *, method: str = "GET", body: object = None) -> None:
        """Wait until `url` answers with a 2xx. Raises NotReady."""
        loop = asyncio.get_running_loop()
        until = loop.time() + READY_TIMEOUT_S
        async with httpx.AsyncClient(timeout=REQUEST_TIMEOUT_S, trust_env=False) as http:
            while loop.time() < until:
                try:
                    if (await http.request(method, url, json=body)).is_success:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(READY_POLL_S)
        raise NotReady(f"{name} did not come up; see {self.children[name].log}")

    async def listening(self, name: str, port: int) -> None:
        """Wait until `port` takes connections. Raises NotReady."""
        loop = asyncio.get_running_loop()
        until = loop.time() + READY_TIMEOUT_S
        while loop.time() < until:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(READY_POLL_S)
            else:
                writer.close()
                return
        raise NotReady(f"{name} did not come up; see {self.children[name].log}")

    def end(self) -> None:
        """End every process, the first one last because the others lean on it; what does not listen is killed."""
        self.ending = True
        running = [child.process for child in self.children.values() if child.process is not None]
        _end(running[1:])
        _end(running[:1])

    def _note_pids(self) -> None:
        pids = {name: child.process.pid for name, child in self.children.items() if child.process is not None}
        (self.folder / "processes.json").write_text(json.dumps(pids, indent=1) + "\n", "utf-8")


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(END_TIMEOUT_S)
