"""The parent of every process that is killed: it has imported everything once, so a child is there in milliseconds.

It reads one command a line and writes one report a line (JSON). Without threads and event loop it forks safely.

    {"start": 7, "role": "worker", "settings": {…}, "deaths": {…}, "tempo": {…}, "control": ""}
    → {"started": 7, "pid": 4711}, later {"ended": 7, "pid": 4711, "signal": 9, "code": 0}
"""

import asyncio
import gc
import importlib
import json
import logging
import mmap
import os
import select
import signal
import struct
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiosqlite
import alembic.command
import anyio._backends._asyncio
import faststream.rabbit
import httpcore
import psycopg
import uvicorn
import web3
from sqlalchemy import event
from sqlalchemy.engine import Engine

import contracts.adapter
from bootstrap.api import run_api
from bootstrap.broker import QUEUE, Broker
from bootstrap.logs import start_log
from bootstrap.processes import run_until_stopped
from bootstrap.secrets_store import registry_password
from bootstrap.settings import Settings
from bootstrap.system import SystemClock, unix_time
from bootstrap.worker import run_worker
from matchmaking.peer import PeerUser, load_catalogue, serve
from notifications.receiver import create_receiver_app
from tests.faults import controls
from tests.faults.points import Points, implementations, install, port_protocols

WARM = (
    aiosqlite,
    alembic.command,
    anyio._backends._asyncio,
    faststream.rabbit,
    httpcore,
    psycopg,
    web3,
    contracts.adapter,
)
"""Loaded before the first fork; the names are not used here."""


def main() -> None:
    """Fork on command until standard input ends, then end every child."""
    importlib.import_module("google.protobuf.text_format")  # what CEL loads at its first expression
    for protocol in port_protocols():
        implementations(protocol)
    gc.freeze()
    children: dict[int, int] = {}
    wakeup_read, wakeup_write = os.pipe()
    os.set_blocking(wakeup_write, False)
    signal.set_wakeup_fd(wakeup_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pending = b""
    _say({"ready": os.getpid()})
    while True:
        readable, _, _ = select.select([0, wakeup_read], [], [])
        if wakeup_read in readable:
            os.read(wakeup_read, 4096)
            _bury(children)
        if 0 in readable:
            chunk = os.read(0, 1 << 20)
            if not chunk:
                break
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                _start(json.loads(line), children)
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _say(report: dict[str, int]) -> None:
    os.write(1, json.dumps(report).encode() + b"\n")


def _bury(children: dict[int, int]) -> None:
    for pid in list(children):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            ended = {"ended": children.pop(pid), "pid": pid}
            _say(ended | {"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, "code": status >> 8})


def _start(command: dict[str, Any], children: dict[int, int]) -> None:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            _live(command)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    children[pid] = command["start"]
    _say({"started": command["start"], "pid": pid})


def _live(command: dict[str, Any]) -> None:
    """What a child does in its life."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    null = os.open(os.devnull, os.O_RDONLY)
    for wanted, here in ((null, 0), (log, 1), (log, 2)):
        os.dup2(wanted, here)
    start_log()
    for module, values in command["tempo"].items():
        changed = importlib.import_module(module)
        for name, value in values.items():
            if hasattr(changed, name):
                is_span = isinstance(getattr(changed, name), timedelta)
                setattr(changed, name, timedelta(seconds=value) if is_span else value)
    event.listen(Engine, "connect", _forget_power_cuts)
    # Others may use the same broker: this house has a queue of its own.
    Broker.__init__.__defaults__ = (None, command["queue"] or QUEUE)
    ROLES[command["role"]](command)


def _forget_power_cuts(connection: Any, _: Any) -> None:
    """A killed process loses nothing that it has written; only a power cut would. The disk is most of the time else."""
    if "sqlite" in type(connection).__module__:
        connection.execute("PRAGMA synchronous=OFF")


def _worker(command: dict[str, Any]) -> None:
    points = Points(command["deaths"], Path(command["last_words"]))
    if command["control"]:
        controls.CONTROLS[command["control"]](points)
    install(points)
    settings = Settings(**command["settings"])
    if command["clock"]:
        _put_clock(Path(command["clock"]))
    try:
        run_until_stopped(lambda stop: run_worker(settings, stop))
    finally:
        if command["record"]:
            Path(command["record"]).write_text(json.dumps(points.seen), "utf-8")


def _put_clock(file: Path) -> None:
    """The file says how many seconds this process's clock is ahead of the others."""
    with file.open("rb") as opened:
        shared = mmap.mmap(opened.fileno(), 8, prot=mmap.PROT_READ)

    def now(self: SystemClock) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=struct.unpack("d", shared[:8])[0])

    SystemClock.now = now  # type: ignore[method-assign]


def _api(command: dict[str, Any]) -> None:
    asyncio.run(run_api(Settings(**command["settings"])))


def _registry(command: dict[str, Any]) -> None:
    """As `bootstrap.registry` does, and perhaps known by another address: that of the proxy in front of it."""
    settings = Settings(**command["settings"])
    offers = load_catalogue(settings.catalogue_dir / "registry.yaml")
    users = {settings.registry_user: PeerUser(registry_password(settings.data_dir))}
    run_until_stopped(
        lambda stop: serve(
            offers,
            users,
            clock=SystemClock().now,
            host=settings.host,
            port=settings.port,
            public_url=settings.registry_url,
            stop=stop,
        )
    )


def _push(command: dict[str, Any]) -> None:
    host, port = command["settings"]["host"], command["settings"]["port"]
    app = create_receiver_app(now=unix_time, public_origin=f"http://{host}:{port}")
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False)


ROLES: dict[str, Callable[[dict[str, Any]], None]] = {
    "worker": _worker,
    "api": _api,
    "registry": _registry,
    "push": _push,
}
"""What a child can be."""

if __name__ == "__main__":
    logging.raiseExceptions = False
    main()
