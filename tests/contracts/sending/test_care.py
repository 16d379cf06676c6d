"""What a sender does about each trouble, what it tells, and that it stops telling when it is over."""

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from contracts.errors import NodeUnavailable
from contracts.sending.alarms import AGAIN_AFTER
from contracts.sending.memory import FAILED, MINED, key_of, name_of
from contracts.sending.policy import GWEI, SendingPolicy
from tests.contracts.sending.desk import SENDER, Desk, Line, alarms, used
from tests.contracts.world import EURO, World

POLICY = SendingPolicy(max_fee_wei=100 * GWEI, replace_after_s=60)


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(Line(world), policy=POLICY)


def gas_costs(desk: Desk, wei: int) -> None:
    desk.line.answers["eth_feeHistory"] = {"baseFeePerGas": ["0x7", hex(wei)]}


@pytest.mark.parametrize(("name", "parts"), [("open:1", ("open:1", 1)), ("a (attempt 3)", ("a", 3))])
def test_a_name_is_a_key_and_a_number(name: str, parts: tuple[str, int]) -> None:
    assert key_of(name) == parts
    assert name_of(*parts) == name


class TestDepth:
    @pytest.mark.parametrize("confirmations", [0, 1, 3])
    async def test_an_outcome_needs_so_many_blocks_on_top(self, world: World, confirmations: int) -> None:
        desk = Desk(Line(world), policy=dataclasses.replace(POLICY, confirmations=confirmations))
        await desk.sender.submit("mint", desk.mint(5))
        for _ in range(confirmations):
            desk.line.mine()
            await desk.sender.reconcile()
            assert (await desk.stored("mint")).outcome is None
        desk.line.mine()
        await desk.sender.reconcile()
        assert (await desk.stored("mint")).outcome == MINED

    async def test_a_chain_may_say_itself_what_is_final(self, world: World) -> None:
        desk = Desk(Line(world), policy=dataclasses.replace(POLICY, confirmations=None))
        await desk.sender.submit("mint", desk.mint(5))
        desk.line.mine()
        final = {"number": hex(0)}

        async def call(method: str, *params: object) -> Any:
            return final if params[:1] == ("finalized",) else await Line.call(desk.line, method, *params)

        desk.line.call = call  # type: ignore[method-assign]
        await desk.sender.reconcile()
        assert (await desk.stored("mint")).outcome is None
        final["number"] = await Line.call(desk.line, "eth_blockNumber")
        await desk.sender.reconcile()
        assert (await desk.stored("mint")).outcome == MINED

    async def test_a_failure_is_repaired_at_depth_only(self, world: World) -> None:
        """Before that the first transaction could still come to life beside the second."""
        desk = Desk(Line(world), policy=dataclasses.replace(POLICY, confirmations=2))
        desk.line.swallows = True
        await desk.sender.submit("mint", desk.mint(5))
        desk.line.swallows = False
        await world.send(SENDER, desk.mint(EURO))
        for _ in range(2):
            await desk.sender.reconcile()
            assert await desk.memory.find("mint (attempt 2)") is None
            desk.line.mine()
        await desk.sender.reconcile()
        assert (await desk.stored("mint")).outcome == FAILED
        assert (await desk.stored("mint (attempt 2)")).outcome is None


