"""The kinds of fault: how each begins, and how it is lifted. All of them happen to a house while it works."""

import asyncio
import random
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

import aio_pika
import httpx
import psycopg

from tests.faults.books import WITNESS, Database, Node, NodeError
from tests.faults.house import SERVER, House
from tests.faults.people import People
from tests.faults.proxy import Proxy, Spoil
from tests.tooling.foundry import anvil

LEASE_S = 3.0
"""Of an effect in this house; whoever sleeps longer has lost what it held."""


@dataclass
class Scene:
    """What faults happen to."""

    house: House
    people: People
    node: Node
    database: Database
    proxies: Mapping[str, Proxy]
    shift: Callable[[float], None]
    """Puts the worker's clock so many seconds ahead of the others."""
    deepest: int
    """Blocks that a fork takes at most."""
    points: list[str]


Fault = Callable[[Scene, random.Random, float], AbstractAsyncContextManager[None]]
"""Begins when it is entered and is lifted when it is left; the number says how many seconds that will be."""


@asynccontextmanager
async def worker_killed(scene: Scene, chance: random.Random, lasts_s: float) -> AsyncIterator[None]:
    """The worker dies where it stands; the house starts another one."""
    scene.house.children["worker"].send(signal.SIGKILL)
    yield


@asynccontextmanager
async def worker_dies_at_a_point(scene: Scene, chance: random.Random, lasts_s: float) -> AsyncIterator[None]:
    """Of the next lives of the worker each ends at some point of an order's way."""
    scene.house.deaths = {point: chance.randint(1, 4) for point in chance.sample(scene.points, 8)}
    scene.house.children["worker"].send(signal.SIGKILL)
    yield
    scene.house.deaths = {}


@asynccontextmanager
async def interface_killed(scene: Scene, chance: random.Random, lasts_s: float) -> AsyncIterator[None]:
    """The interface dies in the middle of its requests."""
    scene.house.children["api"].send(signal.SIGKILL)
    yield


@asynccontextmanager
async def worker_asleep(scene: Scene, chance: random.Random, lasts_s: float) -> AsyncIterator[None]:
    """The worker is stopped until its leases have run out, another one works, then it wakes up and goes on."""
    sleeper = scene.house.children["worker"]
    sleeper.send(signal.SIGSTOP)
    other = await scene.house.start("second worker", role="worker")
    try:
        await asyncio.sleep(max(0.0, LEASE_S - lasts_s))
        yield
    finally:
        sleeper.send(signal.SIGCONT)
        await asyncio.sleep(0.5)
        await other.end()


def _spoiling(where: str, spoil: Spoil) -> Fault:
    @asynccontextmanager
    async def spoiling(scene: Scene, chance: random.Random, lasts_s: float) -> AsyncIterator[None]:
        proxy = scene.proxies[where]
        proxy.spoils.add(spoil)
        if spoil is Spoil.REFUSE:
            proxy.cut_all()
        try:
            yield
        finally:
            proxy.spoils.discard(spoil)

    return spoiling


@asynccontextmanager
async def stale_node(scene: Scene, chance: random.Random, lasts_s: float) -> AsyncIterator[None]:
    """Another node answers, which stands still: it has the chain up to now, takes transactions and mines none."""
    proxy, state = scene.proxies["node"], await asyncio.to_thread(scene.node.ask, "anvil_dumpState")
    with ExitStack() as stack:
        frozen = await asyncio.to_thread(stack.enter_context, anvil(scene.house.folder, options=["--no-mining"]))
        copy = Node(frozen.url)
        stack.callback(copy.close)
        await asyncio.to_thread(copy.ask, "anvil_loadState", state)
        before, proxy.target = proxy.target, (proxy.target[0], frozen.port)
        proxy.cut_all()
        try:
            yield
        finally:
            proxy.target = before
            proxy.cut_all()


@asynccontextmanager
async def reorg(scene: Scene, chance: random.Random, lasts_s: float) -> AsyncIterator[None]:
    """The newest blocks are replaced by others without their transactions: fewer than the policy waits for."""
    await scene.house.miner.reorg(chance.randint(1, scene.deepest))
    yield


@asynccontextmanager
async def transactions_dropped(scene: Scene, chance: random.Random, lasts_s: float) -> AsyncIterator[None]:
    """The node forgets what waits in its queue, again and again."""
    forgetting = asyncio.create_task(_forget(scene.node))
    try:
        yield
    finally:
        forgetting.cancel()


async def _forget(node: Node) -> None:
    while True:
        with suppress(NodeError, httpx.HTTPError):
            node.ask("anvil_dropAllTransactions")
        await asyncio.sleep(0.05)


