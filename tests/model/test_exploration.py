"""All money comes out of every agreement, from wherever it stands, though everybody but strangers is silent for ever.

Every scene that the moves of all parties and time can bring about is visited. A way out that needs nobody's word is
open whoever is silent, so "all of them" is the hardest case of all subsets; the platform is among the strangers.
"""

import random
from dataclasses import replace

import pytest

from marketplace.domain.agreement import OnChain
from tests.model.page import Page, rows_of
from tests.model.scenes import FEES, PARTIES, START, Scene, Setting, check_money, first, steps, terms
from tests.model.search import Graph, explore, explored
from tests.model.settings import LONG, SHORT

EXITS = {
    "finalise": OnChain.DELIVERED,
    "release": OnChain.RETAINED,
    "refund": OnChain.OPEN,
    "timeout": OnChain.DISPUTED,
    "withdraw": OnChain.RESOLVED,
}
"""What time or a stranger alone does, and a state that the money could not leave without it."""
each = pytest.mark.parametrize("setting", SHORT, ids=lambda setting: setting.name)


def _check(graph: Graph, silent: frozenset[str]) -> int:
    """The latest second in which somebody may have to wait for the money."""
    found = graph.soonest(silent)
    stuck = [scene for number, scene in enumerate(graph.scenes) if number not in found]
    assert not stuck, stuck[-1]
    latest = max(found.values())
    assert latest <= graph.setting.horizon
    return latest


@each
def test_all_money_comes_out_whoever_is_silent(setting: Setting) -> None:
    graph = explored(setting)
    latest = _check(graph, frozenset(PARTIES))
    _says(graph, latest)
    # The bound is no guess: somebody can really be made to wait that long.
    assert latest == (setting.thaws or 0 if _waits_for_the_token(setting) else setting.horizon)
    dice = random.Random(setting.name)
    some = [frozenset(dice.sample(PARTIES, dice.randint(2, len(PARTIES)))) for _ in range(4)]
    for silent in [frozenset({party}) for party in PARTIES] + some:
        assert _check(graph, silent) <= latest
    _check(graph, frozenset())


def _waits_for_the_token(setting: Setting) -> bool:
    return setting.thaws == setting.horizon


def _says(graph: Graph, latest: int) -> None:
    print(
        f"{graph.setting.name}: {len(graph.scenes):,} scenes, {graph.transitions:,} transitions, all money is out "
        f"{latest - START:,} s after the opening at the latest (bound {graph.setting.horizon - START:,} s)"
    )


@pytest.mark.nightly
@pytest.mark.parametrize("setting", LONG, ids=lambda setting: setting.name)
def test_all_money_comes_out_of_larger_agreements(setting: Setting) -> None:
    graph = explore(setting)
    _says(graph, _check(graph, frozenset(PARTIES)))
    assert graph.rows <= _all_rows()


@pytest.mark.parametrize("removed", EXITS)
def test_without_an_exit_somebody_is_stuck(removed: str) -> None:
    stuck = [scene for setting in SHORT for scene in explored(setting).stuck(PARTIES, {removed})]
    assert stuck, "the check would not notice"
    states = {books.state for scene in stuck for books in scene.books}
    assert EXITS[removed] in states
    [last, *_] = sorted(stuck, key=lambda scene: -scene.now)
    print(
        f"without {removed}: {len(stuck):,} scenes are stuck, such as {last.state} with {last.books[-1].held:,} units"
    )


def test_a_slow_exit_breaks_the_bound() -> None:
    hasty = replace(SHORT[1], terms=replace(SHORT[1].terms, arbiter_window=1))
    graph = replace(explored(SHORT[1]), setting=hasty)
    with pytest.raises(AssertionError):
        _check(graph, frozenset(PARTIES))


