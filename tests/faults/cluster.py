"""A PostgreSQL server of our own, to be killed: its own folder, socket and port, run by somebody who is not root."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.faults.house import HOST, free_port

START_S = 60.0
OTHER_USER = "postgres"


class NoServer(LookupError):
    """There is no PostgreSQL to start here; the text says what is missing."""


class Cluster:
    """One server on its own data folder."""

    def __init__(self, folder: Path, programs: Path, user: str | None, options: Sequence[str] = ()) -> None:
        self.port = free_port()
        self._folder = folder
        self._programs = programs
        self._user = user
        self._options = [word for option in options for word in ("-c", option)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def server(self) -> str:
        """How to connect to it."""
        return f"host={HOST} port={self.port} user=postgres connect_timeout=5"

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self._folder / "data"

    def create(self) -> None:
        """The data folder. Raises NoServer."""
        made = subprocess.run(
            [self._programs / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
            user=self._user,
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise NoServer(f"initdb failed: {made.stderr[-400:]}")

    def start(self) -> None:
        """Start it and wait until it answers as the server of this folder. Raises NoServer."""
        with (self._folder / "server.log").open("ab") as log:
            where: list[str | Path] = ["-D", self.data, "-h", HOST, "-p", str(self.port), "-k", self._folder]
            self._process = subprocess.Popen(
                [self._programs / "postgres", *where, *self._options],
                user=self._user,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + START_S
        while time.monotonic() < until and self._process.poll() is None:
            with suppress(psycopg.OperationalError), psycopg.connect(self.server) as connection:
                self._require_ours(connection)
                return
            time.sleep(0.05)
        raise NoServer(f"the server does not start: {(self._folder / 'server.log').read_text()[-600:]}")

    def _require_ours(self, connection: psycopg.Connection[tuple[str]]) -> None:
        """Nobody is killed, and nothing written, before the server has said whose it is."""
        row = connection.execute("SHOW data_directory").fetchone()
        if row is None or Path(row[0]).resolve() != self.data.resolve():
            raise NoServer(f"the server on port {self.port} is a stranger's: {row}")

    def kill(self) -> None:
        """SIGKILL to the server and all its children at once: a power cut without the disk's."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextmanager
def open_cluster(*options: str) -> Iterator[Cluster]:
    """A running server with settings like `fsync=off`, gone in the end. Raises NoServer."""
    user = OTHER_USER if os.geteuid() == 0 else None
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="lso-pg-"))
    try:
        if user is not None:
            _give(folder, user)
        cluster = Cluster(folder, programs, user, options)
        cluster.create()
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _give(folder: Path, user: str) -> None:
    try:
        shutil.chown(folder, user)
    except LookupError as error:
        raise NoServer(f"PostgreSQL does not run as root, and there is no user {user}") from error


def _programs() -> Path:
    """The folder with initdb and postgres: on the PATH, or where Debian puts them."""
    found = shutil.which("initdb")
    if found is not None and (Path(found).parent / "postgres").exists():
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda one: int(one.parts[-3]))
    if not installed:
        raise NoServer("initdb is not on the PATH: install PostgreSQL")
    return installed[-1].parent
