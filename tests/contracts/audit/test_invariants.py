"""The committed bytes, played against the ghost ledger of contracts/audit/invariants (docs/audit.md)."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.contracts.audit import walks
from tests.contracts.audit.campaign import CALLS, SEQUENCES, Campaign, Slice, report
from tests.contracts.audit.walks import CASES, MOVES, Walked, play_rules, walk
from tests.support import require_server
from tests.tooling.foundry import CONTRACTS, ForgeError, ForgeFailure, Verdict, missing_tools

RULES = 37


@pytest.fixture
def tools() -> None:
    """forge and the compiler."""
    reason = missing_tools()
    if reason is not None:
        require_server(reason)


def test_each_rule_holds(tools: None) -> None:
    verdicts = play_rules(CASES)
    assert {(verdict.kind, verdict.figures["runs"]) for verdict in verdicts} == {("Fuzz", CASES)}
    assert len(verdicts) == RULES, "a rule more or less: say so here"


def test_random_lives_keep_to_the_ghost_ledger(tools: None) -> None:
    """And every move is made in some of them, so that nothing holds for want of things that happen."""
    walked = walk(walks.SEQUENCES, walks.DEPTH)
    assert (walked.sequences, walked.calls) == (100, 2_400)
    assert {move: walked.made[move] for move in MOVES if walked.made[move] == 0} == {}
    assert 0 < walked.refused < walked.asked
    assert sum(walked.by_function.values()) >= 2_400
    assert walked.agreements > 200


class Played:
    """forge, saying that two sequences of three calls went well, but for what a test plants."""

    def __init__(self, lines: str, **wrong: int) -> None:
        self._lines = lines
        self._figures = {"runs": 2, "calls": 6, "reverts": 0, "metrics": {"Handler.claim": {"calls": 6}}} | wrong

    def __call__(self, suite: str, *, settings: Mapping[str, str], **how: object) -> list[Verdict]:
        """Writes the suite's lines: a letter is the number of agreements in one."""
        lines = [f"0x{ord(letter):08x}{'00000001' * (2 + len(MOVES))}" for letter in self._lines]
        (CONTRACTS / settings["ESCROW_TALLY"]).write_text("\n".join(lines))
        return [Verdict(suite, "invariant_x()", "Success", "", "Invariant", self._figures)]


def test_figures_of_forge_and_of_the_suite_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """forge plays the last sequence twice, and first of all what failed another time."""
    monkeypatch.setattr(walks, "forge_test", Played("ZABB"))
    walked = walk(2, 3)
    assert (walked.sequences, walked.calls, walked.agreements) == (2, 6, ord("A") + ord("B"))
    assert (walked.by_function, walked.made["novate"]) == ({"claim": 6}, 2)


@pytest.mark.parametrize(
    "played",
    [Played("ABB", runs=1), Played("ABB", calls=5), Played("ABB", reverts=1), Played("AB"), Played("ABC")],
)
def test_sequences_that_did_not_run_are_no_success(monkeypatch: pytest.MonkeyPatch, played: Played) -> None:
    """forge must have played what was wanted, and the suite have left a line at the end of each sequence."""
    monkeypatch.setattr(walks, "forge_test", played)
    with pytest.raises(ForgeError, match="were wanted"):
        walk(2, 3)


def test_a_campaign_goes_on_where_it_was_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, str | None]] = []

    def played(sequences: int, depth: int, *, profile: str, seed: str | None, timeout_s: float) -> Walked:
        asked.append((depth, seed))
        if len(asked) == 3:
            raise ForgeFailure([], str(seed))
        return Walked(1_000, depth, 1, 5, 2, {"claim": 2}, {"claim": 1}) + Walked(by_function={"claim": 2, "pass": 1})

    monkeypatch.setattr("tests.contracts.audit.campaign.walk", played)
    with pytest.raises(ForgeFailure):
        Campaign(tmp_path).go_on(lambda line: None)
    resumed = Campaign(tmp_path)
    assert [one.number for one in resumed.slices] == [0, 1]
    resumed.go_on(lambda line: None, 2)
    assert asked[3] == asked[2], "the slice that failed is played again, with its seed"
    assert len({seed for _, seed in asked}) == 4
    assert Campaign(tmp_path).total == resumed.total
    assert resumed.total.sequences == 4_000
    assert "| claim | 16 | 4 |" in report(resumed)


def test_a_campaign_ends_with_both_goals(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path)
    for calls, sequences in [(CALLS, SEQUENCES - 1), (CALLS - 1, SEQUENCES)]:
        campaign.slices = [Slice(0, "0x1", 8, Walked(sequences, calls))]
        assert not campaign.is_done
    campaign.slices = [Slice(0, "0x1", 8, Walked(SEQUENCES, CALLS))]
    assert campaign.is_done


@pytest.mark.nightly
def test_each_rule_holds_for_long(tools: None) -> None:
    play_rules(500, profile="campaign", timeout_s=1800)


@pytest.mark.nightly
def test_a_million_calls_and_a_hundred_thousand_ends(tools: None) -> None:
    """Goes on with the slices that an earlier night has left; one at least is new."""
    campaign = Campaign()
    campaign.go_on(print)
    print("\n".join(report(campaign)))
    assert campaign.is_done
    assert all(campaign.total.made[move] for move in MOVES)
