"""What goes wrong between an account and a chain, on a chain where it really does: Anvil."""

from typing import Any

import pytest

from contracts.bindings import token
from contracts.bindings.call import Call
from contracts.errors import NodeRefused
from contracts.sending.memory import FAILED, MINED
from contracts.sending.policy import GWEI
from contracts.sending.pusher import Pusher
from contracts.signers import LocalSigner
from contracts.transactions import Fees, sign_call
from tests.contracts.sending.desk import alarms
from tests.contracts.sending.integration.conftest import MINTER
from tests.contracts.sending.integration.yard import CHAIN_ID, ETHER, POLICY, GethRule, Yard

pytestmark = pytest.mark.integration


class TestLost:
    async def test_what_the_node_dropped_is_sent_again_byte_for_byte(self, yard: Yard) -> None:
        sender = yard.sender()
        for number in range(3):
            await sender.submit(f"pay {number}", yard.pay())
        first = await yard.nonce()
        for number in range(3):
            await yard.drop(f"pay {number}")
        assert await yard.nonce("pending") == first
        await yard.sender().reconcile()
        assert await yard.nonce("pending") == first + 3
        await yard.mine()
        await yard.sender().reconcile()
        assert await yard.paid() == 3
        for number in range(3):
            stored = await yard.stored(f"pay {number}")
            assert (stored.nonce, len(stored.attempts), stored.outcome) == (first + number, 1, MINED)

    async def test_one_in_the_middle_does_not_hold_up_those_after_it(self, yard: Yard) -> None:
        sender = yard.sender()
        for number in range(3):
            await sender.submit(f"pay {number}", yard.pay())
        await yard.drop("pay 1")
        await yard.mine()
        assert await yard.paid() == 1, "control: behind the lost one nothing is mined"
        await yard.rounds(sender, 2)
        assert await yard.paid() == 3


