"""A call is sent once, whatever dies between its reservation and its block."""

import asyncio
import logging
from typing import Any

import pytest

from contracts.bindings import factory
from contracts.bindings.call import Call
from contracts.errors import AlreadyDone, NodeRefused, NodeUnavailable, Reverted
from contracts.sender import MAX_NONCES
from contracts.signers import LocalSigner
from contracts.transactions import Fees, sign_call
from tests.contracts.sending.desk import NOW, Desk, Line
from tests.contracts.world import ADDRESS, CHAIN_ID, EURO, SIGNERS, World

HOLE_AFTER_S = 5.0


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(Line(world))


class BrokenSigner(LocalSigner):
    """A signer whose hardware is unplugged."""

    async def sign_transaction(self, transaction: Any) -> bytes:
        raise OSError("unplugged")


def _broken() -> BrokenSigner:
    return BrokenSigner((1).to_bytes(32, "big"))


async def test_the_outcome_is_noted_once_the_block_is_there(desk: Desk) -> None:
    await desk.sender.submit("mint", desk.mint(5))
    await desk.sender.reconcile()
    assert (await desk.stored("mint")).outcome is None
    desk.line.mine()
    await desk.sender.reconcile()
    assert (await desk.stored("mint")).outcome == "mined"
    sent = len(desk.line.sent)
    await desk.restart().submit("mint", desk.mint(5))
    assert len(desk.line.sent) == sent
    assert await desk.minted() == 5


async def test_a_repetition_before_the_block_sends_the_same_bytes(desk: Desk) -> None:
    for _ in range(3):
        await desk.restart().submit("mint", desk.mint(5))
    assert len(set(desk.line.sent)) == 1
    desk.line.mine()
    await desk.restart().submit("mint", desk.mint(5))
    await desk.settle_all()
    assert await desk.minted() == 5


async def test_a_repetition_reaches_the_node_without_waiting_for_a_round(desk: Desk) -> None:
    desk.line.swallows = True
    await desk.sender.submit("mint", desk.mint(5))
    desk.line.swallows = False
    await desk.restart().submit("mint", desk.mint(5))
    desk.line.mine()
    assert await desk.minted() == 5


@pytest.mark.parametrize("lost", ["answer", "transaction"])
async def test_a_lost_answer_and_a_lost_transaction_are_both_one_payment(desk: Desk, lost: str) -> None:
    if lost == "answer":
        desk.line.fails = {"eth_sendRawTransaction"}
        with pytest.raises(NodeUnavailable):
            await desk.sender.submit("mint", desk.mint(5))
        desk.line.fails = set()
    else:
        desk.line.swallows = True
        await desk.sender.submit("mint", desk.mint(5))
        desk.line.swallows = False
    desk.restart()
    await desk.settle_all()
    await desk.sender.submit("mint", desk.mint(5))
    await desk.settle_all()
    assert await desk.minted() == 5
    assert (await desk.stored("mint")).outcome == "mined"


async def test_a_refused_call_takes_no_nonce_and_keeps_its_key_free(desk: Desk) -> None:
    empty = factory.open_batch(desk.line.world.book.factory, [])
    with pytest.raises(Reverted):
        await desk.sender.submit("open", empty)
    assert await desk.memory.find("open") is None
    await desk.sender.submit("open", desk.mint(1))
    await desk.settle_all()


async def test_many_at_once_are_sent_in_the_order_of_their_nonces(desk: Desk) -> None:
    desk.line.pause_s = 0.001
    await asyncio.gather(*(desk.sender.submit(f"mint {number % 5}", desk.mint(1)) for number in range(10)))
    order = [
        (await desk.stored(f"mint {number}")).nonce
        for raw in dict.fromkeys(desk.line.sent)
        for number in range(5)
        if (await desk.stored(f"mint {number}")).attempts[-1].raw == raw
    ]
    assert order == sorted(order)
    assert len(order) == 5
    assert [len((await desk.stored(f"mint {number}")).attempts) for number in range(5)] == [1] * 5
    await desk.settle_all()
    assert await desk.minted() == 5


