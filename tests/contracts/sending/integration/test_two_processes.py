"""Two processes share an account, a database and half of their keys; one of them is killed."""

import asyncio
import itertools
import json
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from contracts.sending.memory import MINED, Stored
from marketplace.persistence.database import Database
from marketplace.ports.fakes.stores import FakeChainTransactionStore
from tests.contracts.sending.integration.conftest import ROOT
from tests.contracts.sending.integration.yard import Yard
from tests.persistence.databases import new_file, opened, postgresql_database
from tests.tooling.foundry import Anvil

pytestmark = pytest.mark.integration

LONGEST_S = 120
KEYS = {name: [f"{name} {number}" for number in range(10)] for name in ("shared", "one's", "the other's")}
ALL = list(itertools.chain.from_iterable(KEYS.values()))


@pytest.fixture(params=[pytest.param("sqlite", marks=pytest.mark.nightly), "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without rows."""
    if request.param == "sqlite":
        asyncio.run(new_file(tmp_path / "shared.db"))
        yield f"sqlite:///{tmp_path}/shared.db"
    else:
        with postgresql_database() as url:
            asyncio.run(_migrate(url))
            yield url


async def _migrate(url: str) -> None:
    async with opened(url) as database:
        await database.migrate()


def start(yard: Yard, node: Anvil, database: str, keys: Sequence[str], lanes: int = 2) -> subprocess.Popen[str]:
    """A process that pays these keys."""
    given = {
        "database": database,
        "rpc": node.url,
        "euro": yard.euro,
        "payee": yard.payee,
        "key": yard.key.hex(),
        "keys": list(keys),
        "lanes": lanes,
    }
    command = [sys.executable, "-m", "tests.contracts.sending.integration.process", json.dumps(given)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@asynccontextmanager
async def blocks(yard: Yard) -> AsyncIterator[None]:
    """A block every moment."""

    async def forever() -> None:
        while True:
            await yard.mine()
            await asyncio.sleep(0.2)

    mining = asyncio.create_task(forever())
    try:
        yield
    finally:
        mining.cancel()


async def finished(process: subprocess.Popen[str]) -> None:
    said, trouble = await asyncio.to_thread(process.communicate, timeout=LONGEST_S)
    assert process.returncode == 0, trouble[-3000:]
    assert said.splitlines()[-1] == "done"


async def all_rows(database: Database, yard: Yard) -> Sequence[Stored]:
    store = database.chain_transactions()
    assert await store.pending(yard.address) == []
    return await store.settled_from(yard.address, 0)


async def check(database_url: str, yard: Yard) -> None:
    """Each key is one successful transaction, and no nonce is missing or used by anything else."""
    async with opened(database_url) as database:
        rows = await all_rows(database, yard)
    assert [row.nonce for row in rows] == list(range(await yard.nonce()))
    mined = [row.key.partition(" (attempt ")[0] for row in rows if row.outcome == MINED]
    assert sorted(mined) == sorted(ALL)
    assert await yard.paid() == len(ALL)
    receipts = [
        await yard.rpc.call("eth_getTransactionReceipt", attempt.hash) for row in rows for attempt in row.attempts
    ]
    assert sum(receipt is not None for receipt in receipts) == len(rows)


@pytest.mark.parametrize(
    "killed", [pytest.param(False, id="both live", marks=pytest.mark.nightly), pytest.param(True, id="one is killed")]
)
async def test_every_key_is_paid_once_and_no_nonce_is_missing(
    yard: Yard, node: Anvil, database_url: str, *, killed: bool
) -> None:
    one = start(yard, node, database_url, KEYS["shared"] + KEYS["one's"])
    other = start(yard, node, database_url, KEYS["shared"] + KEYS["the other's"])
    async with asyncio.timeout(LONGEST_S), blocks(yard):
        if killed:
            assert one.stdout is not None
            for _ in range(random.Random(7).randint(3, 8)):
                await asyncio.to_thread(one.stdout.readline)
            one.send_signal(signal.SIGKILL)
            await asyncio.to_thread(one.communicate)
            # Whoever had no answer asks again, elsewhere.
            one = start(yard, node, database_url, KEYS["shared"] + KEYS["one's"])
        await finished(one)
        await finished(other)
    await check(database_url, yard)


async def test_without_a_shared_memory_both_pay(yard: Yard) -> None:
    """Negative control: the same two senders, each with a memory of its own."""
    first = yard.sender()
    yard.memory = FakeChainTransactionStore()
    second = yard.sender()
    for sender in (first, second):
        await sender.submit("shared", yard.pay())
        await yard.mine()
    assert await yard.paid() == 2
