"""What adapters remember: nonces without gaps or doubles, bytes that never change, commands in order."""

import asyncio
from datetime import UTC, datetime

import pytest

from marketplace.domain.errors import InvalidInput, NotFound
from marketplace.persistence.database import Database
from marketplace.ports.stores import ChainAttempt, ChainTransaction, GatewayCommand
from tests.persistence.databases import opened

NOW = datetime(2031, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
SIGNER = "0xAb" + "00" * 19


async def test_a_key_has_one_transaction_with_everything_signed_for_it(db: Database) -> None:
    store = db.chain_transactions()
    (first,) = await store.reserve(["open:1"], SIGNER, 7, NOW)
    assert await store.reserve(["open:1"], SIGNER, 99, NOW) == [first] == [ChainTransaction("open:1", SIGNER, 7, NOW)]
    attempts = tuple(ChainAttempt(f"0xhash{n}", f"0xraw{n}", 10**15 + n, n, NOW) for n in (1, 2))
    for number, one in enumerate(attempts, 1):
        await store.signed([("open:1", number, one.raw, one.hash, one.max_fee, one.tip, one.at)])
    (stored,) = await store.signed([("open:1", 2, "0xother", "0xother", 1, 1, NOW)])
    assert stored == ChainTransaction("open:1", SIGNER, 7, NOW, attempts)
    assert await store.pending(SIGNER.lower()) == [stored]
    await store.settle([("open:1", "mined", 2**40)])
    (settled,) = await store.settled_from(SIGNER, 7)
    assert (settled.outcome, settled.block, settled.attempts) == ("mined", 2**40, attempts)
    assert await store.pending(SIGNER) == []


async def test_bytes_stored_at_the_same_time_win_once(url: str) -> None:
    """Two processes sign for one nonce: both read back the same."""
    async with opened(url) as one, opened(url) as two:
        stores = (one.chain_transactions(), two.chain_transactions())
        await stores[0].reserve(["k"], SIGNER, 0, NOW)
        given = [stores[n % 2].signed([("k", 1, f"0xraw{n}", f"0xhash{n}", 8, 1, NOW)]) for n in range(20)]
        assert len({row.attempts for (row,) in await asyncio.gather(*given)}) == 1


async def test_an_unknown_key_is_said_to_be_unknown(db: Database) -> None:
    store = db.chain_transactions()
    with pytest.raises(NotFound):
        await store.signed([("nothing", 1, "0x", "0x", 2, 1, NOW)])
    for nothing in (store.settle([("nothing", "mined", None)]), store.reopen("nothing")):
        with pytest.raises(NotFound):
            await nothing
    with pytest.raises(InvalidInput, match="key"):
        await store.reserve(["a\x00b"], SIGNER, 0, NOW)


async def test_nonces_reserved_at_the_same_time_are_all_different(url: str) -> None:
    """Two processes' worth of connections on one database: no duplicate, no gap, no lock error."""
    async with opened(url) as one, opened(url) as two:
        stores = (one.chain_transactions(), two.chain_transactions())
        asked = [stores[number % 2].reserve([f"k{number // 3}"], SIGNER, 10, NOW) for number in range(60)]
        reserved = [row for (row,) in await asyncio.gather(*asked)]
        assert {transaction.nonce for transaction in reserved} == set(range(10, 30))
        assert len({(transaction.key, transaction.nonce) for transaction in reserved}) == 20
        assert len(await one.chain_transactions().pending(SIGNER)) == 20


@pytest.mark.req(97, 108)
async def test_commands_are_queued_once_and_read_in_order(db: Database) -> None:
    store = db.gateway_commands()
    body = {"job": {"id": "job_1", "parameters": [{"id": "depth", "value": "20"}]}, "chain_id": 2**60}
    await store.append("gw_1", "job_1", "dispatch", body)
    await store.append("gw_2", "job_1", "dispatch", {})
    await store.append("gw_1", "job_1", "dispatch", {"other": "body"})
    await store.append("gw_1", "job_2", "dispatch", {})
    first, second = await store.after("gw_1", 0, 10)
    assert first == GatewayCommand(first.id, "gw_1", "dispatch", body)
    assert second.id > first.id
    assert await store.after("gw_1", first.id, 10) == [second]
    assert await store.after("gw_1", 0, 1) == [first]
    assert await store.after("gw_1", second.id, 10) == []
