"""A marketplace in processes of its own: node, database, registry, push service, interface. The worker is tried."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aio_pika
import httpx
import psycopg
from psycopg import sql

from bootstrap.deploy import deploy_development
from bootstrap.settings import Settings
from contracts.deployer import AddressBook
from tests.faults.books import Database
from tests.faults.processes import Child, Nursery, open_nursery
from tests.faults.proxy import Proxy, open_proxy
from tests.tooling.foundry import anvil

HOST = "127.0.0.1"
SERVER = "host=127.0.0.1 port=5432 user=postgres connect_timeout=5"
PREFIX = "lso_faults_"
BLOCK_S = 0.2
READY_S = 60.0
AMQP_PORT = 5672
RESTART_S = 0.2
CONFIRMATIONS = 2
"""Few, so that orders are quick; nobody forks this chain unasked."""

TEMPO: Mapping[str, Mapping[str, float]] = {
    "marketplace.application.attempt": {"LEASE_S": 3.0, "TRY_S": 2.5, "FIRST_RETRY_S": 0.1, "LONGEST_RETRY_S": 1.0},
    "marketplace.application.relay": {"LEASE_S": 3.0, "TRY_S": 2.5},
    "bootstrap.relaying": {"POLL_S": 0.05},
    "bootstrap.worker": {"CHAIN_POLL_S": 0.1, "FIRST_WAIT_S": 0.1, "LONGEST_WAIT_S": 1.0},
    "bootstrap.duty": {"STAND_BY_S": 0.2},
    "marketplace.application.match_order": {"MISCONFIGURED_RETRY": 1.0},
}
"""Waits of the worker, shortened: a laboratory lives through more deaths an hour than a shop in its life."""


class Miner:
    """A block every moment. Anvil's own clock would mine in the middle of `anvil_reorg`, which then goes wrong."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._still = asyncio.Lock()

    async def mine(self) -> None:
        """Until cancelled."""
        while True:
            async with self._still:
                await self._ask("evm_mine")
            await asyncio.sleep(BLOCK_S)

    async def reorg(self, depth: int) -> None:
        """Replace so many of the newest blocks by empty ones; their transactions are gone."""
        async with self._still:
            await self._ask("anvil_reorg", depth, [])

    async def _ask(self, method: str, *params: object) -> None:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        with suppress(httpx.HTTPError):
            await self._http.post("/", json=request)


@asynccontextmanager
async def open_miner(url: str) -> AsyncIterator[Miner]:
    """A miner at work for the node behind `url`."""
    async with httpx.AsyncClient(base_url=url, timeout=30.0, trust_env=False) as http:
        miner = Miner(http)
        mining = asyncio.create_task(miner.mine())
        try:
            yield miner
        finally:
            mining.cancel()


@dataclass
class House:
    """What runs, and where. `worker` is started by whoever tries it."""

    folder: Path
    nursery: Nursery
    book: AddressBook
    chain_url: str
    miner: "Miner"
    database_url: str
    push_url: str
    settings: dict[str, Any]
    children: dict[str, Child] = field(default_factory=dict)
    queue: str = ""
    broker_url: str = ""
    proxies: dict[str, Proxy] = field(default_factory=dict)
    deaths: dict[str, int] = field(default_factory=dict)
    """Where the next workers die, if a fault says so."""
    tempo: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: TEMPO)

    @property
    def api_url(self) -> str:
        """Where people and gateways knock."""
        return f"http://{HOST}:{self.settings['port']}"

    async def start(self, name: str, *, role: str = "", **more: Any) -> Child:
        """Start a process of the platform; the one that had the name before must be gone."""
        settings = self.settings | more.pop("settings", {})
        more |= {"tempo": self.tempo, "queue": self.queue}
        self.children[name] = await self.nursery.start(role or name, settings, **more)
        return self.children[name]

    async def keep(self, name: str, **more: Any) -> None:
        """Start a process whenever there is none, until cancelled: what systemd does on a real machine."""
        while True:
            child = await self.start(name, deaths=dict(self.deaths), **more)
            await asyncio.shield(child.ended)
            await asyncio.sleep(RESTART_S)

    async def serving(self, url: str) -> None:
        """Wait until somebody answers there."""
        async with httpx.AsyncClient(trust_env=False, timeout=5.0) as http:
            await _answering(http, url)


async def _answering(http: httpx.AsyncClient, url: str) -> None:
    async with asyncio.timeout(READY_S):
        while True:
            try:
                await http.get(url)
            except httpx.TransportError:
                await asyncio.sleep(0.05)
            else:
                return


