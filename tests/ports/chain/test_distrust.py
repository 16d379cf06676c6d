"""A node that cannot be believed changes nothing: no row, no transaction, an error with a name, and an alarm."""

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import text

from contracts.errors import NodeUnavailable
from contracts.guard import Expected, GuardedNode
from marketplace.application.chain_sync import sync_chain
from marketplace.application.context import Context
from marketplace.persistence.database import Database
from marketplace.ports.chain import ChainDistrusted, ChainUnavailable
from marketplace.ports.fakes.clock import FakeClock
from tests.contracts.world import ADDRESS
from tests.persistence.databases import copied, opened
from tests.ports.chain import story
from tests.ports.chain.harness import RealHarness, TableRpc, adapter

BEAT_S = 12.0
Lie = Callable[[str, Any], Any]


class Lying:
    """A node between us and the real one, whose answers `lie` may change; `sent` counts what it was given."""

    def __init__(self, rpc: TableRpc) -> None:
        self._rpc = rpc
        self.lie: Lie | None = None
        self.sent = 0

    async def call(self, method: str, *params: object) -> Any:
        self.sent += method == "eth_sendRawTransaction"
        answer = await self._rpc.call(method, *params)
        return answer if self.lie is None else self.lie(method, answer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rpc, name)


@dataclass
class Scene:
    """A database that reads a chain through a node that may lie."""

    ctx: Context
    database: Database
    node: Lying
    real: RealHarness
    wall: list[datetime]

    async def rows(self) -> list[Any]:
        """Everything that reading the chain may change, without the word about distrust."""
        found: list[Any] = []
        async with self.database._engines.read.begin() as connection:
            for table in ("chain_blocks", "chain_events", "order_freezes"):
                found += [tuple(row) for row in await connection.execute(text(f"SELECT * FROM {table}"))]  # noqa: S608
            state = "SELECT number, hash, final_number, final_hash, genesis FROM chain_cursor"
            return [*found, *(tuple(row) for row in await connection.execute(text(state)))]

    async def distrust(self) -> str | None:
        async with self.ctx.uow.read() as tx:
            return (await tx.cursor.get()).distrust

    async def happen(self) -> None:
        """A new block with an event that is ours."""
        self.wall[0] += timedelta(seconds=1)
        stamp = int(self.wall[0].timestamp())
        await self.real.warp(max(stamp, await self.real.rpc.head_time() + 1))


@pytest.fixture
async def scene(real: RealHarness, port_database: Path, tmp_path: Path) -> AsyncIterator[Scene]:
    (tmp_path / "reader").mkdir()
    async with opened(copied(port_database, tmp_path / "reader")) as database:
        node = Lying(real.rpc)
        wall = [datetime.fromtimestamp(await real.rpc.head_time(), UTC)]
        chain = adapter(cast(TableRpc, node), real.book, real.store, development=True)
        expected = Expected(real.book.chain_id, real.book.genesis, BEAT_S)
        chain._node = GuardedNode(node, expected, lambda: wall[0])
        ctx = SimpleNamespace(uow=database.unit_of_work(), chain=chain, clock=FakeClock())
        made = Scene(cast(Context, ctx), database, node, real, wall)
        await sync_chain(made.ctx)
        yield made


def block(**changes: Any) -> Lie:
    return lambda method, answer: answer | changes if method == "eth_getBlockByNumber" and answer else answer


def instead(method: str, value: Any) -> Lie:
    return lambda asked, answer: value if asked == method else answer


def unreachable(method: str, answer: Any) -> Any:
    raise NodeUnavailable(f"{method}: cut")


LIES: dict[str, Lie] = {
    "another chain id": instead("eth_chainId", "0x1"),
    "a chain id of no sense": instead("eth_chainId", None),
    "no block": instead("eth_getBlockByNumber", None),
    "not a block": instead("eth_getBlockByNumber", "0x12"),
    "another genesis": lambda method, answer: (
        answer | {"hash": "0x" + "ab" * 32}
        if method == "eth_getBlockByNumber" and answer and answer["number"] == "0x0"
        else answer
    ),
    "another branch from block 0 on": block(hash="0x" + "cd" * 32),
    "a number of no sense": block(number="one"),
    "an old head": block(timestamp="0x1"),
    "a head from tomorrow": block(timestamp=hex(2**34)),
    "no logs": instead("eth_getLogs", None),
    "logs of no sense": instead("eth_getLogs", [{"topics": ["0x12"], "data": 5}, 7]),
    "nothing": unreachable,
}


