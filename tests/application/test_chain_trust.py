"""Whose word counts: another chain, a second node that disagrees, what an older version has read."""

from dataclasses import replace

import pytest

from marketplace.application.chain_sync import sync_chain
from marketplace.application.relay import relay_due
from marketplace.domain.order import Status
from marketplace.ports.chain import ChainDistrusted, ChainUnavailable
from marketplace.ports.chain_cursor import ReadingState
from tests.application.forked import DEPTH, alarms, applied, effects, mine, state
from tests.application.world import World


async def test_another_chain_is_not_believed(deep: World, sent: str, caplog: pytest.LogCaptureFixture) -> None:
    await mine(deep, DEPTH)
    before = await state(deep), await deep.rows("SELECT * FROM chain_events"), await deep.rows("SELECT * FROM orders")
    mine_, stranger = (
        deep.chain.node.blocks[:],
        [replace(one, hash="0x" + one.hash[:1:-1]) for one in deep.chain.node.blocks],
    )
    deep.chain.node.blocks[:] = stranger
    for _ in range(2):
        with pytest.raises(ChainDistrusted, match="another chain"):
            await sync_chain(deep.ctx)
    after = await state(deep), await deep.rows("SELECT * FROM chain_events"), await deep.rows("SELECT * FROM orders")
    assert "another chain" in (after[0].distrust or "")
    assert (replace(after[0], distrust=None), *after[1:]) == before
    assert alarms(caplog) == ["chain-distrusted"]  # told once, not at every poll
    deep.chain.node.blocks[:] = mine_
    await sync_chain(deep.ctx)
    assert (await state(deep)).distrust is None


async def test_a_second_node_that_disagrees_stops_what_is_final(
    deep: World, sent: str, caplog: pytest.LogCaptureFixture
) -> None:
    await sync_chain(deep.ctx)
    liar = type(deep.chain)().node
    deep.chain.witness = liar
    deep.chain.node.mine(deep.chain.node.head.timestamp + DEPTH + 1)
    for _ in range(DEPTH):
        deep.chain.node.mine(deep.chain.node.head.timestamp + 1)
    with pytest.raises(ChainUnavailable, match="has no block") as missing:
        await sync_chain(deep.ctx)
    assert not isinstance(missing.value, ChainDistrusted)
    while len(liar.blocks) < len(deep.chain.node.blocks):
        liar.mine(liar.head.timestamp + 1)
    with pytest.raises(ChainDistrusted, match="another block"):
        await sync_chain(deep.ctx)
    assert await applied(deep) == []
    assert await deep.status(sent) is Status.CONFIRMED
    assert alarms(caplog) == ["chain-distrusted"]
    deep.chain.witness = deep.chain.node
    await sync_chain(deep.ctx)
    assert await deep.status(sent) is Status.CONTRACTED


async def test_no_transaction_is_sent_while_the_node_is_not_believed(deep: World) -> None:
    """Whichever process distrusts it: effects on the chain wait without an attempt, all others go on."""
    order_id = await deep.quoted()
    await deep.confirm(order_id)
    deep.chain.node.why_not = "it lies"
    with pytest.raises(ChainDistrusted):
        await sync_chain(deep.ctx)
    deep.chain.node.why_not = None
    while await relay_due(deep.ctx):
        pass
    rows = await deep.rows("SELECT order_id, kind, attempts FROM outbox WHERE status = 'waiting'")
    assert ("open_agreements", 0) in [(row.kind, row.attempts) for row in rows if row.order_id == order_id]
    assert "notify" not in await effects(deep, order_id)
    await sync_chain(deep.ctx)
    while await relay_due(deep.ctx):
        pass
    assert "open_agreements" not in await effects(deep, order_id)
    await mine(deep, DEPTH + 1)
    assert await deep.status(order_id) is Status.CONTRACTED


async def test_what_an_older_version_read_is_known_without_effect(world: World) -> None:
    """After the migration there is a final mark, and no events; they are read again and applied to nothing."""
    order_id = await world.contracted()
    agreements, known = await world.agreements(order_id), await state(world)
    async with world.ctx.uow.write() as tx:
        await tx.cursor.drop(await tx.cursor.between(0, 10**6))
        await tx.cursor.save(ReadingState(final=known.final))
    assert await sync_chain(world.ctx) == 0
    assert await world.agreements(order_id) == agreements
    assert await state(world) == replace(known, head_number=None, head_at=None)
    assert sorted(await applied(world)) == sorted((one.block_hash, one.log_index) for one in world.chain.node.events)
