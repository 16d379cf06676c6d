"""Worlds whose chain forks: blocks on demand, and what the database makes of them."""

from collections.abc import Sequence

import pytest

from marketplace.application.chain_sync import sync_chain
from marketplace.application.relay import relay_due
from marketplace.ports.chain_cursor import Freeze, ReadingState
from tests.application.world import World

DEPTH = 4
"""Confirmations of these worlds."""


async def confirmed(world: World) -> str:
    """An order that is sent to the chain; its id."""
    order_id = await world.quoted()
    await world.confirm(order_id)
    while await relay_due(world.ctx):
        pass
    return order_id


async def mine(world: World, blocks: int = 1) -> None:
    """Empty blocks, each of them read."""
    for _ in range(blocks):
        world.chain.node.mine(world.chain.node.head.timestamp + 1)
        await sync_chain(world.ctx)


async def state(world: World) -> ReadingState:
    async with world.ctx.uow.read() as tx:
        return await tx.cursor.get()


async def frozen(world: World) -> Sequence[Freeze]:
    async with world.ctx.uow.read() as tx:
        return await tx.freezes.open()


async def applied(world: World) -> list[tuple[str, int]]:
    """(block hash, log index) of every event that counts."""
    rows = await world.rows("SELECT block_hash, log_index FROM chain_events WHERE applied AND NOT orphaned")
    return [(row.block_hash, row.log_index) for row in rows]


async def effects(world: World, order_id: str) -> list[str]:
    """The order's effects that wait."""
    rows = await world.rows("SELECT order_id, kind FROM outbox WHERE status = 'waiting'")
    return [row.kind for row in rows if row.order_id == order_id]


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.alarm for record in caplog.records if hasattr(record, "alarm")]
