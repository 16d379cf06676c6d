"""An order that a fork froze goes on when an operator says so, as the chain then stands."""

import pytest

from marketplace.application import thaw_order as thaw_order_module
from marketplace.application.chain_sync import sync_chain
from marketplace.application.thaw_order import FrozenOrder, frozen_orders, thaw_order
from marketplace.domain.agreement import AgreementStatus
from marketplace.domain.errors import Conflict, InvalidTransition, NotFound
from marketplace.domain.order import Status
from tests.application.world import World

# A world without confirmations: every fork that takes away an event freezes its order.


async def frozen(world: World) -> list[FrozenOrder]:
    async with world.ctx.uow.read() as tx:
        return list(await frozen_orders(tx))


async def take_away(world: World, *names: str) -> None:
    """The chain loses the blocks from the first event of these names on, and every transaction in them, for now."""
    node = world.chain.node
    first = min(event.block for event in node.events if event.name in names)
    node.roll_back(len(node.blocks) - first)
    node.mine(node.head.timestamp + 60)
    await sync_chain(world.ctx)


async def claimed(world: World) -> str:
    """An order whose first supplier's machine has proved its parts; its id."""
    order_id = await world.contracted()
    await world.make("amp")
    await world.work()
    assert "claimed" in {event.name for event in world.chain.node.events}
    return order_id


async def test_an_order_that_is_not_frozen_cannot_be_thawed(world: World) -> None:
    order_id = await world.contracted()
    for name in (order_id, "ord_none"):
        with pytest.raises(NotFound):
            await thaw_order(world.ctx, name)


async def test_what_came_back_at_another_time_needs_a_word_and_is_not_repeated(world: World) -> None:
    order_id = await claimed(world)
    told, agreements = await world.events(order_id), await world.agreements(order_id)
    claims = len([event for event in world.chain.node.events if event.name == "claimed"])
    await take_away(world, "claimed")
    (before,) = await frozen(world)
    assert (before.order_id, before.back, len(before.missing)) == (order_id, 0, claims)
    with pytest.raises(Conflict, match=r"not on the chain again: claimed \(matures_at "):
        await thaw_order(world.ctx, order_id)
    await world.chain.reconcile()
    await sync_chain(world.ctx)
    (there,) = await frozen(world)  # the claims stand again, sixty seconds later: not word for word
    assert (there.missing, there.back) == ((), claims)
    done = await thaw_order(world.ctx, order_id)
    assert (done.back, done.applied, done.given_up, done.refused) == (claims, 0, (), ())
    assert await frozen(world) == []
    assert await world.events(order_id) == told
    after = await world.agreements(order_id)
    assert [one.status for one in after] == [one.status for one in agreements]
    assert [one.payouts for one in after] == [one.payouts for one in agreements]
    moved = [
        (new.milestone_states[index][1] - at) // 1000
        for old, new in zip(agreements, after, strict=True)
        for index, (state, at) in old.milestone_states.items()
        if state == "proved"
    ]
    assert len(moved) == claims
    assert all(60 <= seconds <= 70 for seconds in moved)
    # What the payee waits for waits for the new instants too.
    kept = await world.rows("SELECT not_before FROM outbox WHERE kind = 'pay_out' AND key LIKE 'sweep:%:%:%'")
    assert len(kept) == claims


async def test_the_story_goes_on_after_a_thaw(world: World) -> None:
    order_id = await claimed(world)
    await take_away(world, "claimed")
    await world.chain.reconcile()
    await sync_chain(world.ctx)
    await thaw_order(world.ctx, order_id)
    await world.report("reconcavo", "started", "finished")
    await world.work()
    assert await world.sign_open("carrier") == 2
    await world.work()
    assert await world.status(order_id) is not Status.CONTRACTED
    assert await world.parked() == []


async def test_a_contract_that_is_gone_is_given_up_only_by_word(world: World) -> None:
    order_id = await world.contracted()
    await take_away(world, "opened")
    world.chain.node._stored.clear()  # and nobody sends it again
    with pytest.raises(Conflict, match="opened"):
        await thaw_order(world.ctx, order_id)
    assert len(await frozen(world)) == 1
    done = await thaw_order(world.ctx, order_id, give_up=True)
    assert any(words.startswith("opened (") for words in done.given_up)
    assert {one.status for one in await world.agreements(order_id)} == {AgreementStatus.SIGNED}
    assert await frozen(world) == []
    assert await world.rows("SELECT 1 FROM chain_events WHERE orphaned") == []


async def test_what_happened_only_on_the_new_branch_counts_from_then_on(world: World) -> None:
    order_id = await claimed(world)
    await take_away(world, "claimed")
    node = world.chain.node
    agreement = (await world.agreements(order_id))[0]
    node.submit("a stranger's", lambda ledger, _: ledger.say(agreement.id, "contested", milestone=1))
    await world.chain.reconcile()
    await sync_chain(world.ctx)
    assert (await world.agreements(order_id))[0].milestone_states.get(1) != ("contested", 0)
    done = await thaw_order(world.ctx, order_id)
    assert done.applied == 1
    assert (await world.agreements(order_id))[0].milestone_states[1][0] == "contested"


async def test_an_order_that_cannot_follow_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise InvalidTransition("contracted", "be delivered")

    order_id = await claimed(world)
    await take_away(world, "claimed")
    delivery = (await world.agreements(order_id))[0]
    world.chain.node.submit("impossible", lambda ledger, now: ledger.say(delivery.id, "delivered", at=now))
    await world.chain.reconcile()
    await sync_chain(world.ctx)
    monkeypatch.setattr(thaw_order_module, "apply_event", refuse)
    done = await thaw_order(world.ctx, order_id)
    assert (done.applied, len(done.refused)) == (0, 1)
    assert "an order that is contracted cannot be delivered" in done.refused[0]
    assert await world.rows("SELECT 1 FROM chain_events WHERE NOT applied") == []
