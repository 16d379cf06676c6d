"""What adapters remember: nonces without gaps or doubles, bytes that never change, commands in order."""

import asyncio

import pytest

from marketplace.domain.errors import InvalidInput, NotFound
from marketplace.persistence.database import Database
from marketplace.ports.stores import ChainTransaction, GatewayCommand
from tests.persistence.databases import opened

SIGNER, OTHER = "0xAb" + "00" * 19, "0xCd" + "00" * 19


async def test_a_key_has_one_transaction(db: Database) -> None:
    store = db.chain_transactions()
    assert await store.find("open:1") is None
    first = await store.reserve("open:1", SIGNER, 7)
    assert first == ChainTransaction("open:1", SIGNER, 7)
    assert await store.reserve("open:1", SIGNER, 99) == first
    assert (await store.reserve("open:2", SIGNER.lower(), 7)).nonce == 8
    assert (await store.reserve("open:3", SIGNER, 20)).nonce == 20
    assert (await store.reserve("open:4", SIGNER, 0)).nonce == 21
    assert (await store.reserve("open:5", OTHER, 0)).nonce == 0


async def test_the_bytes_stored_first_win(db: Database) -> None:
    store = db.chain_transactions()
    await store.reserve("open:1", SIGNER, 0)
    signed = await store.signed("open:1", "0xraw", "0xhash")
    assert signed == ChainTransaction("open:1", SIGNER, 0, "0xraw", "0xhash")
    assert await store.signed("open:1", "0xother", "0xotherhash") == signed
    assert await store.find("open:1") == signed


async def test_pending_ends_with_an_outcome(db: Database) -> None:
    store = db.chain_transactions()
    for number in range(3):
        await store.reserve(f"k{number}", SIGNER, 5)
    await store.reserve("foreign", OTHER, 5)
    await store.signed("k1", "0xraw", "0xhash")
    await store.settle("k1", "mined")
    assert [pending.key for pending in await store.pending(SIGNER.upper().replace("X", "x"))] == ["k0", "k2"]
    settled = await store.find("k1")
    assert settled is not None
    assert settled.outcome == "mined"


async def test_an_unknown_key_is_said_to_be_unknown(db: Database) -> None:
    store = db.chain_transactions()
    with pytest.raises(NotFound):
        await store.signed("nothing", "0x", "0x")
    with pytest.raises(NotFound):
        await store.settle("nothing", "mined")
    with pytest.raises(InvalidInput, match="key"):
        await store.reserve("a\x00b", SIGNER, 0)


async def test_nonces_reserved_at_the_same_time_are_all_different(url: str) -> None:
    """Two processes' worth of connections on one database: no duplicate, no gap, no lock error."""
    async with opened(url) as one, opened(url) as two:
        stores = (one.chain_transactions(), two.chain_transactions())
        asked = [stores[number % 2].reserve(f"k{number // 3}", SIGNER, 10) for number in range(60)]
        reserved = await asyncio.gather(*asked)
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
