"""The stores of adapters: nonces without doubles, bytes that never change, commands in order and once."""

import asyncio

import pytest

from marketplace.domain.errors import NotFound
from marketplace.ports.fakes.stores import FakeChainTransactionStore, FakeGatewayCommandStore
from marketplace.ports.stores import ChainTransaction, ChainTransactionStore, GatewayCommand, GatewayCommandStore

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
        first = await transactions.reserve("open:1", SIGNER, 7)
        assert first == ChainTransaction("open:1", SIGNER, 7)
        assert await transactions.reserve("open:1", SIGNER, 99) == first == await transactions.find("open:1")
        assert (await transactions.reserve("open:2", SIGNER.lower(), 7)).nonce == 8
        assert (await transactions.reserve("open:3", SIGNER, 20)).nonce == 20
        assert (await transactions.reserve("open:4", OTHER, 0)).nonce == 0

    async def test_many_at_once_take_different_nonces(self, transactions: ChainTransactionStore) -> None:
        kept = await asyncio.gather(*(transactions.reserve(f"k{n % 10}", SIGNER, 3) for n in range(30)))
        assert sorted({row.nonce for row in kept}) == list(range(3, 13))

    async def test_the_bytes_stored_first_win(self, transactions: ChainTransactionStore) -> None:
        await transactions.reserve("open:1", SIGNER, 0)
        signed = ChainTransaction("open:1", SIGNER, 0, "0xraw", "0xhash")
        assert await transactions.signed("open:1", "0xraw", "0xhash") == signed
        assert await transactions.signed("open:1", "0xother", "0xotherhash") == signed

    @pytest.mark.parametrize("outcome", ["mined", "failed"])
    async def test_an_outcome_ends_the_waiting(self, transactions: ChainTransactionStore, outcome: str) -> None:
        for number in (2, 0, 1):
            await transactions.reserve(f"k{number}", SIGNER, number)
        await transactions.reserve("foreign", OTHER, 0)
        await transactions.settle("k2", outcome)
        waiting = await transactions.pending(SIGNER.upper().replace("X", "x"))
        assert [row.key for row in waiting] == ["k0", "k1"]
        assert [row.nonce for row in waiting] == sorted(row.nonce for row in waiting)
        settled = await transactions.find("k2")
        assert settled is not None
        assert settled.outcome == outcome

    async def test_no_other_word_is_an_outcome(self, transactions: ChainTransactionStore) -> None:
        await transactions.reserve("k", SIGNER, 0)
        with pytest.raises(Exception, match=r"outcome"):
            await transactions.settle("k", "lost")
        assert [row.key for row in await transactions.pending(SIGNER)] == ["k"]

    async def test_an_unknown_key_is_not_found(self, transactions: ChainTransactionStore) -> None:
        with pytest.raises(NotFound):
            await transactions.signed("nothing", "0x", "0x")
        with pytest.raises(NotFound):
            await transactions.settle("nothing", "mined")


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