class TestTold:
    async def test_a_trouble_is_told_when_it_begins_while_it_lasts_and_when_it_is_over(
        self, desk: Desk, caplog: pytest.LogCaptureFixture
    ) -> None:
        desk.line.refuses = {"*": "insufficient funds for gas * price + value"}
        await desk.sender.submit("mint", desk.mint(5))
        for _ in range(3):
            await desk.sender.reconcile()
        assert alarms(caplog) == ["relayer-funds"]
        desk.clock.advance(AGAIN_AFTER.total_seconds())
        await desk.sender.reconcile()
        assert alarms(caplog).count("relayer-funds") == 2
        desk.line.refuses = {}
        await desk.sender.reconcile()
        assert "relayer-funds is over" in caplog.text
        health = await desk.sender.health()
        assert "relayer-funds" not in health.alarms
        assert health.last_alarm is not None

    async def test_a_round_that_breaks_off_tells_what_it_found_and_ends_nothing(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        desk = Desk(Line(world), policy=dataclasses.replace(POLICY, reserve_wei=10**30))
        await desk.sender.submit("mint", desk.mint(5))
        desk.line.fails = {"eth_getTransactionByHash"}
        with pytest.raises(NodeUnavailable):
            await desk.sender.reconcile()
        desk.line.fails = {"eth_getBlockByNumber"}
        with pytest.raises(NodeUnavailable):
            await desk.sender.reconcile()
        assert alarms(caplog) == ["relayer-funds"]
        assert "is over" not in caplog.text

    async def test_health_counts_what_waits_and_how_long(self, desk: Desk) -> None:
        assert (await desk.sender.health()).oldest_s == 0.0
        await desk.sender.submit("mint", desk.mint(5))
        desk.clock.advance(90)
        health = await desk.sender.health()
        assert (health.pending, health.oldest_s) == (1, 90.0)
        assert health.balance_wei > 0 == health.reserve_wei

    async def test_the_first_in_line_is_told_of_when_nothing_helps(
        self, desk: Desk, caplog: pytest.LogCaptureFixture
    ) -> None:
        await desk.sender.submit("mint", desk.mint(5))
        await desk.sender.reconcile()
        desk.clock.advance(5 * POLICY.replace_after_s - 1)
        await desk.sender.reconcile()
        assert alarms(caplog) == []
        desk.clock.advance(1)
        await desk.sender.reconcile()
        assert alarms(caplog) == ["stuck-nonce"]
        desk.line.mine()
        await desk.sender.reconcile()
        assert "stuck-nonce is over" in caplog.text


class TestMoney:
    async def test_after_a_refusal_for_want_of_money_nothing_later_is_tried(self, desk: Desk) -> None:
        desk.line.refuses = {"*": "insufficient funds for gas * price + value"}
        for number in range(5):
            await desk.sender.submit(f"mint {number}", desk.mint(1))
        desk.line.sent.clear()
        await desk.sender.reconcile()
        assert len(desk.line.sent) == 1
        desk.line.refuses = {}
        await desk.settle_all()
        assert await desk.minted() == 5


class TestPrice:
    async def test_the_ceiling_bounds_the_first_offer_and_every_other(self, desk: Desk) -> None:
        gas_costs(desk, 300 * GWEI)
        await desk.sender.submit("mint", desk.mint(5))
        for _ in range(3):
            desk.clock.advance(POLICY.replace_after_s)
            await desk.sender.reconcile()
        (attempt,) = (await desk.stored("mint")).attempts
        assert attempt.max_fee == POLICY.max_fee_wei

    async def test_an_offer_below_the_price_is_raised_once_its_time_has_come(self, desk: Desk) -> None:
        await desk.sender.submit("mint", desk.mint(5))
        gas_costs(desk, 40 * GWEI)
        desk.clock.advance(POLICY.replace_after_s - 1)
        await desk.sender.reconcile()
        assert len((await desk.stored("mint")).attempts) == 1
        desk.clock.advance(1)
        await desk.sender.reconcile()
        first, second = (await desk.stored("mint")).attempts
        assert second.max_fee >= 80 * GWEI > first.max_fee
        assert second.tip * 8 >= first.tip * 9
        desk.line.answers = {}
        await desk.settle_all()
        assert await desk.minted() == 5

    async def test_one_that_blocks_pass_by_is_raised_and_those_behind_it_are_not(self, desk: Desk) -> None:
        """Its price is right by the market's word, and yet nobody takes it."""
        for number in range(2):
            await desk.sender.submit(f"mint {number}", desk.mint(1))
        await desk.sender.reconcile()
        head = int(await desk.line.call("eth_blockNumber"), 16)
        desk.clock.advance(POLICY.replace_after_s)
        for passed, attempts in ((2, 1), (3, 2)):
            block = await Line.call(desk.line, "eth_getBlockByNumber", "latest", False)
            desk.line.answers["eth_getBlockByNumber"] = block | {"number": hex(head + passed)}
            desk.line.answers["eth_getTransactionCount"] = hex(await used(desk))
            await desk.sender.reconcile()
            assert [len((await desk.stored(f"mint {n}")).attempts) for n in range(2)] == [attempts, 1]

    async def test_a_strangers_offer_at_our_nonce_is_outbid(self, desk: Desk) -> None:
        desk.line.swallows = True
        await desk.sender.submit("mint", desk.mint(5))
        desk.line.swallows = False
        ours = (await desk.stored("mint")).attempts[0].raw
        desk.line.refuses = {ours: "replacement transaction underpriced"}
        await desk.sender.reconcile()
        assert len((await desk.stored("mint")).attempts) == 1
        desk.clock.advance(POLICY.replace_after_s)
        await desk.sender.reconcile()
        assert len((await desk.stored("mint")).attempts) == 2

    async def test_a_node_that_keeps_nothing_too_cheap_is_asked_again(self, desk: Desk) -> None:
        desk.line.refuses = {"*": "max fee per gas less than block base fee"}
        for number in range(3):
            await desk.sender.submit(f"mint {number}", desk.mint(1))
        desk.line.sent.clear()
        await desk.sender.reconcile()
        assert len(desk.line.sent) == 1
        desk.line.refuses = {}
        await desk.settle_all()
        assert await desk.minted() == 3


class TestRefused:
    async def test_bytes_that_no_node_takes_give_their_nonce_up_and_the_call_gets_another(
        self, desk: Desk, caplog: pytest.LogCaptureFixture
    ) -> None:
        await _refuse_the_next(desk)
        await desk.sender.submit("mint", desk.mint(5))
        refused = (await desk.stored("mint")).attempts[0].raw
        desk.line.refuses = {refused: "transaction type not supported"}
        await desk.sender.submit("after", desk.mint(7))
        await desk.sender.reconcile()
        assert alarms(caplog) == ["transaction-refused"]
        desk.clock.advance(POLICY.replace_after_s)
        await desk.settle_all()
        assert await desk.minted() == 12
        assert len((await desk.stored("mint")).attempts) == 2
        assert [(await desk.stored(key)).outcome for key in ("mint", "mint (attempt 2)")] == [FAILED, MINED]

    async def test_one_behind_others_may_be_refused_for_what_is_before_it(self, desk: Desk) -> None:
        desk.line.swallows = True
        for number in range(2):
            await desk.sender.submit(f"mint {number}", desk.mint(1))
        desk.line.swallows = False
        desk.line.refuses = {(await desk.stored("mint 1")).attempts[0].raw: "nonce too high"}
        desk.clock.advance(POLICY.replace_after_s)
        await desk.sender.reconcile()
        assert len((await desk.stored("mint 1")).attempts) == 1


async def _refuse_the_next(desk: Desk) -> None:
    desk.line.refuses = {"*": "transaction type not supported"}


async def test_asking_costs_two_exchanges_a_call(desk: Desk) -> None:
    """Estimate and code, then the bytes: prices and the node's count are good for a second."""
    await desk.sender.submit("first", desk.mint(1))
    desk.line.asked.clear()
    await desk.sender.submit("second", desk.mint(1))
    assert desk.line.asked == ["eth_estimateGas", "eth_getCode", "eth_sendRawTransaction"]


async def test_who_is_cancelled_in_the_line_holds_up_nobody(desk: Desk) -> None:
    reserve, batches = desk.memory.reserve, asyncio.Queue[tuple[list[str], asyncio.Event]]()

    async def held(keys: list[str], *given: Any) -> Any:
        go_on = asyncio.Event()
        await batches.put((keys, go_on))
        await go_on.wait()
        return await reserve(keys, *given)

    async def submitted(key: str) -> asyncio.Task[Any]:
        task = asyncio.create_task(desk.sender.submit(key, desk.mint(5)))
        await asyncio.sleep(0.05)
        return task

    with patch.object(desk.memory, "reserve", held):
        first = await submitted("first")
        _, go_on = await batches.get()
        second, cancelled, last = [await submitted(key) for key in ("second", "cancelled", "last")]
        go_on.set()
        keys, go_on = await batches.get()
        assert keys == ["second", "cancelled", "last"]
        cancelled.cancel()
        await asyncio.wait([cancelled])
        go_on.set()
        await asyncio.gather(first, second, last)
    await desk.settle_all()
    assert await desk.minted() == 20, "what was stored for the cancelled one goes out too"


def test_alarms_come_again_every_ten_minutes() -> None:
    assert timedelta(minutes=10) == AGAIN_AFTER
