"""The stores of adapters: nonces without doubles, bytes that never change, commands in order and once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from marketplace.domain.errors import NotFound
from marketplace.ports.fakes.stores import FakeChainTransactionStore, FakeGatewayCommandStore
from marketplace.ports.stores import (
    ChainAttempt,
    ChainTransaction,
    ChainTransactionStore,
    GatewayCommand,
    GatewayCommandStore,
)

NOW = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
LATER = NOW + timedelta(seconds=90)
SIGNER, OTHER = "0xAb" + "00" * 19, "0xCd" + "00" * 19


@pytest.fixture(params=["fake", "sql"])
def transactions(request: pytest.FixtureRequest) -> ChainTransactionStore:
    if request.param == "fake":
        return FakeChainTransactionStore()
    store: ChainTransactionStore = request.getfixturevalue("database").chain_transactions()
    return store


@pytest.fixture(params=["fake", "sql"])
def commands(request: pytest.FixtureRequest) -> GatewayCommandStore:
    if request.param == "fake":
        return FakeGatewayCommandStore()
    store: GatewayCommandStore = request.getfixturevalue("database").gateway_commands()
    return store


class TestChainTransactions:
    async def test_a_key_keeps_its_nonce_and_a_new_key_takes_the_next(
        self, transactions: ChainTransactionStore
    ) -> None:
        assert await transactions.find("open:1") is None
        (first,) = await transactions.reserve(["open:1"], SIGNER, 7, NOW)
        assert first == ChainTransaction("open:1", SIGNER, 7, NOW)
        assert list(await transactions.reserve(["open:1"], SIGNER, 99, LATER)) == [first]
        assert await transactions.find("open:1") == first
        assert [row.nonce for row in await transactions.reserve(["open:2"], SIGNER.lower(), 7, NOW)] == [8]
        assert [row.nonce for row in await transactions.reserve(["open:3"], SIGNER, 20, NOW)] == [20]
        assert [row.nonce for row in await transactions.reserve(["open:4"], OTHER, 0, NOW)] == [0]

    async def test_many_at_once_take_different_nonces(self, transactions: ChainTransactionStore) -> None:
        kept = await asyncio.gather(*(transactions.reserve([f"k{n % 10}"], SIGNER, 3, NOW) for n in range(30)))
        assert sorted({row.nonce for (row,) in kept}) == list(range(3, 13))

    async def test_several_take_nonces_in_their_order_and_are_signed_together(
        self, transactions: ChainTransactionStore
    ) -> None:
        await transactions.reserve(["b"], SIGNER, 5, NOW)
        rows = await transactions.reserve(["a", "b", "c", "a"], SIGNER, 0, NOW)
        assert [(row.key, row.nonce) for row in rows] == [("a", 6), ("b", 5), ("c", 7), ("a", 6)]
        await transactions.signed([("b", 1, "0xold", "0xoldhash", 8, 1, NOW)])
        rows = await transactions.signed([(key, 1, f"0x{key}", f"0xhash {key}", 8, 1, LATER) for key in "cba"])
        assert [(row.key, row.attempts[0].raw) for row in rows] == [("c", "0xc"), ("b", "0xold"), ("a", "0xa")]
        with pytest.raises(NotFound):
            await transactions.signed([(key, 2, f"0x{key}", f"0xhash2 {key}", 8, 1, LATER) for key in ("a", "nothing")])
        assert [len(row.attempts) for row in await transactions.pending(SIGNER)] == [1, 1, 1]

    async def test_one_nonce_is_taken_once(self, transactions: ChainTransactionStore) -> None:
        await transactions.reserve(["later"], SIGNER, 9, NOW)
        taken = await transactions.take("gap", SIGNER, 7, NOW)
        assert taken == ChainTransaction("gap", SIGNER, 7, NOW)
        assert await transactions.take("gap", SIGNER.lower(), 7, LATER) == taken
        assert await transactions.take("other", SIGNER, 7, NOW) is None
        assert await transactions.take("gap", SIGNER, 8, NOW) is None
        assert await transactions.take("gap", OTHER, 7, NOW) is None
        assert await transactions.find("other") is None
        assert [row.nonce for row in await transactions.reserve(["next"], SIGNER, 0, NOW)] == [10]

    async def test_every_attempt_is_kept_and_the_first_under_a_number_wins(
        self, transactions: ChainTransactionStore
    ) -> None:
        await transactions.reserve(["open:1"], SIGNER, 0, NOW)
        first, second = ChainAttempt("0xhash", "0xraw", 8, 1, NOW), ChainAttempt("0xhash2", "0xraw2", 9, 2, LATER)
        (stored,) = await transactions.signed([("open:1", 1, first.raw, first.hash, 8, 1, NOW)])
        assert stored == ChainTransaction("open:1", SIGNER, 0, NOW, (first,))
        assert list(await transactions.signed([("open:1", 1, "0xother", "0xotherhash", 7, 7, LATER)])) == [stored]
        (stored,) = await transactions.signed([("open:1", 2, second.raw, second.hash, 9, 2, LATER)])
        assert stored.attempts == (first, second)
        assert list(await transactions.signed([("open:1", 2, "0xother", "0xotherhash", 7, 7, LATER)])) == [stored]
        # A number that leaves one out was counted from something that is not so.
        assert list(await transactions.signed([("open:1", 4, "0xother", "0xotherhash", 7, 7, LATER)])) == [stored]
        assert await transactions.find("open:1") == stored
        assert list(await transactions.pending(SIGNER)) == [stored]

    async def test_of_many_attempts_at_once_one_is_stored(self, transactions: ChainTransactionStore) -> None:
        await transactions.reserve(["k"], SIGNER, 0, NOW)
        given = [transactions.signed([("k", 1, f"0xraw{n}", f"0xhash{n}", 8, 1, NOW)]) for n in range(10)]
        assert len({row.attempts for (row,) in await asyncio.gather(*given)}) == 1

    @pytest.mark.parametrize("outcome", ["mined", "failed"])
    async def test_an_outcome_ends_the_waiting(self, transactions: ChainTransactionStore, outcome: str) -> None:
        for number in (2, 0, 1):
            await transactions.reserve([f"k{number}"], SIGNER, number, NOW)
        await transactions.reserve(["foreign"], OTHER, 0, NOW)
        assert await transactions.last_settled(SIGNER) is None
        await transactions.settle([("k2", outcome, 17)])
        waiting = await transactions.pending(SIGNER.upper().replace("X", "x"))
        assert [row.key for row in waiting] == ["k0", "k1"]
        assert [row.nonce for row in waiting] == sorted(row.nonce for row in waiting)
        settled = await transactions.find("k2")
        assert settled is not None
        assert (settled.outcome, settled.block) == (outcome, 17)
        assert await transactions.last_settled(SIGNER) == settled.nonce
        assert await transactions.last_settled(OTHER) is None

    async def test_the_chain_may_take_its_word_back(self, transactions: ChainTransactionStore) -> None:
        for number in range(4):
            await transactions.reserve([f"k{number}"], SIGNER, 0, NOW)
            await transactions.signed([(f"k{number}", 1, f"0x{number}", f"0xhash{number}", 8, 1, NOW)])
        for number in (0, 2, 3):
            await transactions.settle([(f"k{number}", "mined", 10 + number)])
        assert [row.key for row in await transactions.settled_from(SIGNER.lower(), 1)] == ["k2", "k3"]
        assert [row.key for row in await transactions.settled_from(OTHER, 0)] == []
        await transactions.reopen("k2")
        waiting = list(await transactions.pending(SIGNER))
        assert [(row.key, row.outcome, row.block, len(row.attempts)) for row in waiting] == [
            ("k1", None, None, 1),
            ("k2", None, None, 1),
        ]

    async def test_no_other_word_is_an_outcome(self, transactions: ChainTransactionStore) -> None:
        await transactions.reserve(["k"], SIGNER, 0, NOW)
        with pytest.raises(Exception, match=r"outcome"):
            await transactions.settle([("k", "lost", None)])
        assert [row.key for row in await transactions.pending(SIGNER)] == ["k"]

    async def test_an_unknown_key_is_not_found(self, transactions: ChainTransactionStore) -> None:
        with pytest.raises(NotFound):
            await transactions.signed([("nothing", 1, "0x", "0x", 2, 1, NOW)])
        with pytest.raises(NotFound):
            await transactions.settle([("nothing", "mined", None)])
        with pytest.raises(NotFound):
            await transactions.reopen("nothing")


@pytest.mark.req(108)
class TestGatewayCommands:
    async def test_a_key_is_queued_once_for_each_gateway(self, commands: GatewayCommandStore) -> None:
        body = {"job": {"id": "j", "parameters": [{"id": "depth", "value": "20"}]}, "chain_id": 31_337}
        await commands.append("gw_1", "start:j", "start", body)
        await commands.append("gw_1", "start:j", "start", {"other": "body"})
        await commands.append("gw_2", "start:j", "start", {})
        (only,) = await commands.after("gw_1", 0, 10)
        assert only == GatewayCommand(only.id, "gw_1", "start", body)
        assert len(await commands.after("gw_2", 0, 10)) == 1
        assert await commands.after("gw_3", 0, 10) == []

    async def test_they_are_read_in_order_from_any_place(self, commands: GatewayCommandStore) -> None:
        for number in range(5):
            await commands.append("gw_1", f"k{number}", "start", {"number": number})
            await commands.append("gw_2", f"k{number}", "start", {})
        rows = list(await commands.after("gw_1", 0, 10))
        assert [row.body["number"] for row in rows] == [0, 1, 2, 3, 4]
        assert [row.id for row in rows] == sorted({row.id for row in rows})
        assert list(await commands.after("gw_1", rows[1].id, 2)) == rows[2:4]
        assert list(await commands.after("gw_1", rows[-1].id, 10)) == []

    async def test_what_was_queued_does_not_change_with_its_source(self, commands: GatewayCommandStore) -> None:
        body = {"parameters": ["a"]}
        await commands.append("gw_1", "k", "start", body)
        body["parameters"].append("b")
        (row,) = await commands.after("gw_1", 0, 1)
        assert row.body == {"parameters": ["a"]}
