"""Negative controls: the attacks of `test_cheating.py` on contracts whose checks are taken out.

Each attack that the real contracts refuse breaks its bound here. So it is the check that stops it, and not a mistake in
the attack. Checks that do not touch each other's attacks are taken out together, as compiling takes seconds; the long
version takes out one alone.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.contracts.cheats import by_customer, by_maker, by_others
from tests.contracts.cheats.row import ROWS, Row
from tests.contracts.conftest import deploy_and_fund
from tests.contracts.weakened import weakened
from tests.contracts.world import LocalRpc, World

assert ROWS, (by_customer, by_maker, by_others)

GROUPS = {
    "opening": [
        *("forges_everything", "supplier_forges", "own_carrier", "own_witness", "opens_a_part", "relayer_alone"),
        *("relayer_and_maker", "restarts_the_cap", "asks_for_a_second_advance", "claims_before_a_novation"),
        *("forges_and_is_contested", "claims_last_second", "claims_before_a_cancellation", "silent_about_lateness"),
        *("decides_by_the_old_question", "disputes_before_it_ships", "replays_the_secret", "renews_what_is_delivered"),
    ],
    "words": [
        *("forges_the_witness", "shows_evidence_twice", "guesses_the_secret", "forges_the_carrier", "splits_alone"),
        *("relayer_consents", "nobody_signs", "takes_the_secret", "silent_arbiter"),
        *("maker_and_arbiter_without_a_dispute", "maker_and_carrier"),
    ],
    "clocks": [
        *("cancels_after_taking_it", "complains_of_good_goods", "contests_what_matured", "customer_and_arbiter"),
        *("complains_too_late", "decides_too_late", "refunds_early", "holds_the_carrier_back"),
    ],
    "handover": ["hides_the_secret", "disputes_before_the_delivery"],
}
BY_NAME = {row.name: row for row in ROWS}


def test_every_row_has_its_control() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(BY_NAME)


async def _breaks_its_bound(row: Row, folder: Path) -> None:
    rpc = LocalRpc(folder)
    try:
        lost = await row.attack(World(rpc, await deploy_and_fund(rpc)))
    finally:
        rpc.node.close()
    print(row.says(lost), "without", row.cut.check)
    assert lost > row.at_most


@pytest.fixture(scope="module")
def group(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The contracts without the checks of a group."""
    names = GROUPS[request.param]
    with weakened(tmp_path_factory, request.param, [BY_NAME[name].cut for name in names]):
        yield


@pytest.mark.parametrize(
    ("group", "name"),
    [pytest.param(group, name, id=name) for group, names in GROUPS.items() for name in names],
    indirect=["group"],
)
async def test_without_its_check_the_bound_breaks(group: None, name: str, tmp_path: Path) -> None:
    await _breaks_its_bound(BY_NAME[name], tmp_path)


@pytest.fixture
async def alone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Row]:
    """A row, and the contracts without its check only."""
    row = BY_NAME[request.param]
    with weakened(tmp_path_factory, row.name, [row.cut]):
        yield row


@pytest.mark.nightly
@pytest.mark.parametrize("alone", BY_NAME, indirect=True)
async def test_each_check_alone_holds_its_bound(alone: Row, tmp_path: Path) -> None:
    await _breaks_its_bound(alone, tmp_path)
