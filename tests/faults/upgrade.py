"""Orders that wait for a signature while the version of the code changes under them: all of them must finish."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg

from bootstrap.demo.actors import AMP
from tests.faults.crash import Outcome, open_people, settle, until_settled
from tests.faults.house import House, open_house
from tests.faults.pairs import working
from tests.faults.people import People

ROOT = Path(__file__).parents[2]
FIRST_MIGRATION = "marketplace/persistence/migrations/versions/0002_effects.py"
"""The version before this file was added is the old one: its tables are the first."""
AT_ONCE = 8
PATIENCE_S = 120.0
START_S = 60.0


@dataclass(frozen=True)
class Plan:
    """So many orders; `since` is the old version, empty for the last one with the first tables."""

    database: str
    seed: int
    orders: int
    since: str = ""
    control: bool = False


class NoHistory(LookupError):
    """The old version cannot be had: this is no clone with its history."""


async def upgrade(plan: Plan, folder: Path) -> tuple[Outcome, dict[str, Any]]:
    """The campaign, and what else there is to tell. Raises NoHistory."""
    begun, outcome = time.monotonic(), Outcome(things=("versions", "restarts"))
    since = plan.since or _before(FIRST_MIGRATION)
    told: dict[str, Any] = {"since": since}
    async with open_house(folder, plan.database, without=frozenset({"api"})) as house:
        old = OldVersion(house, _checked_out(since, folder / "old"))
        try:
            await old.start()
            async with open_people(house, plan.seed) as people:
                people.withheld.add(AMP.name)
                await _place_all(people, plan.orders)
                told |= {"waiting": _waiting(people), "placed_s": round(time.monotonic() - begun, 1)}
                await old.end()
                if plan.control:
                    _forget_some(house.database_url)
                at = time.monotonic()
                await house.start("api")
                await house.serving(f"{house.api_url}/livez")
                told["upgraded_s"] = round(time.monotonic() - at, 1)
                at = time.monotonic()
                await _finish(house, people, told)
                told["finished_s"] = round(time.monotonic() - at, 1)
                outcome.reckoning = await settle(house, people)
        finally:
            await old.end()
    outcome.names, outcome.kills = {since, "now"}, 2
    outcome.orders, outcome.seconds = len(people.placed), time.monotonic() - begun
    return outcome, told | {"finished": len(people.placed) - len(outcome.reckoning.lost)}


def _forget_some(database_url: str) -> None:
    """The negative control: what a careless migration does."""
    forget = "UPDATE signature_requests SET status = 'void' WHERE status = 'open' AND deadline % 2 = 0"
    if database_url.startswith("sqlite:///"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"), timeout=30)) as file, file:
            file.execute(forget)
    else:
        with psycopg.connect(database_url.replace("+psycopg", "")) as server:
            server.execute(forget)


def _before(path: str) -> str:
    """The commit before the one that added a file."""
    asked = ["git", "log", "--diff-filter=A", "--format=%H", "-n1", "--", path]
    found = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    if not found:
        raise NoHistory("the old version is in the history of a clone: clone the whole repository")
    return f"{found}^"


def _checked_out(commit: str, folder: Path) -> Path:
    archived = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if archived.returncode:
        raise NoHistory(f"there is no version {commit}: {archived.stderr.decode()[-200:]}")
    with tarfile.open(fileobj=BytesIO(archived.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


class OldVersion:
    """API and worker of the old code on the house's database."""

    def __init__(self, house: House, code: Path) -> None:
        self._house = house
        self._code = code
        self._running: list[asyncio.subprocess.Process] = []

    async def start(self) -> None:
        """Start both and wait for the API."""
        settings = self._house.settings
        self._write_as_it_did(Path(settings["data_dir"]) / "contracts.json")
        # Settings that came later mean nothing to it.
        environment = {name.upper(): str(value) for name, value in settings.items() if name != "data_dir"}
        for role in ("api", "worker"):
            with (self._house.folder / f"old-{role}.log").open("wb") as log:
                process = await asyncio.create_subprocess_exec(
                    *[sys.executable, "-m", "bootstrap", role, "--data", settings["data_dir"]],
                    cwd=self._code,
                    env={**os.environ, **environment},
                    stdout=log,
                    stderr=log,
                )
            self._running.append(process)
        await asyncio.wait_for(self._house.serving(f"{self._house.api_url}/livez"), START_S)

    def _write_as_it_did(self, address_book: Path) -> None:
        """The address book without what came later: a file that the old version would have left."""
        asking = "import contracts.deployer as d; print(*d.AddressBook.__dataclass_fields__)"
        asked = subprocess.run(
            [sys.executable, "-c", asking], cwd=self._code, capture_output=True, text=True, check=True
        )
        known = json.loads(address_book.read_text("utf-8"))
        address_book.write_text(json.dumps({name: known[name] for name in asked.stdout.split()}), "utf-8")

    async def end(self) -> None:
        """The API is asked to end; the worker is not."""
        for process, number in zip(self._running, (signal.SIGTERM, signal.SIGKILL), strict=False):
            if process.returncode is None:
                process.send_signal(number)
            await process.wait()
        self._running.clear()


async def _place_all(people: People, orders: int) -> None:
    """Place them, a few at a time, and wait until each waits for one signature only."""

    async def some() -> None:
        while len(people.placed) + placing[0] < orders:
            placing[0] += 1
            try:
                await people.place()
            finally:
                placing[0] -= 1

    placing = [0]
    await asyncio.gather(*[some() for _ in range(AT_ONCE)])
    last, since = -1, time.monotonic()
    while time.monotonic() - since < PATIENCE_S:
        now = _waiting(people)
        if now == orders:
            return
        if now != last:
            last, since = now, time.monotonic()
        await asyncio.sleep(0.3)


def _waiting(people: People) -> int:
    return sum(status == "sourcing" for status in people.status().values())


async def _finish(house: House, people: People, told: dict[str, Any]) -> None:
    """Everybody signs; half-way the worker is killed once more."""
    people.withheld.clear()
    async with working(house, ""):
        killing = asyncio.create_task(_kill_when(house, people, len(people.placed) // 2))
        try:
            await until_settled(people, PATIENCE_S)
        finally:
            killing.cancel()
        told["memory_mib"] = {name: _peak_mib(house, name) for name in ("worker", "api")}


async def _kill_when(house: House, people: People, left: int) -> None:
    while True:
        if len(people.open_orders()) <= left:
            break
        await asyncio.sleep(0.5)
    house.children["worker"].send(signal.SIGKILL)


def _peak_mib(house: House, name: str) -> int:
    """The most memory that the process has ever had (Linux), 0 where nobody can say."""
    status = Path(f"/proc/{house.children[name].pid}/status")
    if not status.exists():
        return 0
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    return int(lines.get("VmHWM", "0 kB").split()[0]) // 1024