class TestForks:
    async def test_an_outcome_is_noted_at_its_depth_and_not_before(self, yard: Yard) -> None:
        sender = yard.sender(confirmations=4)
        await yard.sent_and_mined(sender, "pay")
        for _ in range(4):
            await sender.reconcile()
            assert await yard.outcome("pay") is None
            await yard.mine()
        await sender.reconcile()
        stored = await yard.stored("pay")
        assert (stored.outcome, await yard.paid()) == (MINED, 1)

    @pytest.mark.parametrize("how", ["reorg", "rollback"])
    async def test_what_a_fork_drops_before_that_is_sent_again_and_paid_once(
        self, yard: Yard, how: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        sender = yard.sender(confirmations=4)
        await yard.sent_and_mined(sender, "pay 0", "pay 1", "pay 2")
        await sender.reconcile()
        assert await yard.paid() == 3
        await (yard.rpc.call("anvil_reorg", 3, []) if how == "reorg" else yard.rpc.call("anvil_rollback", 3))
        assert await yard.paid() == 0
        await yard.rounds(sender)
        assert await yard.paid() == 3
        assert [await yard.outcome(f"pay {number}") for number in range(3)] == [MINED] * 3
        assert [len((await yard.stored(f"pay {number}")).attempts) for number in range(3)] == [1] * 3
        assert alarms(caplog) == []

    async def test_a_deeper_fork_takes_settled_ones_back_and_jams_nothing(
        self, yard: Yard, caplog: pytest.LogCaptureFixture
    ) -> None:
        sender = yard.sender(confirmations=1)
        await yard.sent_and_mined(sender, "pay 0", "pay 1", "pay 2")
        await yard.rounds(sender, 2)
        assert [await yard.outcome(f"pay {number}") for number in range(3)] == [MINED] * 3
        await yard.rpc.call("anvil_rollback", 4)
        assert await yard.paid() == 1
        await sender.submit("next", yard.pay())
        await yard.rounds(yard.sender(confirmations=1))
        assert await yard.paid() == 4
        assert "settled-transactions-unmined" in alarms(caplog)
        assert [await yard.outcome(key) for key in ("pay 1", "pay 2", "next")] == [MINED] * 3

    async def test_a_sender_that_forgets_settled_ones_jams(self, yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
        """Negative control: the fork is deeper than what counts as final, and nobody looks at settled ones again."""
        sender = yard.sender()
        await yard.sent_and_mined(sender, "pay")
        await sender.reconcile()
        await yard.rpc.call("anvil_rollback", 1)

        async def nothing(signer: str) -> None:
            return None

        monkeypatch.setattr(yard.memory, "last_settled", nothing)
        await sender.submit("next", yard.pay())
        for _ in range(3):
            await sender.reconcile()
            await yard.mine()
        assert await yard.outcome("pay") == MINED
        assert await yard.paid() == 0, "false, and everything after it waits"

    async def test_of_one_key_only_one_transaction_is_alive_after_a_fork(self, yard: Yard) -> None:
        """The first failed for want of money and the second paid; on the new branch the first can pay as well."""
        await self._fork_between_two_nonces_of_a_key(yard)
        assert await yard.paid() == 1

    async def test_without_that_rule_a_fork_pays_twice(self, yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
        """Negative control: whatever waits is sent again, whosever it is."""

        async def alone(self: Pusher, row: object) -> Any:
            from contracts.sending.pusher import _Claim  # noqa: PLC0415 - its inside, for once

            return _Claim.ALONE

        monkeypatch.setattr(Pusher, "_claim", alone)
        await self._fork_between_two_nonces_of_a_key(yard)
        assert await yard.paid() == 2

    @staticmethod
    async def _fork_between_two_nonces_of_a_key(yard: Yard) -> None:
        pauper = await token.balance_of(yard.rpc, yard.euro, yard.address)
        nonce = await yard.nonce()
        await yard.by_hand(token.transfer(yard.euro, MINTER.address, pauper), nonce)
        await yard.mine()
        call, fees = yard.pay(), Fees(20 * GWEI, GWEI)
        early = await sign_call(yard.signer, call, nonce=nonce + 1, gas=120_000, fees=fees, chain_id=CHAIN_ID)
        raw = "0x" + early.raw.hex()
        await yard.memory.reserve(["pay"], yard.address, nonce + 1, yard.clock.now())
        await yard.memory.signed([("pay", 1, raw, early.hash, fees.max_fee, fees.max_priority_fee, yard.clock.now())])
        await yard.rpc.call("eth_sendRawTransaction", raw)
        await yard.mine()
        minter_nonce = int(await yard.rpc.call("eth_getTransactionCount", MINTER.address, "latest"), 16)
        money = await sign_call(
            MINTER,
            token.mint(yard.euro, yard.address, 10),
            nonce=minter_nonce,
            gas=120_000,
            fees=Fees(50 * GWEI, GWEI),
            chain_id=CHAIN_ID,
        )
        await yard.rpc.call("eth_sendRawTransaction", "0x" + money.raw.hex())
        await yard.mine()
        sender = yard.sender()
        await yard.rounds(sender, 2)
        assert [await yard.outcome(key) for key in ("pay", "pay (attempt 2)")] == [FAILED, MINED]
        assert await yard.paid() == 1
        head = int(await yard.rpc.call("eth_blockNumber"), 16)
        (failed,) = [row for row in await yard.memory.settled_from(yard.address, nonce + 1) if row.key == "pay"]
        await yard.rpc.call("anvil_rollback", head - (failed.block or 0) + 1)  # type: ignore[attr-defined]
        await yard.rpc.call("eth_sendRawTransaction", "0x" + money.raw.hex())
        await yard.mine()
        await yard.rounds(yard.sender())
        assert await yard.outcome("pay") == MINED


class TestForeignUse:
    async def test_a_strangers_transaction_is_told_and_the_call_is_sent_under_a_new_nonce(
        self, yard: Yard, caplog: pytest.LogCaptureFixture
    ) -> None:
        sender = yard.sender(confirmations=2)
        await sender.submit("pay", yard.pay())
        await yard.drop("pay")
        foreign = await yard.by_hand(token.transfer(yard.euro, MINTER.address, 5), await yard.nonce())
        await yard.mine(2)
        await sender.reconcile()
        assert await yard.memory.find("pay (attempt 2)") is None, "its block is not final: the first may yet live"
        await yard.mine()
        await sender.reconcile()
        assert foreign in caplog.text
        await yard.rounds(sender)
        assert alarms(caplog) == ["foreign-key-use"]
        assert [await yard.outcome(key) for key in ("pay", "pay (attempt 2)")] == [FAILED, MINED]
        assert await yard.paid() == 1

    async def test_an_attempt_that_the_memory_has_lost_is_ours(
        self, yard: Yard, caplog: pytest.LogCaptureFixture
    ) -> None:
        """As after a restore: the database that was lost had replaced the transaction at its nonce."""
        sender = yard.sender()
        await sender.submit("pay", yard.pay())
        await yard.drop("pay")
        await yard.by_hand(yard.pay(), await yard.nonce())
        await yard.mine(2)
        await yard.rounds(sender)
        assert alarms(caplog) == []
        assert (await yard.outcome("pay"), await yard.memory.find("pay (attempt 2)")) == (MINED, None)
        assert await yard.paid() == 1

    async def test_a_nonce_may_go_without_a_transaction(self, yard: Yard, caplog: pytest.LogCaptureFixture) -> None:
        """As with an authorisation of EIP-7702."""
        sender = yard.sender()
        await sender.submit("pay", yard.pay())
        await yard.drop("pay")
        await yard.rpc.call("anvil_setNonce", yard.address, hex(await yard.nonce() + 1))
        await yard.mine()
        await yard.rounds(sender, 3)
        assert alarms(caplog) == ["foreign-key-use"]
        assert "an authorisation" in caplog.text
        assert await yard.paid() == 1

    async def test_a_gap_that_a_stranger_left_is_used_up(self, yard: Yard, caplog: pytest.LogCaptureFixture) -> None:
        foreign = await yard.by_hand(token.transfer(yard.euro, MINTER.address, 5), await yard.nonce())
        sender = yard.sender()
        await sender.submit("pay", yard.pay())
        assert (await yard.stored("pay")).nonce == await yard.nonce() + 1
        await yard.rpc.call("anvil_dropTransaction", foreign)
        await yard.mine()
        assert await yard.paid() == 0, "control: nothing is mined behind the gap"
        await yard.rounds(sender, 3)
        assert await yard.paid() == 1
        assert alarms(caplog) == ["nonce-gap"]


class TestPrice:
    async def test_a_stuck_one_is_replaced_at_its_nonce_by_an_eighth_more(self, yard: Yard) -> None:
        yard.line = GethRule(yard.rpc)
        sender = yard.sender()
        await sender.submit("pay", yard.pay())
        await yard.base_fee(30 * GWEI)
        for _ in range(3):
            yard.clock.advance(POLICY.replace_after_s)
            await sender.reconcile()
        stored = await yard.stored("pay")
        assert len(stored.attempts) == len(yard.line.replaced) + 1 == 2, "once it pays the price it is left in peace"
        for old, new in yard.line.replaced:
            assert new.max_fee * 8 >= old.max_fee * 9
            assert new.max_priority_fee * 8 >= old.max_priority_fee * 9
            assert new.max_fee <= POLICY.max_fee_wei
        await yard.mine()
        await sender.reconcile()
        assert (await yard.outcome("pay"), await yard.paid()) == (MINED, 1)

    async def test_anvil_takes_less_and_the_rule_does_not(self, yard: Yard) -> None:
        """Negative control: a bump of 0.8 % passes at Anvil, so only the rule shows that ours is large enough."""
        rule, nonce = GethRule(yard.rpc), await yard.nonce()
        await yard.by_hand(yard.pay(), nonce, Fees(20 * GWEI, GWEI))
        await yard.by_hand(yard.pay(), nonce, Fees(20 * GWEI * 1008 // 1000, GWEI * 1008 // 1000))
        for fees, passes in ((Fees(30 * GWEI, GWEI), True), (Fees(30 * GWEI * 1008 // 1000, 2 * GWEI), False)):
            signed = await sign_call(yard.signer, yard.pay(), nonce=nonce, gas=120_000, fees=fees, chain_id=CHAIN_ID)
            if passes:
                await rule.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
            else:
                with pytest.raises(NodeRefused, match="underpriced"):
                    await rule.call("eth_sendRawTransaction", "0x" + signed.raw.hex())

    async def test_a_replacement_at_a_new_nonce_pays_twice(self, yard: Yard) -> None:
        """Negative control: what a sender does that takes the next nonce for what is stuck."""
        await yard.sender().submit("pay", yard.pay())
        await yard.by_hand(yard.pay(), await yard.nonce("pending"))
        await yard.mine()
        assert await yard.paid() == 2

    async def test_nothing_is_replaced_while_the_chain_stands_still(self, yard: Yard) -> None:
        sender = yard.sender()
        await sender.submit("pay", yard.pay())
        for _ in range(5):
            yard.clock.advance(POLICY.replace_after_s)
            await sender.reconcile()
        assert len((await yard.stored("pay")).attempts) == 1

    @pytest.mark.parametrize("relief", ["price", "ceiling"])
    async def test_above_the_ceiling_it_waits_and_says_so(
        self, yard: Yard, relief: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        sender = yard.sender()
        await sender.submit("before", yard.pay())
        await yard.base_fee(200 * GWEI)
        await sender.submit("during", yard.pay())
        for _ in range(4):
            yard.clock.advance(POLICY.replace_after_s)
            await sender.reconcile()
            await yard.base_fee(200 * GWEI)
        assert alarms(caplog)[:1] == ["gas-spike"]
        assert "gas-spike" in (await sender.health()).alarms
        rows = [await yard.stored(key) for key in ("before", "during")]
        assert all(one.max_fee <= POLICY.max_fee_wei for row in rows for one in row.attempts)
        assert await yard.paid() == 0
        if relief == "price":
            await yard.base_fee(GWEI)
        else:
            sender = yard.sender(max_fee_wei=500 * GWEI)
        for _ in range(6):
            await sender.reconcile()
            yard.clock.advance(POLICY.replace_after_s)
        await yard.mine()
        await sender.reconcile()
        assert await yard.paid() == 2
        assert [await yard.outcome(key) for key in ("before", "during")] == [MINED] * 2
        assert (await sender.health()).alarms == {}


class TestMoney:
    async def test_without_money_transactions_wait_and_go_on_by_themselves(
        self, yard: Yard, caplog: pytest.LogCaptureFixture
    ) -> None:
        sender = yard.sender()
        await yard.rpc.call("anvil_setBalance", yard.address, hex(10**9))
        assert await sender.spare_wei() < 0
        for number in range(3):
            await sender.submit(f"pay {number}", yard.pay())
            await sender.reconcile()
        health = await sender.health()
        assert (health.pending, list(health.alarms), health.balance_wei) == (3, ["relayer-funds"], 10**9)
        assert alarms(caplog) == ["relayer-funds"]
        assert await yard.paid() == 0
        await yard.rpc.call("anvil_setBalance", yard.address, hex(ETHER))
        assert await sender.spare_wei() > 0
        await sender.reconcile()
        await yard.mine()
        assert await yard.paid() == 3
        await sender.reconcile()
        health = await sender.health()
        assert (health.pending, dict(health.alarms)) == (0, {})
        assert "relayer-funds is over" in caplog.text

    async def test_a_call_to_nothing_is_refused(self, yard: Yard) -> None:
        """Negative control for the code check: as a transaction it would succeed."""
        nowhere = Call(LocalSigner(b"\x5e" * 32).address, yard.pay().data)
        with pytest.raises(Exception, match="NotOpened"):
            await yard.sender().submit("nowhere", nowhere)
        hash_ = await yard.by_hand(nowhere, await yard.nonce())
        await yard.mine()
        assert (await yard.rpc.call("eth_getTransactionReceipt", hash_))["status"] == "0x1"
