"""The chain is the truth: read in order, once, and never past a fork."""

from dataclasses import replace

import pytest

from marketplace.application.chain_sync import BLOCKS_AT_ONCE, sync_chain
from marketplace.application.relay import relay_due
from marketplace.domain.agreement import AgreementStatus
from marketplace.domain.order import Status
from marketplace.ports.chain import ChainUnavailable
from marketplace.ports.chain_cursor import Mark
from tests.application.faults import Crash, Faults, first_time
from tests.application.world import World


async def cursor(world: World) -> tuple[int, str] | None:
    async with world.ctx.uow.read() as tx:
        state = await tx.cursor.get()
    assert state.read == state.final  # without confirmations what is read is final
    return None if state.read is None else (state.read.number, state.read.hash)


@pytest.mark.req(80)
async def test_the_cursor_moves_to_the_head_and_not_over_it(world: World) -> None:
    assert await cursor(world) is None
    await sync_chain(world.ctx)
    head = await world.chain.head()
    assert await cursor(world) == (head.number, head.hash)
    assert await sync_chain(world.ctx) == 0


async def test_a_long_absence_is_read_in_pieces(world: World) -> None:
    order_id = await world.quoted()
    await world.confirm(order_id)
    while await relay_due(world.ctx):
        pass
    for _ in range(2 * BLOCKS_AT_ONCE):
        world.chain.node.mine(world.chain.node.head.timestamp + 1)
    assert await sync_chain(world.ctx) > 0
    assert (await cursor(world) or (0, ""))[0] == world.chain.node.head.number
    assert await world.status(order_id) is Status.CONTRACTED


async def test_what_was_applied_is_not_applied_again_after_a_crash(world: World) -> None:
    order_id = await world.quoted()
    await world.confirm(order_id)
    while await relay_due(world.ctx):
        pass
    before = await cursor(world)
    for prefix in ("before commit", "after commit"):
        faults = Faults(first_time(prefix))
        with pytest.raises(Crash):
            await sync_chain(faults.around(world.ctx))
        if prefix == "before commit":
            assert await cursor(world) == before
            assert await world.status(order_id) is Status.CONFIRMED
    await sync_chain(world.ctx)
    assert (await world.events(order_id)).count("AgreementsOpened") == 1


async def test_a_log_seen_in_another_reading_counts_once(world: World) -> None:
    order_id = await world.contracted()
    agreements = await world.agreements(order_id)
    async with world.ctx.uow.write() as tx:
        state = await tx.cursor.get()
        first = Mark(0, world.chain.node.blocks[0].hash)
        await tx.cursor.save(replace(state, read=first, final=first))
    assert await sync_chain(world.ctx) == 0
    assert await world.agreements(order_id) == agreements
    assert (await world.events(order_id)).count("AgreementsOpened") == 1


async def test_an_unreachable_node_changes_nothing(world: World) -> None:
    await world.contracted()
    before = await cursor(world)
    world.chain.node.is_away = True
    with pytest.raises(ChainUnavailable):
        await sync_chain(world.ctx)
    assert await cursor(world) == before


async def test_agreements_of_others_are_left_alone(world: World) -> None:
    order_id = await world.quoted()
    await world.confirm(order_id)
    while await relay_due(world.ctx):
        pass
    world.chain.node.events[:] = [
        replace(event, agreement_id="0x" + "99" * 32, name=event.name) for event in world.chain.node.events
    ]
    await sync_chain(world.ctx)
    assert await world.status(order_id) is Status.CONFIRMED
    assert {item.status for item in await world.agreements(order_id)} == {AgreementStatus.SIGNED}
