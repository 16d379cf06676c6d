"""One key is one transaction, whatever is lost in between; deadlines bring blocks."""

import asyncio
from collections import Counter

import pytest

from marketplace.domain.agreement import OnChain
from marketplace.ports.chain import ChainFundsLow, ChainUnavailable
from marketplace.ports.fakes.chain_ledger import START
from tests.contracts.world import ADDRESS
from tests.ports.chain.acting import FINISHED, events, names, refused
from tests.ports.chain.harness import Harness, RealHarness
from tests.ports.chain.story import MACHINE, SECRET, opened, proof_of


class TestOnce:
    async def test_the_same_key_is_one_transaction_also_after_a_restart(self, harness: Harness) -> None:
        for _ in range(3):
            await harness.chain.fund_test_account("fund", ADDRESS["maker"], 500)
        head = await harness.chain.head()
        await harness.chain.reconcile()
        await harness.restart().fund_test_account("fund", ADDRESS["maker"], 500)
        assert await harness.balance_minor("maker") == 500
        assert await harness.chain.head() == head
        await harness.chain.fund_test_account("fund 2", ADDRESS["maker"], 500)
        assert await harness.balance_minor("maker") == 1_000

    async def test_a_move_that_is_done_can_be_asked_for_again(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await harness.chain.open_batch("open", delivery, [])
        proof = await proof_of(harness, delivery, FINISHED)
        for _ in range(2):
            await harness.chain.claim("claim", delivery, MACHINE, [proof])
            await harness.chain.delivered_by_secret("d", delivery, SECRET)
            harness.restart()
            await harness.chain.reconcile()
        assert Counter(await names(harness))["claimed"] == 1
        assert Counter(await names(harness))["delivered"] == 1

    async def test_many_at_once_all_arrive(self, harness: Harness) -> None:
        keys = [f"fund {number % 6}" for number in range(12)]
        await asyncio.gather(*(harness.chain.fund_test_account(key, ADDRESS["maker"], 7) for key in keys))
        assert await harness.balance_minor("maker") == 6 * 7

    async def test_what_the_node_lost_is_sent_again_and_its_outcome_noted(self, harness: Harness) -> None:
        harness.losing(loses=True)
        await harness.chain.fund_test_account("lost", ADDRESS["maker"], 500)
        await harness.chain.reconcile()
        assert await harness.balance_minor("maker") == 0
        harness.losing(loses=False)
        chain = harness.restart()
        await chain.reconcile()
        assert await harness.balance_minor("maker") == 500
        await chain.reconcile()
        await chain.fund_test_account("lost", ADDRESS["maker"], 500)
        assert await harness.balance_minor("maker") == 500

    async def test_what_became_impossible_meanwhile_fails_and_leaves_its_key_free(self, harness: Harness) -> None:
        delivery = await opened(harness)
        await harness.chain.delivered_by_secret("d", delivery, SECRET)
        await harness.warp((await harness.chain.head()).timestamp + delivery.terms.accept_window)
        harness.losing(loses=True)
        await harness.chain.finalise("f", delivery)
        await harness.finalise_from_outside(delivery)
        harness.losing(loses=False)
        await harness.chain.reconcile()
        assert [event.fields for event in await events(harness) if event.name == "state"] == [
            {"state": OnChain.DELIVERED},
            {"state": OnChain.SETTLED},
        ]
        await refused("WrongState", harness.chain.finalise("f", delivery))
        await harness.chain.fund_test_account("next", ADDRESS["stranger"], 1)
        assert await harness.balance_minor("stranger") == 1


async def test_without_money_for_gas_nothing_new_is_taken_on(harness: Harness) -> None:
    await harness.chain.require_funds()
    harness.poor(is_poor=True)
    with pytest.raises(ChainFundsLow):
        await harness.chain.require_funds()
    health = await harness.chain.sending()
    assert health.balance < health.reserve
    harness.poor(is_poor=False)
    await harness.chain.require_funds()


async def test_what_waits_is_counted(harness: Harness) -> None:
    harness.losing(loses=True)
    await harness.chain.fund_test_account("lost", ADDRESS["maker"], 500)
    assert (await harness.chain.sending()).pending == 1
    harness.losing(loses=False)
    await harness.chain.reconcile()
    assert (await harness.chain.sending()).pending == 0


@pytest.mark.parametrize("question", ["require_funds", "sending"])
async def test_a_node_that_is_away_says_nothing_about_money(harness: Harness, question: str) -> None:
    harness.away(is_away=True)
    with pytest.raises(ChainUnavailable):
        await getattr(harness.chain, question)()


async def test_a_watched_deadline_is_reached_by_blocks(harness: Harness) -> None:
    await harness.chain.watch_deadline(START + 50)
    assert (await harness.chain.head()).timestamp < START + 50
    harness.set_time(START + 50)
    await harness.chain.watch_deadline(START + 50)
    async with asyncio.timeout(5):
        while True:
            if (await harness.chain.head()).timestamp >= START + 50:
                break
            await asyncio.sleep(0.01)


async def test_the_store_notes_what_became_of_every_transaction(real: RealHarness) -> None:
    await real.chain.fund_test_account("fund", ADDRESS["maker"], 500)
    await real.chain.reconcile()
    stored = await real.store.find("fund")
    assert stored is not None
    assert stored.outcome == "mined"
    assert await real.store.pending(ADDRESS["relayer"].lower()) == []