class TestHoles:
    async def test_a_nonce_reserved_before_a_crash_is_used_up(self, desk: Desk) -> None:
        with pytest.raises(OSError, match="unplugged"):
            await desk.restart(_broken()).submit("first", desk.mint(5))
        assert not (await desk.stored("first")).attempts
        desk.restart()
        await desk.sender.submit("second", desk.mint(7))
        desk.line.mine()
        assert await desk.minted() == 0, "control: behind a hole nothing is mined"
        await desk.settle_all()
        assert await desk.minted() == 7
        assert (await desk.stored("first")).outcome == "failed"

    async def test_the_key_of_a_used_up_nonce_tries_again_under_its_own_name(self, desk: Desk) -> None:
        with pytest.raises(OSError, match="unplugged"):
            await desk.restart(_broken()).submit("first", desk.mint(5))
        desk.restart()
        desk.clock.advance(HOLE_AFTER_S)
        await desk.sender.reconcile()
        # Before the filler is mined and after: the call itself is sent once.
        for _ in range(2):
            await desk.sender.submit("first", desk.mint(5))
            await desk.settle_all()
        assert await desk.minted() == 5
        assert (await desk.stored("first (attempt 2)")).outcome == "mined"

    async def test_a_retry_before_that_takes_the_reserved_nonce(self, desk: Desk) -> None:
        with pytest.raises(OSError, match="unplugged"):
            await desk.restart(_broken()).submit("first", desk.mint(5))
        reserved = (await desk.stored("first")).nonce
        await desk.restart().submit("first", desk.mint(5))
        await desk.settle_all()
        kept = await desk.stored("first")
        assert (kept.nonce, kept.outcome) == (reserved, "mined")

    async def test_another_process_may_fill_the_hole_while_we_sign(self, desk: Desk) -> None:
        """Bytes stored first win; ours notices that they are not its call."""
        others = [desk.colleague()]

        class SlowSigner(LocalSigner):
            async def sign_transaction(self, transaction: Any) -> bytes:
                while others:
                    desk.clock.advance(HOLE_AFTER_S)
                    await others.pop().reconcile()
                return await super().sign_transaction(transaction)

        await desk.restart(SlowSigner((1).to_bytes(32, "big"))).submit("first", desk.mint(5))
        await desk.settle_all()
        assert await desk.minted() == 5
        assert (await desk.stored("first")).outcome == "failed"


class TestFailures:
    async def test_a_call_that_failed_on_chain_is_sent_again_if_it_can_succeed(self, desk: Desk) -> None:
        await desk.line.call("eth_chainId")
        short = await _signed_by_hand(desk, desk.mint(5), gas=30_000)
        await desk.memory.reserve(["mint"], ADDRESS["deployer"].lower(), short.nonce, NOW)
        await desk.memory.signed([("mint", 1, "0x" + short.raw.hex(), short.hash, 10**11, 10**9, NOW)])
        await desk.settle_all()
        assert (await desk.stored("mint")).outcome == "failed"
        assert (await desk.stored("mint (attempt 2)")).outcome == "mined"
        assert await desk.minted() == 5

    async def test_a_call_that_can_no_longer_succeed_stays_failed(self, desk: Desk) -> None:
        world = desk.line.world
        terms = world.delivery_terms(supplies=0)
        call = factory.open_batch(world.book.factory, [await world.entry(terms)])
        desk.line.swallows = True
        await desk.sender.submit("open", call)
        desk.line.swallows = False
        await world.open([terms])
        await desk.settle_all()
        assert (await desk.stored("open")).outcome == "failed"
        assert await desk.memory.find("open (attempt 2)") is None
        with pytest.raises(AlreadyDone):
            await desk.sender.submit("open", call)

    async def test_a_nonce_that_went_elsewhere_is_a_failure_and_the_call_is_sent_again(self, desk: Desk) -> None:
        desk.line.swallows = True
        await desk.sender.submit("mint", desk.mint(5))
        desk.line.swallows = False
        await desk.line.world.send("deployer", desk.mint(EURO))
        await desk.settle_all()
        assert (await desk.stored("mint")).outcome == "failed"
        assert (await desk.stored("mint (attempt 2)")).outcome == "mined"
        assert await desk.minted() == EURO + 5

    async def test_attempts_end(self, desk: Desk) -> None:
        for attempt in range(1, MAX_NONCES + 1):
            name = "mint" if attempt == 1 else f"mint (attempt {attempt})"
            await desk.memory.reserve([name], ADDRESS["deployer"].lower(), attempt, NOW)
            await desk.memory.settle([(name, "failed", None)])
        with pytest.raises(NodeRefused, match="5 transactions"):
            await desk.sender.submit("mint", desk.mint(5))

    async def test_one_that_the_node_refuses_does_not_stop_the_others(
        self, desk: Desk, caplog: pytest.LogCaptureFixture
    ) -> None:
        desk.line.swallows = True
        await desk.sender.submit("first", desk.mint(5))
        await desk.sender.submit("second", desk.mint(7))
        desk.line.swallows = False
        desk.line.refuses = {(await desk.stored("first")).attempts[-1].raw: "unknown transaction type"}
        desk.line.sent.clear()
        with caplog.at_level(logging.WARNING):
            await desk.sender.reconcile()
        assert len(desk.line.sent) == 2
        assert "first" in caplog.text
        assert "second" not in caplog.text
        desk.line.refuses = {}
        await desk.settle_all()
        assert await desk.minted() == 12

    async def test_a_node_that_does_not_answer_stops_the_round(self, desk: Desk) -> None:
        await desk.sender.submit("mint", desk.mint(5))
        desk.line.mine()
        desk.line.fails = {"eth_getTransactionReceipt"}
        with pytest.raises(NodeUnavailable):
            await desk.sender.reconcile()


async def _signed_by_hand(desk: Desk, call: Call, gas: int) -> Any:
    nonce = int(await desk.line.call("eth_getTransactionCount", ADDRESS["deployer"], "latest"), 16)
    return await sign_call(SIGNERS["deployer"], call, nonce=nonce, gas=gas, fees=Fees(10**11, 10**9), chain_id=CHAIN_ID)