@asynccontextmanager
async def push_busy(scene: Scene, chance: random.Random, lasts_s: float) -> AsyncIterator[None]:
    """The push service has had enough: 429, with a wait, for every phone."""
    fault = {"status": 429, "retry_after": 1, "count": 2}
    async with httpx.AsyncClient(trust_env=False, timeout=5.0) as http:
        for endpoint in scene.people.endpoints[-8:]:
            with suppress(httpx.HTTPError):
                await http.post(f"{endpoint}/faults", json=fault)
    yield


@asynccontextmanager
async def clock_jump(scene: Scene, chance: random.Random, lasts_s: float) -> AsyncIterator[None]:
    """The worker's clock is wrong for a while."""
    scene.shift(chance.choice((-20.0, 20.0)))
    try:
        yield
    finally:
        scene.shift(0.0)


@asynccontextmanager
async def repeated_messages(scene: Scene, chance: random.Random, lasts_s: float) -> AsyncIterator[None]:
    """People and machines send everything twice."""
    scene.people.times = 2
    try:
        yield
    finally:
        scene.people.times = 1


@asynccontextmanager
async def database_locked(scene: Scene, chance: random.Random, lasts_s: float) -> AsyncIterator[None]:
    """Somebody else writes to the file and takes their time."""
    file = scene.house.database_url.removeprefix("sqlite:///")
    other = sqlite3.connect(file, timeout=0, isolation_level=None)
    try:
        for _ in range(200):
            with suppress(sqlite3.OperationalError):
                other.execute("BEGIN IMMEDIATE")
                break
            await asyncio.sleep(0.01)
        yield
    finally:
        other.close()


@asynccontextmanager
async def sessions_terminated(scene: Scene, chance: random.Random, lasts_s: float) -> AsyncIterator[None]:
    """The server ends every session of platform processes."""
    name = scene.house.database_url.rsplit("/", 1)[1]
    question = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = %s AND application_name <> %s AND pid <> pg_backend_pid()"
    )
    async with await psycopg.AsyncConnection.connect(SERVER, autocommit=True) as server:
        await server.execute(question, (name, WITNESS))
    yield


@asynccontextmanager
async def broker_babbles(scene: Scene, chance: random.Random, lasts_s: float) -> AsyncIterator[None]:
    """The broker says everything again, in any order, and things that nobody ever told it."""
    wanted = "SELECT id FROM outbox ORDER BY id DESC LIMIT 200"
    ids = [str(row["id"]) for row in scene.database.rows(wanted)] * 2 + ["0", "-1", "nonsense", "9" * 18]
    chance.shuffle(ids)
    connection = await aio_pika.connect(scene.house.broker_url, timeout=10)
    async with connection:
        channel = await connection.channel()
        for text in ids:
            await channel.default_exchange.publish(aio_pika.Message(text.encode()), scene.house.queue)
    yield


COMMON: Mapping[str, Fault] = {
    "worker killed": worker_killed,
    "worker dies at a point": worker_dies_at_a_point,
    "interface killed": interface_killed,
    "worker asleep": worker_asleep,
    "node down": _spoiling("node", Spoil.REFUSE),
    "node slow": _spoiling("node", Spoil.SLOW),
    "node garbled": _spoiling("node", Spoil.GARBLE),
    "node cut": _spoiling("node", Spoil.CUT),
    "node silent": _spoiling("node", Spoil.SILENT),
    "node stale": stale_node,
    "reorg": reorg,
    "transactions dropped": transactions_dropped,
    "registry down": _spoiling("registry", Spoil.REFUSE),
    "registry garbled": _spoiling("registry", Spoil.GARBLE),
    "push busy": push_busy,
    "clock jump": clock_jump,
    "repeated messages": repeated_messages,
}
"""Whatever the database is."""

OF_DATABASE: Mapping[str, Mapping[str, Fault]] = {
    "sqlite": {"database locked": database_locked},
    "postgres": {
        "database cut": _spoiling("database", Spoil.REFUSE),
        "database slow": _spoiling("database", Spoil.SLOW),
        "sessions terminated": sessions_terminated,
    },
}


OF_BROKER: Mapping[str, Fault] = {
    "broker down": _spoiling("broker", Spoil.REFUSE),
    "broker silent": _spoiling("broker", Spoil.SILENT),
    "broker babbles": broker_babbles,
}

EVERY_KIND: Mapping[str, Fault] = {**COMMON, **OF_DATABASE["sqlite"], **OF_DATABASE["postgres"], **OF_BROKER}


def kinds(database: str, *, broker: bool = False) -> dict[str, Fault]:
    """All that can happen on this kind of database, with or without a broker, by name."""
    return {**COMMON, **OF_DATABASE[database], **(OF_BROKER if broker else {})}
