"""What is no load any more, as a node tells it, on real contracts; and what a node that is no good cannot change."""

from typing import Any

import pytest

from bootstrap.signing.limits import Limits
from bootstrap.signing.node import LAPSED_S, no_load
from contracts.bindings.agreement import State
from contracts.errors import NodeUnavailable
from contracts.terms import Terms
from contracts.verification.node import Doubted
from tests.bootstrap.signing.asking import limits
from tests.contracts.conftest import deployed, world
from tests.contracts.world import CHAIN_ID, World

__all__ = ["deployed", "world"]


def here(world: World, **changes: Any) -> Limits:
    """Limits for the contracts of this world."""
    return limits(**({"chain_id": CHAIN_ID, "factory": world.book.factory.lower()} | changes))


async def lightened(world: World, *promised: Terms) -> bool:
    """Whether none of these is a load; else all of them are."""
    found = await no_load(Doubted(world.rpc), here(world), promised)
    assert found in (set(), {"0x" + world.id(one).hex() for one in promised})
    return bool(found)


async def test_terms_that_never_opened_are_a_load_as_long_as_they_can_be_opened(world: World) -> None:
    terms = world.delivery_terms(supplies=0)
    for seconds, is_over in ((terms.fund_by - 1, False), (terms.fund_by + LAPSED_S, False)):
        world.rpc.warp(seconds)
        assert await lightened(world, terms) is is_over
    world.rpc.warp(terms.fund_by + LAPSED_S + 1)
    assert await lightened(world, terms)


@pytest.mark.parametrize("state", [State.OPEN, State.DELIVERED, State.RETAINED, State.DISPUTED, State.REFUNDED])
async def test_what_is_open_is_a_load_until_it_is_delivered_or_ended(world: World, state: State) -> None:
    terms = await world.open_lone()
    world.rpc.warp(terms.fund_by + LAPSED_S + 1)
    await world.bring_to(terms, state)
    assert await lightened(world, terms) is (state not in (State.OPEN, State.DISPUTED))


async def test_a_node_of_another_chain_or_without_the_contracts_says_nothing(world: World) -> None:
    terms = world.delivery_terms(supplies=0)
    with pytest.raises(NodeUnavailable, match=f"chain {CHAIN_ID}, not of 5"):
        await no_load(Doubted(world.rpc), here(world, chain_id=5), [terms])
    with pytest.raises(NodeUnavailable, match="not what an agreement factory says"):
        await no_load(Doubted(world.rpc), here(world, factory="0x" + "99" * 20), [terms])