async def test_an_honest_node_is_read_on(scene: Scene) -> None:
    """Negative control of the next test: what it says would change the rows."""
    before = await scene.rows()
    await scene.happen()
    await sync_chain(scene.ctx)
    assert await scene.rows() != before
    await scene.ctx.chain.fund_test_account("honest", ADDRESS["maker"], 5)
    assert scene.node.sent == 1


@pytest.mark.parametrize("name", LIES)
async def test_a_lie_changes_nothing(scene: Scene, name: str, caplog: pytest.LogCaptureFixture) -> None:
    before = await scene.rows()
    await scene.happen()
    scene.wall[0] += timedelta(seconds=31)  # whatever was believed before has to be asked for again
    scene.node.lie = LIES[name]
    with pytest.raises(ChainUnavailable) as failure:
        await sync_chain(scene.ctx)
    assert isinstance(failure.value, ChainDistrusted) is (name != "nothing")
    assert await scene.rows() == before
    alarms = [record.alarm for record in caplog.records if record.levelno == logging.CRITICAL]  # type: ignore[attr-defined]
    assert alarms == ([] if name == "nothing" else ["chain-distrusted"])
    assert await scene.distrust() == (None if name == "nothing" else str(failure.value))
    if "log" not in name:  # logs move no money: what they say is asked for by the reader alone
        for move in (scene.ctx.chain.fund_test_account("lie", ADDRESS["maker"], 5), scene.ctx.chain.reconcile()):
            with pytest.raises(ChainUnavailable):
                await move
    assert scene.node.sent == 0
    scene.node.lie = None
    scene.wall[0] -= timedelta(seconds=31)
    await sync_chain(scene.ctx)
    assert await scene.distrust() is None
    assert await scene.rows() != before


async def test_without_a_guard_a_stale_node_is_followed(scene: Scene) -> None:
    """Negative control: it is the guard that stops the sender, and nothing else would."""
    chain = scene.ctx.chain
    chain._node = GuardedNode(scene.node, replace(chain._node._expected, block_time_s=0.0), lambda: scene.wall[0])  # type: ignore[attr-defined]
    scene.wall[0] += timedelta(days=1)
    await chain.fund_test_account("stale", ADDRESS["maker"], 5)
    assert scene.node.sent == 1


DISAGREEMENTS: dict[str, Lie] = {
    "block": block(hash="0x" + "ab" * 32),
    "events": instead("eth_getLogs", []),
}


@pytest.mark.parametrize("about", DISAGREEMENTS)
async def test_nodes_that_disagree_move_no_money(scene: Scene, about: str, caplog: pytest.LogCaptureFixture) -> None:
    before, witness = await scene.rows(), Lying(scene.real.rpc)
    chain = scene.ctx.chain
    chain._node = GuardedNode(scene.node, chain._node._expected, lambda: scene.wall[0], witness)  # type: ignore[attr-defined]
    await scene.real.chain.open_batch("open", await story.opened(scene.real), [])
    await scene.happen()
    witness.lie = DISAGREEMENTS[about]
    for _ in range(2):
        with pytest.raises(ChainDistrusted, match="second node"):
            await sync_chain(scene.ctx)
        assert await scene.rows() == before
        with pytest.raises(ChainDistrusted, match="second node"):
            await chain.fund_test_account("lie", ADDRESS["maker"], 5)
    assert [record.alarm for record in caplog.records if hasattr(record, "alarm")] == ["chain-distrusted"]
    witness.lie = None
    await sync_chain(scene.ctx)
    assert await scene.rows() != before
    await chain.fund_test_account("lie", ADDRESS["maker"], 5)
    assert scene.node.sent == 1


async def test_one_node_alone_cannot_take_back_what_is_final(scene: Scene) -> None:
    """A fork below the final mark is believed if the second node has seen it too."""
    chain = scene.ctx.chain
    await scene.real.chain.open_batch("open", await story.opened(scene.real), [])
    await scene.happen()
    await sync_chain(scene.ctx)
    before, witness = await scene.rows(), Lying(scene.real.rpc)
    chain._node = GuardedNode(scene.node, chain._node._expected, lambda: scene.wall[0], witness)  # type: ignore[attr-defined]

    def forked(method: str, answer: Any) -> Any:
        if method == "eth_getBlockByNumber" and answer and int(answer["number"], 16) > 5:
            return answer | {"hash": "0x" + answer["hash"][:1:-1]}
        return answer

    scene.node.lie = forked
    with pytest.raises(ChainDistrusted, match="second node"):
        await sync_chain(scene.ctx)
    assert await scene.rows() == before
    witness.lie = forked
    await sync_chain(scene.ctx)
    assert await scene.rows() != before
