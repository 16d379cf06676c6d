"""Bugs planted in the contracts are caught by the suites; without one the same build passes (docs/audit.md)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.audit.bugs import BUGS, Bug
from tests.contracts.audit.kill_table import Catch, Caught, Planter, judge_all, planter, play, row
from tests.contracts.weakened import Cut
from tests.support import require_server
from tests.tooling.foundry import missing_tools

FEW = [
    "a milestone pays again at each move",
    "one party splits alone",
    "the customer pays twice for what its advance bought",
]


@pytest.fixture(scope="module")
def planting() -> Iterator[Planter]:
    """What plants bugs; needs forge and the compiler."""
    reason = missing_tools()
    if reason is not None:
        require_server(reason)
    with planter() as one:
        yield one


def test_a_few_bugs_are_caught_by_the_walks(planting: Planter) -> None:
    bugs = {bug.what: bug for bug in BUGS}
    caught = {what: play(planting.plant(bugs[what]), "invariant_") for what in FEW}
    assert [what for what in FEW if not caught[what]] == []
    assert all(catch.by_walks and catch.after < 2_400 for catches in caught.values() for catch in catches)


def test_with_nothing_planted_the_same_build_passes(planting: Planter) -> None:
    """The control of the planting itself: pipeline, folder and settings are no bug."""
    assert play(planting.plant(None), "invariant_|aMilestonePaysOnce") == ()


def test_each_bug_has_its_place_in_the_sources() -> None:
    """Else the night would fail at it: an edit of the contracts may move what a bug changes."""
    sources = Path(__file__).parents[3] / "contracts"
    for bug in BUGS:
        text = (sources / bug.cut.source).read_text()
        assert bug.cut.apply(text) != text
    assert len({bug.what for bug in BUGS}) == len(BUGS) >= 16


def test_a_bug_without_a_place_is_an_error(planting: Planter) -> None:
    with pytest.raises(AssertionError, match="has 0 such checks"):
        planting.plant(Bug("no such thing", Cut("src/AgreementCore.sol", "if (no such thing)")))


def test_a_row_says_who_caught_it() -> None:
    rule, walks = Catch("testFuzz_aRule", 3, 0.1, "why"), Catch("invariant_theLedger", 1_234, 2.04, "why")
    assert row(Caught("a", "", (rule, rule, walks))) == "| a | aRule and 1 more | 3 | 1,234 calls | 2.0 s |"
    at_an_end = Catch("invariant_theLedger", 2_400, 2.04, "why")
    assert row(Caught("a", "", (at_an_end,))) == "| a | – | – | at an end | 2.0 s |"
    assert row(Caught("a", "", ())) == "| a | – | – | – | – |"


@pytest.mark.nightly
def test_every_bug_is_caught(planting: Planter) -> None:
    """What an earlier night has shown of the same code and suites is not played again."""
    control, rows = judge_all(print)
    assert control.catches == ()
    assert [one.what for one in rows if not one.catches] == []
