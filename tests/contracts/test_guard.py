"""A node is believed while it says what is expected; everything else has a name."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.deployer import AddressBook, DeploymentError, verify
from contracts.errors import NodeDistrusted, NodeRefused, NodeUnavailable
from contracts.guard import AHEAD_S, CHECKED_FOR_S, Block, Expected, GuardedNode
from tests.contracts.world import CHAIN_ID, World

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
BEAT_S = 12.0


def hash_of(number: int, branch: str = "a") -> str:
    return f"0x{branch * 32}{number:032x}"


class Scripted:
    """A node of `height` blocks, one every twelve seconds until now; `lies` answer in its stead, `asked` counts."""

    def __init__(self, height: int = 40, branch: str = "a") -> None:
        self.height, self.branch, self.chain_id = height, branch, 1
        self.clock = NOW
        self.asked: list[str] = []
        self.lies: dict[str, Callable[..., Any]] = {}
        self.logs: list[Any] = []

    def now(self) -> datetime:
        return self.clock

    async def call(self, method: str, *params: Any) -> Any:
        self.asked.append(method)
        if method in self.lies:
            return self.lies[method](*params)
        if method == "eth_chainId":
            return hex(self.chain_id)
        if method == "eth_getLogs":
            return self.logs
        which = params[0]
        number = {"latest": self.height, "finalized": self.height - 8}.get(which)
        if number is None:
            number = int(which, 16)
        return self.block(number) if number <= self.height else None

    def block(self, number: int) -> dict[str, str]:
        stamp = int(NOW.timestamp() - (self.height - number) * BEAT_S)
        return {"number": hex(number), "hash": hash_of(number, self.branch), "timestamp": hex(stamp)}


def guarded(node: Scripted, witness: Scripted | None = None, **expected: Any) -> GuardedNode:
    given = {"chain_id": 1, "genesis": hash_of(0), "block_time_s": BEAT_S, "confirmations": 12}
    return GuardedNode(node, Expected(**(given | expected)), node.now, witness)


async def test_a_good_node_is_believed_and_asked_little() -> None:
    node = Scripted()
    guard = guarded(node)
    assert await guard.head() == Block(40, hash_of(40), int(NOW.timestamp()))
    assert await guard.block(3) == Block(3, hash_of(3), int(NOW.timestamp() - 37 * BEAT_S))
    assert await guard.block(41) is None
    assert await guard.final_number(40) == 28
    node.asked.clear()
    await guard.head()
    await guard.require()
    assert node.asked == ["eth_getBlockByNumber"]  # who it is was asked a moment ago
    node.clock += timedelta(seconds=CHECKED_FOR_S + 1)
    await guard.require()
    assert node.asked[1:] == ["eth_chainId", "eth_getBlockByNumber", "eth_getBlockByNumber"]


async def test_the_chain_may_say_itself_what_is_final() -> None:
    node = Scripted()
    assert await guarded(node, confirmations=None).final_number(40) == 32
    node.lies["eth_getBlockByNumber"] = lambda *_: None
    assert await guarded(node, confirmations=None).final_number(40) == -1

    def refuse(*_: object) -> None:
        raise NodeRefused(-32_602, "no such tag")

    node.lies["eth_getBlockByNumber"] = refuse
    with pytest.raises(NodeDistrusted, match="does not say what is finalized"):
        await guarded(node, confirmations=None).final_number(40)


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        ({"chain_id": 5}, "on chain 1, not on chain 5"),
        ({"genesis": hash_of(0, "b")}, "another chain"),
    ],
)
async def test_another_chain_is_not_believed(expected: dict[str, Any], words: str) -> None:
    guard = guarded(Scripted(), **expected)
    for question in (guard.head, guard.require):
        with pytest.raises(NodeDistrusted, match=words):
            await question()


async def test_a_chain_is_asked_again_who_it_is() -> None:
    node = Scripted()
    guard = guarded(node)
    await guard.head()
    node.chain_id = 5
    node.clock += timedelta(seconds=CHECKED_FOR_S + 1)
    with pytest.raises(NodeDistrusted):
        await guard.require()
    node.chain_id = 1
    await guard.require()


@pytest.mark.parametrize(
    ("age_s", "beat_s", "believed"),
    [
        (3 * BEAT_S, BEAT_S, True),
        (3 * BEAT_S + 1, BEAT_S, False),
        (-AHEAD_S, BEAT_S, True),
        (-AHEAD_S - 1, BEAT_S, False),
        (1e6, 0.0, True),  # a chain that may rest has no age
    ],
)
async def test_a_stale_head_is_not_believed(age_s: float, beat_s: float, believed: bool) -> None:
    node = Scripted()
    node.clock += timedelta(seconds=age_s)
    guard = guarded(node, block_time_s=beat_s)
    if believed:
        await guard.require()
        return
    with pytest.raises(NodeDistrusted, match="newest block, 40, is"):
        await guard.head()
    with pytest.raises(NodeDistrusted):
        await guard.require()


BLOCK = Scripted().block(40)
GARBLED: list[Any] = [
    "0x",
    7,
    [],
    [BLOCK],
    {},
    BLOCK | {"hash": None},
    BLOCK | {"hash": "0x12"},
    BLOCK | {"hash": hash_of(1)[:-1] + "g"},
    {name: value for name, value in BLOCK.items() if name != "number"},
    BLOCK | {"number": 40},
    BLOCK | {"number": "40"},
    BLOCK | {"number": "0x" + "f" * 17},
    BLOCK | {"timestamp": None},
    BLOCK | {"timestamp": -1},
    BLOCK | {"number": "0x_1"},
]


@pytest.mark.parametrize("answer", GARBLED, ids=str)
async def test_a_garbled_block_is_an_error_with_a_name(answer: Any) -> None:
    node = Scripted()
    node.lies["eth_getBlockByNumber"] = lambda *_: answer
    guard = guarded(node, genesis=None)
    with pytest.raises(NodeDistrusted):
        await guard.head()
    with pytest.raises(NodeDistrusted):
        await guard.block(40)


async def test_another_block_than_the_one_asked_for_is_not_believed() -> None:
    node = Scripted()
    node.lies["eth_getBlockByNumber"] = lambda *_: BLOCK
    with pytest.raises(NodeDistrusted, match="asked for block 39"):
        await guarded(node).block(39)
    node.lies["eth_getBlockByNumber"] = lambda *_: None
    with pytest.raises(NodeDistrusted, match="no newest block"):
        await guarded(node, genesis=None).head()


async def logs_of(world: World) -> list[dict[str, Any]]:
    """Two real logs of the factory."""
    await world.open_lone()
    found = await world.rpc.call("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest", "topics": []})
    return [log for log in found if log["address"].lower() == world.book.factory.lower()][:2]


async def test_logs_are_taken_in_their_order_and_range(world: World) -> None:
    node = Scripted()
    guard = guarded(node)
    logs = node.logs = await logs_of(world)
    number = int(logs[0]["blockNumber"], 16)
    good = await guard.events(number, number)
    assert [event.place.log_index for event in good] == [int(log["logIndex"], 16) for log in logs]
    first, second = logs
    wrong: list[Any] = [
        None,
        "0x",
        {"logs": logs},
        [second, first],
        [first, first],
        [None],
        ["0x"],
        [{}],
        [first | {"removed": True}],
        [first | {"topics": None}],
        [first | {"topics": [first["topics"][0]]}],
        [first | {"data": "0x"}],
        [first | {"data": first["data"][:-64]}],
        [first | {"blockNumber": None}],
        [first | {"blockNumber": hex(number + 1)}],
        [first | {"logIndex": "one"}],
        [first | {"address": "0x12"}],
    ]
    for lie in wrong:
        node.logs = lie
        with pytest.raises(NodeDistrusted):
            await guard.events(number, number)


async def test_a_second_node_must_say_the_same(world: World) -> None:
    node, witness = Scripted(), Scripted()
    guard = guarded(node, witness)
    assert await guarded(node).witnessed(1, 28, hash_of(28)) is None
    assert await guard.witnessed(1, 28, hash_of(28)) == []
    with pytest.raises(NodeDistrusted, match="second node has block 28"):
        await guard.witnessed(1, 28, hash_of(28, "b"))
    # From then on nothing is sent, until the two agree again.
    await guard.head()
    with pytest.raises(NodeDistrusted, match="second node has block 28"):
        await guard.require()
    await guard.witnessed(1, 28, hash_of(28))
    await guard.require()
    with pytest.raises(NodeDistrusted, match="other events"):
        await guard.disagree("other events")
    with pytest.raises(NodeDistrusted, match="other events"):
        await guard.require()


async def test_a_second_node_may_lag_a_little() -> None:
    node, witness = Scripted(), Scripted()
    guard = guarded(node, witness)
    with pytest.raises(NodeUnavailable, match="no block 41 yet") as lagging:
        await guard.witnessed(1, 41, hash_of(41))
    assert not isinstance(lagging.value, NodeDistrusted)
    node.clock += timedelta(seconds=4 * BEAT_S)
    with pytest.raises(NodeDistrusted, match="the second node's newest block, 40, is stale"):
        await guard.witnessed(1, 41, hash_of(41))
    witness.height = -1
    witness.lies["eth_getBlockByNumber"] = lambda *_: None
    with pytest.raises(NodeDistrusted, match="knows no newest block"):
        await guard.witnessed(1, 41, hash_of(41))


async def test_an_address_book_knows_its_chain(world: World) -> None:
    genesis = (await world.rpc.call("eth_getBlockByNumber", "0x0", False))["hash"]
    assert world.book.genesis == genesis
    older = AddressBook.from_json(world.book.to_json().replace(f',\n "genesis": "{genesis}"', ""))
    assert older.genesis is None
    await verify(world.rpc, older)
    other = AddressBook.from_json(world.book.to_json().replace(genesis, hash_of(0)))
    assert other.chain_id == CHAIN_ID
    with pytest.raises(DeploymentError, match="another chain"):
        await verify(world.rpc, other)
