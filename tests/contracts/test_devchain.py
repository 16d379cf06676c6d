"""The node without its server: blocks, memory, and when a block is due."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contracts.bindings.call import Call
from contracts.devchain.errors import RpcError, WrongChainFileError
from contracts.devchain.miner import NEAR_S, Miner
from contracts.devchain.node import Node
from contracts.transactions import Fees, sign_call
from tests.contracts.world import ADDRESS, CHAIN_ID, SIGNERS, START

FEES = Fees(10**11, 10**9)
GENESIS = {bytes.fromhex(address[2:]): 10**24 for address in ADDRESS.values()}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path, CHAIN_ID, GENESIS, START)
    yield node
    node.close()


async def _raw(who: str, nonce: int, *, value: int = 1, fees: Fees = FEES) -> bytes:
    call = Call(ADDRESS["stranger"], b"", value)
    signed = await sign_call(SIGNERS[who], call, nonce=nonce, gas=21_000, fees=fees, chain_id=CHAIN_ID)
    return signed.raw


async def test_block_takes_all_that_is_ready_in_order(node: Node) -> None:
    raws = [await _raw("maker", 1), await _raw("maker", 0), await _raw("customer", 0), await _raw("maker", 3)]
    hashes = [node.submit(raw) for raw in raws]
    node.mine(START + 1)
    block = node.store.block(1)
    assert block is not None
    mined = [bytes.fromhex(one[2:]) for one in block["transactions"]]
    assert set(mined) == set(hashes[:3])
    assert mined.index(hashes[1]) < mined.index(hashes[0])
    assert node.pending_object(hashes[3]) is not None
    assert node.nonce(bytes.fromhex(ADDRESS["maker"][2:]), at=None) == 2
    node.submit(await _raw("maker", 2))
    assert node.nonce(bytes.fromhex(ADDRESS["maker"][2:]), at=None) == 4
    node.mine(START + 2)
    assert node.store.mined(hashes[3]) is not None
    assert not node.has_ready()


async def test_chain_and_waiting_transactions_survive_a_restart(tmp_path: Path) -> None:
    node = Node(tmp_path, CHAIN_ID, GENESIS, START)
    done = node.submit(await _raw("maker", 0, value=5))
    node.mine(START + 1)
    waiting = node.submit(await _raw("maker", 1, value=6))
    head, receipt = node.head, node.store.receipt(done)
    node.close()

    again = Node(tmp_path, CHAIN_ID, {}, START + 99)
    assert again.head == head
    assert again.store.receipt(done) == receipt
    assert again.has_ready()
    again.mine(START + 100)
    assert again.store.mined(waiting) is not None
    stranger = bytes.fromhex(ADDRESS["stranger"][2:])
    assert [again.evm.balance(stranger, number) - 10**24 for number in range(3)] == [0, 5, 11]
    again.close()


async def test_block_that_fails_half_way_leaves_nothing(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    tx_hash = node.submit(await _raw("maker", 0))
    head = node.head

    def explode(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(node.store, "add_transaction", explode)
        with pytest.raises(OSError, match="disk full"):
            node.mine(START + 1)
    assert (node.head, node.store.block(1), node.store.mined(tx_hash)) == (head, None, None)
    node.mine(START + 1)
    assert node.store.mined(tx_hash) is not None


async def test_transactions_that_no_block_takes_are_refused(node: Node) -> None:
    node.submit(await _raw("maker", 0))
    with pytest.raises(RpcError, match="already known"):
        node.submit(await _raw("maker", 0))
    with pytest.raises(RpcError, match="priority fee"):
        node.submit(await _raw("maker", 0, fees=Fees(1, 2)))
    with pytest.raises(RpcError, match="insufficient funds"):
        node.submit(await _raw("maker", 0, value=10**30))
    with pytest.raises(RpcError, match="underpriced"):
        node.submit(await _raw("maker", 0, value=2))
    node.mine(START + 1)
    with pytest.raises(RpcError, match="already known"):
        node.submit(await _raw("maker", 0))
    with pytest.raises(RpcError, match="nonce too low"):
        node.submit(await _raw("maker", 0, value=2))


async def test_transaction_below_the_base_fee_waits(node: Node) -> None:
    node.submit(await _raw("maker", 0, fees=Fees(1, 1)))
    assert not node.has_ready()


def test_folder_belongs_to_one_chain_and_one_process(tmp_path: Path, node: Node) -> None:
    with pytest.raises(WrongChainFileError, match="cannot be used"):
        Node(tmp_path, CHAIN_ID, GENESIS, START)
    node.close()
    with pytest.raises(WrongChainFileError, match="31337"):
        Node(tmp_path, 1, GENESIS, START)


class Wall:
    """A clock that a test moves."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


async def _due(miner: Miner, *, has_ready: bool) -> float | None:
    return await miner._step(has_ready)


async def test_when_a_block_is_due(node: Node) -> None:
    wall = Wall(START + 0.5)
    with ThreadPoolExecutor(1) as thread:
        miner = Miner(node, wall, thread)
        assert await _due(miner, has_ready=False) is None, "an idle chain costs nothing"
        assert await _due(miner, has_ready=True) == 0.25, "the wall is not past the parent's second"
        assert node.head_number == 0
        wall.now = START + 1.0
        await _due(miner, has_ready=True)
        assert node.head_timestamp == START + 1
        wall.now = START + 50.7
        await _due(miner, has_ready=True)
        assert node.head_timestamp == START + 50, "mined at once, stamped by the wall"

        assert miner.wait_until(START + 50), "the head is there"
        assert not miner.wait_until(START + 53)
        wall.now = START + 51.2
        await _due(miner, has_ready=False)
        assert node.head_timestamp == START + 50
        wall.now = START + 51.5
        await _due(miner, has_ready=False)
        assert node.head_timestamp == START + 51, "an empty block each idle second"
        wall.now = START + 53.0
        await _due(miner, has_ready=False)
        assert node.head_timestamp == START + 53, "the deadline's own second at once"
        assert await _due(miner, has_ready=False) is None


async def test_far_deadline_costs_no_blocks_until_it_is_near(node: Node) -> None:
    wall = Wall(START + 10.0)
    with ThreadPoolExecutor(1) as thread:
        miner = Miner(node, wall, thread)
        miner.wait_until(START + 1_000)
        assert await _due(miner, has_ready=False) == 0.25
        assert node.head_number == 0
        wall.now = START + 1_000.0 - NEAR_S
        await _due(miner, has_ready=False)
        assert node.head_number == 1


async def test_transactions_of_one_second_share_a_block(node: Node) -> None:
    wall = Wall(START + 1.0)

    async def ready() -> bool:
        return node.has_ready()

    with ThreadPoolExecutor(1) as thread:
        miner = Miner(node, wall, thread)
        task = asyncio.create_task(miner.forever(ready))
        try:
            for nonce in range(3):
                await miner.run(node.submit, await _raw("maker", nonce))
                miner.notify()
                await asyncio.sleep(0.1)
            assert node.head_number == 1
            wall.now = START + 2.0
            await asyncio.sleep(0.5)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    blocks = [node.store.block(number) for number in (1, 2)]
    assert [len(block["transactions"]) for block in blocks if block] == [1, 2]
