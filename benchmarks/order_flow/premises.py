"""One marketplace in processes of its own, on a database, a broker and a chain of its own; all goes in the end."""

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import psycopg
from psycopg import sql

from bootstrap.demo.stage import Ports, programs
from bootstrap.demo.supervisor import Supervisor
from bootstrap.deploy import deploy_development
from bootstrap.settings import Settings
from contracts.deployer import AddressBook
from tests.tooling.foundry import anvil

HOST = "127.0.0.1"
SERVER = "host=127.0.0.1 port=5432 user=postgres connect_timeout=5"
PREFIX = "lso_bench_"
BLOCK_TIME_S = "1"
ANVIL_OPTIONS = ("--block-time", BLOCK_TIME_S, "--gas-limit", "300000000", "--prune-history", "1000")
"""A block a second, as rollups have, and so large that the node's own speed is the bound."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Setup:
    """Which database, which chain, how many workers."""

    name: str
    database: str
    workers: int

    @property
    def chain(self) -> str:
        """The node."""
        return "devchain" if self.database == "sqlite" else "anvil"


@dataclass
class Premises:
    """What runs, and where."""

    folder: Path
    supervisor: Supervisor
    ports: Ports
    database_url: str
    environment: dict[str, str]
    chain_url: str = ""
    book: AddressBook | None = None
    workers: list[str] = field(default_factory=list)
    node_pid: int | None = None

    @property
    def api_url(self) -> str:
        """Where people knock."""
        return f"http://{HOST}:{self.ports.api}"

    @property
    def push_url(self) -> str:
        """Where phones listen."""
        return f"http://{HOST}:{self.ports.push}"

    def start(self, role: str, name: str = "") -> None:
        """Start a program of the platform, perhaps under another name."""
        program = programs(self.folder, self.ports, self.chain_url)[role]
        self.supervisor.start(name or role, program.arguments, {**program.environment, **self.environment})

    def start_workers(self, number: int) -> None:
        """So many workers."""
        for index in range(number):
            self.workers.append(f"worker-{index + 1}")
            self.start("worker", self.workers[-1])

    def cpu_s(self) -> dict[str, float]:
        """Seconds of processor time that each process has had so far; `people` is this process, and PostgreSQL's
        own processes are not in it."""
        pids = {name: child.process.pid for name, child in self.supervisor.children.items() if child.process}
        if self.node_pid is not None:
            pids["anvil"] = self.node_pid
        return {name: cpu_s_of(pid) for name, pid in (pids | {"people": os.getpid()}).items()}


def cpu_s_of(pid: int) -> float:
    """Seconds of processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@asynccontextmanager
async def open_premises(
    folder: Path, setup: Setup, *, chain: bool = True, environment: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Premises]:
    """Everything but workers; `environment` is what every process finds beside its own.

    Without a `chain` only what takes orders; the contracts are then those of a devchain that was ended again.
    """
    folder.mkdir(parents=True)  # noqa: ASYNC240 - nothing else runs yet
    async with AsyncExitStack() as stack:
        supervisor = Supervisor(folder, lambda _: None)
        stack.callback(supervisor.end)
        url = stack.enter_context(own_database(folder, setup.database))
        found = {**environment, "DATABASE_URL": url}
        if setup.database == "postgres":
            found["BROKER_URL"] = stack.enter_context(own_vhost())
        premises = Premises(folder, supervisor, Ports.free(0), url, found)
        if setup.chain == "anvil":
            node = stack.enter_context(anvil(folder, options=ANVIL_OPTIONS))
            premises.chain_url, premises.node_pid = node.url, node.pid
        else:
            premises.start("devchain")
            premises.chain_url = f"http://{HOST}:{premises.ports.chain}"
            await supervisor.listening("devchain", premises.ports.chain)
        settings = Settings(data_dir=folder, chain_url=premises.chain_url)
        premises.book = await deploy_development(settings)
        premises.start("api")
        if chain:
            premises.start("registry")
            premises.start("push-receiver")
            await supervisor.listening("registry", premises.ports.registry)
            await supervisor.ready("push-receiver", f"{premises.push_url}/health")
        await supervisor.ready("api", f"{premises.api_url}/livez")
        yield premises


@contextmanager
def own_database(folder: Path, kind: str) -> Iterator[str]:
    """The URL of a new database, with the server's own care for the disk; one of PostgreSQL is dropped in the end."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'marketplace.db'}"
        return
    name = PREFIX + secrets.token_hex(6)
    with psycopg.connect(SERVER, autocommit=True) as server:
        for setting in ("fsync", "synchronous_commit"):
            found = server.execute(sql.SQL("SHOW {}").format(sql.Identifier(setting))).fetchone()
            if found != ("on",):
                raise RuntimeError(f"{setting} of PostgreSQL is {found}: what is measured here would not be durable")
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:5432/{name}"
    finally:
        with psycopg.connect(SERVER, autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def own_vhost() -> Iterator[str]:
    """The URL of a new virtual host of RabbitMQ, deleted in the end."""
    name = PREFIX + secrets.token_hex(6)
    _rabbitmqctl("add_vhost", name)
    try:
        _rabbitmqctl("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
        yield f"amqp://guest:guest@127.0.0.1:5672/{name}"
    finally:
        _rabbitmqctl("delete_vhost", name)


def _rabbitmqctl(*arguments: str) -> None:
    subprocess.run(["rabbitmqctl", "--quiet", *arguments], check=True, timeout=120)  # noqa: S607 - the system's own


@asynccontextmanager
async def beside(premises: Premises, port: int) -> AsyncIterator[int]:
    """The bare app on the same database, while the block runs; gives its process id."""
    arguments = ["--database-url", premises.database_url, "--port", str(port)]
    with (premises.folder / "logs" / "bare.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.order_flow.bare", *arguments, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    _, writer = await asyncio.open_connection(HOST, port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
        yield process.pid
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 20)
