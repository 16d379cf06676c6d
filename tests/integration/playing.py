"""Starts `lotsizeone` as people do, reads along, and ends what it started."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
LONGEST_S = 240.0
READY_S = 60.0
LAST_LINE = "Ctrl-C ends everything"


@dataclass(frozen=True)
class Played:
    """A demonstration that is over."""

    folder: Path
    code: int
    output: str
    document: dict[str, Any]


def command(*arguments: object) -> list[str]:
    """A command line of the product."""
    return [sys.executable, "-m", "bootstrap", *map(str, arguments)]


def play(
    folder: Path, document: Path, heard: Callable[[str], None] = lambda line: None, *, once: bool = True
) -> Played:
    """Play one demonstration to its end; `heard` is told each line at once and may do harm.

    Without `once` the app is left running until its last line has been read, then Ctrl-C is pressed.
    """
    lines = []
    with demo(*["--once"] * once, "--data", folder, "--json", document) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            heard(line)
            if line.startswith(LAST_LINE):
                process.send_signal(signal.SIGINT)
        code = process.wait(LONGEST_S)
    output = "".join(lines)
    assert document.exists(), output
    return Played(folder, code, output, json.loads(document.read_text("utf-8")))


@contextmanager
def demo(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """The running demonstration, which is ended at the latest after `LONGEST_S` seconds."""
    with subprocess.Popen(
        command("demo", *arguments),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    ) as process:
        deadline = threading.Timer(LONGEST_S, process.terminate)
        deadline.start()
        try:
            yield process
        finally:
            deadline.cancel()
            if process.poll() is None:
                process.terminate()
                process.wait(READY_S)


def kill(folder: Path, name: str) -> None:
    """End one of the demonstration's processes without a warning, by the id it wrote down."""
    os.kill(json.loads((folder / "processes.json").read_text())[name], signal.SIGKILL)


@contextmanager
def devchain(folder: Path) -> Iterator[str]:
    """The chain of a folder, served again; gives its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "devchain-again.log").open("ab") as log:
        process = subprocess.Popen(
            command("devchain", "--data", folder, "--port", port), cwd=ROOT, stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(url), process)
        yield url
    finally:
        process.kill()  # a power cut, not a farewell: what was mined must be there again
        process.wait(READY_S)


def _answers(url: str) -> bool:
    try:
        request = {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}
        return httpx.post(url, json=request, trust_env=False, timeout=2.0).is_success
    except httpx.HTTPError:
        return False


def wait_until(true: Callable[[], bool], process: subprocess.Popen[Any] | None = None) -> None:
    """Wait for a condition, as long as the process lives and at most `READY_S` seconds."""
    until = time.monotonic() + READY_S
    while not true():
        assert process is None or process.poll() is None, "the process ended"
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.05)