@asynccontextmanager
async def open_house(
    folder: Path,
    kind: str,
    proxied: int | None = None,
    *,
    server: str = SERVER,
    broker: str = "",
    without: frozenset[str] = frozenset(),
    **settings: Any,
) -> AsyncIterator[House]:
    """Everything but a worker, on a database of its own of this kind: sqlite or postgres, there on `server`.

    With `proxied`, a seed, the platform's processes reach node, registry and database through proxies. Roles in
    `without` are left to the caller.
    """
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing else runs yet
    async with AsyncExitStack() as stack:
        database_url = stack.enter_context(own_database(folder, kind, server))
        node = stack.enter_context(anvil(folder, options=["--no-mining"]))
        miner = await stack.enter_async_context(open_miner(node.url))
        nursery = await stack.enter_async_context(open_nursery(folder))
        ports = {name: free_port() for name in ("api", "registry", "push")}
        push_url = f"http://{HOST}:{ports['push']}"
        given = {
            "data_dir": str(folder / "data"),
            "database_url": database_url,
            "chain_url": node.url,
            "registry_url": f"http://{HOST}:{ports['registry']}",
            "push_origins": push_url,
            "host": HOST,
            "port": ports["api"],
            "confirmations": CONFIRMATIONS,
            "replace_after_s": 3.0,
            "contest_window_s": 1,
            "accept_window_s": 3600,
            "search_retry_s": 1,
            "argon2_memory_kib": 1024,
            "argon2_passes": 1,
            "start_patience_s": 30.0,
        } | settings
        book = await _deployed(given)
        house = House(folder, nursery, book, node.url, miner, database_url, push_url, given)
        if proxied is not None:
            await _put_proxies(house, stack, proxied, ports["registry"])
        if broker:
            await stack.enter_async_context(_put_broker(house, broker, proxied or 0))
        await house.start("registry", settings={"port": ports["registry"]})
        await house.start("push", settings={"port": ports["push"]})
        if "api" not in without:
            await house.start("api")
            await house.serving(f"{house.api_url}/livez")
        yield house


async def _put_proxies(house: House, stack: AsyncExitStack, seed: int, registry: int) -> None:
    """Between the platform's processes and what they ask; the laboratory itself keeps the straight way."""
    node = await stack.enter_async_context(open_proxy(int(house.chain_url.rsplit(":", 1)[1]), seed))
    directory = await stack.enter_async_context(open_proxy(registry, seed + 1))
    house.proxies |= {"node": node, "registry": directory}
    house.settings |= {
        "chain_url": f"http://{HOST}:{node.port}",
        "registry_url": f"http://{HOST}:{directory.port}",
    }
    if not house.database_url.startswith("sqlite"):
        database = await stack.enter_async_context(open_proxy(5432, seed + 2))
        house.proxies["database"] = database
        house.settings["database_url"] = house.database_url.replace(":5432/", f":{database.port}/")


@asynccontextmanager
async def _put_broker(house: House, url: str, seed: int) -> AsyncIterator[None]:
    """A queue of the house's own on somebody's RabbitMQ, behind a proxy; the queue is deleted in the end."""
    house.queue = PREFIX + secrets.token_hex(6)
    parts = urlsplit(url)
    async with open_proxy(parts.port or AMQP_PORT, seed + 3) as proxy:
        house.proxies["broker"] = proxy
        host = f"{parts.username or 'guest'}:{parts.password or 'guest'}@{HOST}:{proxy.port}"
        house.settings["broker_url"] = parts._replace(netloc=host).geturl()
        house.broker_url = url
        try:
            yield
        finally:
            connection = await aio_pika.connect(url, timeout=10)
            async with connection:
                await (await connection.channel()).queue_delete(house.queue)


async def _deployed(settings: dict[str, Any]) -> AddressBook:
    return await deploy_development(Settings(data_dir=settings["data_dir"], chain_url=settings["chain_url"]))


@contextmanager
def own_database(folder: Path, kind: str, server: str = SERVER) -> Iterator[str]:
    """The URL of a new database; one of PostgreSQL has a random name and is dropped in the end."""
    if kind == "sqlite":
        (folder / "data").mkdir(parents=True, exist_ok=True)
        yield f"sqlite:///{folder / 'data' / 'marketplace.db'}"
        return
    name = PREFIX + secrets.token_hex(6)
    with psycopg.connect(server, autocommit=True) as opened:
        opened.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        if server == SERVER:
            # Nobody kills this server, and a killed client loses nothing that it has committed.
            opened.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(name)))
        port = opened.info.port
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/{name}"
    finally:
        with psycopg.connect(server, autocommit=True) as opened:
            opened.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def free_port() -> int:
    """A port that nobody has."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def witness(house: House) -> Database:
    """A connection of our own to the house's database."""
    return Database(house.database_url)