def test_money_that_appears_vanishes_or_goes_elsewhere_is_seen() -> None:
    before = first(SHORT[0]).books[0]
    ended = replace(before, state=OnChain.REFUNDED, left=0, fees=0)
    check_money(before, ended, [("0xca", before.left), (FEES, before.fees)])
    for paid in (
        [("0xca", before.left)],
        [("0xca", before.left), (FEES, before.fees + 1)],
        [("0x99", before.left), (FEES, before.fees)],
    ):
        with pytest.raises(AssertionError):
            check_money(before, ended, paid)
    with pytest.raises(AssertionError):
        check_money(before, replace(before, state=OnChain.SETTLED), [])


def test_nobodys_silence_helps_without_the_clock() -> None:
    """Time is what gets the money out: in the first second strangers can do nothing."""
    setting = Setting("plain", terms())
    assert [step.move for step in steps(setting, first(setting)) if not step.words] == []
    late = Scene(first(setting).books, setting.terms.deliver_by + setting.terms.grace + 1)
    assert [step.move for step in steps(setting, late) if not step.words] == ["refund"]


# ── the page ─────────────────────────────────────────────────────────────────────────────────────


def _all_rows() -> frozenset[tuple[OnChain, str, frozenset[str], OnChain]]:
    return frozenset().union(*(explored(setting).rows for setting in SHORT))


def test_moves_of_the_page_are_the_moves_that_exist() -> None:
    assert rows_of(Page.read()) == _all_rows()


def test_states_of_the_page_say_what_time_alone_does() -> None:
    free = set().union(*(explored(setting).free for setting in SHORT))
    leaving = {(before, move, after) for before, move, after in free if before is not after}
    assert {move for _, move, _ in leaving} == EXITS.keys() - {"withdraw"}
    assert Page.read().exits() == leaving


def test_states_of_the_page_say_who_can_move_them() -> None:
    found = {(before, who, move) for before, move, consents, _ in _all_rows() for who in _who(move, consents)}
    assert Page.read().movers() == found


def _who(move: str, consents: frozenset[str]) -> set[str]:
    if consents == {"payer", "payee"}:
        return {"both"}
    if consents:
        return set(consents)
    return {"proof" if move in {"claim", "deliveredBySecret"} else "anyone"}


def test_refusals_of_the_page_are_those_that_happen() -> None:
    """What depends on somebody's word or proof is not the model's to find; `WORDS` are those."""
    found: dict[str, set[str]] = {}
    for _, move, error in set().union(*(explored(setting).noes for setting in SHORT)):
        found.setdefault(move, set()).add(error)
    listed = Page.read().errors()
    for move, errors in found.items():
        assert errors - GENERAL <= listed[move], move
        if move != "novate":
            assert listed[move] - errors <= WORDS, move


GENERAL = {"WrongState", "Unauthorised"}
"""Said once, above the table."""
WORDS = {"WrongEvidenceCount", "NotIncluded", "RootNotSigned", "WrongSecret", "CostsMore", "RateTooHigh"}


def test_diagram_of_the_page_has_the_same_arrows() -> None:
    assert Page.read().edges() == {
        (before, move, after) for before, move, _, after in _all_rows() if before is not after
    }


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("| Open → Refunded | cancel |", "| Open → Settled | cancel |"),
        ("| Retained → Disputed | dispute |", "| Settled → Disputed | dispute |"),
        ("| dispute | payer or payee |", "| dispute | payer |"),
        ("| payer and payee, the same share |", "| payee, for the share |"),
        ("refund → Refunded", "refund → Settled"),
        ("payee: revoke, dispute", "payee: revoke"),
        ("arbiter: resolve;", "anyone: resolve;"),
        ("| `NothingDue`, ", "| "),
        ("| `TooEarly` |", "| `TooLate` |"),
        ("Disputed --> Resolved: resolve, timeout,", "Disputed --> Resolved: resolve,"),
    ],
)
def test_a_doctored_page_is_seen(was: str, becomes: str) -> None:
    page = Page.read()
    doctored = Page(page.text.replace(was, becomes))
    assert doctored != page
    assert _said(doctored) != _said(page)


def _said(page: Page) -> list[object]:
    return [rows_of(page), page.exits(), page.movers(), page.errors(), page.edges()]
