"""Nonces that went missing, or elsewhere, and nodes whose answers make no sense."""

from typing import Any

import pytest

from contracts.errors import NodeRefused, NodeUnavailable
from contracts.sending.account import Passage, find_passage
from contracts.sending.memory import FAILED, MINED
from contracts.sending.policy import GWEI, SendingPolicy
from tests.contracts.sending.desk import SENDER, Desk, Line, alarms, used
from tests.contracts.world import ADDRESS, World

POLICY = SendingPolicy(max_fee_wei=100 * GWEI, replace_after_s=60)


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(Line(world), policy=POLICY)


class TestGaps:
    async def test_a_nonce_that_nobody_reserved_is_used_up(self, desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
        """As after a restore: the memory has lost a row, and the node what was sent for it."""
        lost = await used(desk)
        await desk.memory.reserve(["mint"], ADDRESS[SENDER], lost + 2, desk.clock.now())
        await desk.sender.submit("mint", desk.mint(5))
        await desk.sender.reconcile()
        assert alarms(caplog) == ["nonce-gap"]
        assert len(desk.line.sent) == 1, "a stranger's transaction may be on its way: there is time"
        await desk.settle_all()
        assert await desk.minted() == 5
        assert await used(desk) == lost + 3

    async def test_two_processes_fill_a_gap_with_one_transaction(self, desk: Desk) -> None:
        gap = await used(desk)
        await desk.memory.reserve(["mint"], ADDRESS[SENDER], gap + 1, desk.clock.now())
        await desk.sender.submit("mint", desk.mint(5))
        both = desk.sender, desk.colleague()
        for _ in range(2):
            for sender in both:
                await sender.reconcile()
            desk.clock.advance(POLICY.hole_after_s)
        (filler,) = [row for row in await desk.memory.pending(ADDRESS[SENDER]) if row.nonce == gap]
        assert len(filler.attempts) == 1


class TestForeignUse:
    async def test_what_the_node_cannot_explain_stays_open_and_is_told(
        self, desk: Desk, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A count alone is no proof: a wrong one would pay twice."""
        await desk.sender.submit("mint", desk.mint(5))
        true = await used(desk)
        desk.line.answers["eth_getTransactionCount"] = hex(true + 1)
        for _ in range(3):
            await desk.sender.reconcile()
            desk.clock.advance(POLICY.replace_after_s)
        assert await desk.memory.find("mint (attempt 2)") is None
        assert (await desk.stored("mint")).outcome is None
        assert "foreign-key-use" not in alarms(caplog)
        desk.line.answers = {}
        await desk.settle_all()
        assert await desk.minted() == 5

    async def test_what_a_colleague_signs_during_a_round_is_not_foreign(
        self, desk: Desk, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Memory is read after the chain: by then it knows everything that the chain can have mined."""
        await desk.memory.reserve(["mint"], ADDRESS[SENDER], await used(desk), desk.clock.now())
        colleague, asked = desk.colleague(), desk.line.call

        async def meanwhile(method: str, *params: object) -> Any:
            desk.line.call = asked  # type: ignore[method-assign]
            await colleague.submit("mint", desk.mint(5))
            desk.line.mine()
            return await asked(method, *params)

        desk.line.call = meanwhile  # type: ignore[method-assign]
        await desk.sender.reconcile()
        assert alarms(caplog) == []
        assert (await desk.stored("mint")).outcome == MINED

    async def test_what_a_colleague_settles_during_a_round_is_no_gap(
        self, desk: Desk, caplog: pytest.LogCaptureFixture
    ) -> None:
        for number in range(2):
            await desk.sender.submit(f"mint {number}", desk.mint(5))
        colleague, pending = desk.colleague(), desk.memory.pending

        async def meanwhile(signer: str) -> Any:
            desk.memory.pending = pending  # type: ignore[method-assign]
            desk.line.mine()
            await colleague.reconcile()
            await desk.memory.reserve(["next"], ADDRESS[SENDER], 0, desk.clock.now())
            return await pending(signer)

        desk.memory.pending = meanwhile  # type: ignore[method-assign]
        await desk.sender.reconcile()
        assert alarms(caplog) == []

    async def test_where_a_nonce_went_is_found_also_without_old_states(self, desk: Desk) -> None:
        world, nonce = desk.line.world, await used(desk)
        hash_ = (await world.send(SENDER, desk.mint(1)))["transactionHash"]
        for _ in range(9):
            desk.line.mine()
        head = int(await desk.line.call("eth_blockNumber"), 16)
        found = await find_passage(desk.line, ADDRESS[SENDER], nonce, head)
        assert found == Passage(head - 9, frozenset({hash_}), hash_)
        pruned = Pruned(desk.line, oldest=head - 4)
        assert await find_passage(pruned, ADDRESS[SENDER], nonce, head) == found
        assert await find_passage(pruned, ADDRESS["fees"], 0, head) is None


class Pruned:
    """A node that has forgotten the states before a block."""

    def __init__(self, line: Line, oldest: int) -> None:
        self._line = line
        self._oldest = oldest

    async def call(self, method: str, *params: object) -> Any:
        if method == "eth_getTransactionCount":
            if int(str(params[1]), 16) < self._oldest:
                raise NodeRefused(-32_000, "missing trie node")
            if params[0] == ADDRESS["fees"]:
                return "0x1"
        return await self._line.call(method, *params)


GARBAGE = [None, "0x", "12", 7, [], {}, {"number": 1}, {"number": "0xzz"}, "\u0664"]


@pytest.mark.parametrize(
    "method",
    [
        "eth_estimateGas",
        "eth_feeHistory",
        "eth_maxPriorityFeePerGas",
        "eth_getTransactionCount",
        "eth_getBalance",
        "eth_getBlockByNumber",
        "eth_getTransactionReceipt",
    ],
)
async def test_garbage_is_no_answer_and_nothing_is_concluded(desk: Desk, method: str) -> None:
    """An error that time mends: the relay tries again."""
    await desk.sender.submit("before", desk.mint(5))
    desk.line.mine()
    unread = 0
    for garbage in GARBAGE:
        desk.line.answers = {method: garbage}
        for ask in (lambda: desk.restart().submit("during", desk.mint(7)), desk.sender.reconcile, desk.sender.health):
            try:
                await ask()
            except NodeUnavailable:
                unread += 1
        assert (await desk.stored("before")).outcome != FAILED
    assert unread >= len(GARBAGE) - 1
    desk.line.answers = {}
    await desk.sender.submit("during", desk.mint(7))
    await desk.settle_all()
    assert await desk.minted() == 12
    assert [await desk.memory.find(f"{key} (attempt 2)") for key in ("before", "during")] == [None, None]
