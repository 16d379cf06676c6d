"""Random schedules of a forking chain, many hundreds at night; the same seed gives the same schedule."""

import pytest

from marketplace.application import chain_sync
from marketplace.application.chain_reading import BranchChanged
from tests.application.conftest import Open
from tests.application.schedules import Outcome, run_schedules

SEED = 20_26


async def run(opening: Open, count: int, *, policy: int = 4, depth: int = 4, deepest: int = 0) -> Outcome:
    """Schedules as for `depth` confirmations on a world that waits for `policy`."""
    async with opening(confirmations=policy) as world:
        return await run_schedules(world, count, seed=SEED, depth=depth, deepest=deepest)


@pytest.mark.req(80)
@pytest.mark.parametrize("depth", [1, 4, 12])
async def test_forks_shallower_than_the_policy_make_no_false_final(opening: Open, depth: int) -> None:
    found = await run(opening, 25, policy=depth, depth=depth)
    assert found.violations == []
    assert (found.schedules, found.false_finals, found.deep, found.thawed) == (25, 0, 0, 0)
    assert found.forks > 15
    assert found.events > 50


async def test_deeper_forks_are_noticed_every_time(opening: Open) -> None:
    found = await run(opening, 40, deepest=8)
    assert found.violations == []
    assert found.deep > 3
    assert found.false_finals > 3
    assert found.thawed > 3


@pytest.mark.nightly
@pytest.mark.parametrize("deepest", [0, 4])
async def test_a_thousand_schedules(opening: Open, deepest: int) -> None:
    found = await run(opening, 1_000, deepest=deepest)
    assert found.violations == []
    assert (found.false_finals > 0) is (deepest > 0)


async def test_confirmations_fewer_than_the_fork_are_too_few(opening: Open) -> None:
    """Negative control: the same schedules on a shallower policy show false finals."""
    found = await run(opening, 20, policy=1)
    assert found.false_finals > 0


async def test_without_a_walk_back_the_schedules_fail(opening: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: a reader that does not look at what it has read is caught."""

    async def never(*_: object) -> bool:
        return False

    monkeypatch.setattr(chain_sync, "has_forked", never)
    try:
        found = await run(opening, 20)
    except BranchChanged:
        return  # it cannot even go on reading
    assert found.violations
