"""The choice: equal to brute force, the same each time, explained, and never against a limit."""

import random
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.selection_model.instances import instance
from matchmaking.selection import Candidate, Line, NoFeasibleSelection, Problem, Selection, Supplier, evaluate, select
from matchmaking.selection import solver as solving
from matchmaking.selection.admission import admitted
from matchmaking.selection.solver import Effort, OutOfBudget, solve
from matchmaking.selection.table import risk_micro, table_of
from tests.matchmaking.selection.questions import BASES, COVERS, brute_force, candidate, question, small

SEEDS = st.integers(0, 100_000)


def picked(selection: Selection) -> dict[str, Candidate]:
    return {choice.line_id: choice.candidate for choice in selection.choices}


@pytest.mark.req(68, 71)
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, shuffle=st.randoms(use_true_random=False))
def test_the_choice_equals_brute_force_whatever_the_order(seed: int, shuffle: random.Random) -> None:
    problem = small(seed)
    best = brute_force(problem)
    if best is None:
        with pytest.raises(NoFeasibleSelection):
            select(problem)
        return
    chosen = select(problem)
    assert chosen.total_minor == chosen.bound_minor == best
    assert not evaluate(problem, picked(chosen)).violations
    lines, offers = list(problem.lines), list(problem.candidates)
    shuffle.shuffle(lines)
    shuffle.shuffle(offers)
    again = select(replace(problem, lines=tuple(lines), candidates=tuple(offers)))
    assert picked(again) == picked(chosen)


@settings(max_examples=6, deadline=None)
@given(seed=SEEDS)
def test_the_runner_up_is_the_best_without_the_chosen_offer(seed: int) -> None:
    problem = small(seed)
    if brute_force(problem) is None:
        return
    chosen = select(problem)
    for choice in chosen.choices:
        rest = tuple(one for one in problem.candidates if one is not choice.candidate)
        best = brute_force(replace(problem, candidates=rest))
        assert (choice.runner_up and choice.runner_up.extra_minor) == (best and best - chosen.total_minor)
        assert choice.runner_up is None or choice.runner_up.proved


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_offers_searched_one_by_one_come_to_the_same(seed: int) -> None:
    """Where bundles are too many to list: the other way to the same answer."""
    problem = small(seed)
    best = brute_force(problem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solving, "bundles", lambda *_: None)
        answer = solve(table_of(problem, admitted(problem)))
    assert (answer and (answer.total, answer.bound)) == (best and (best, best))


@pytest.mark.parametrize("seed", [1, 2])
def test_a_cut_search_bounds_the_best_and_repeats_itself(seed: int) -> None:
    problem = instance(12, 240, 30, seed)
    table = table_of(problem, admitted(problem))
    best = solve(table)
    assert best is not None
    assert best.total == best.bound
    rough = [solve(table, Effort(gap=0.5, shakes=1)) for _ in range(2)]
    assert rough[0] is not None
    assert rough[1] is not None
    assert (rough[0].picks == rough[1].picks).all()
    assert rough[0].bound <= best.total <= rough[0].total
    assert table.keeps(rough[0].picks)


def test_a_budget_that_is_used_up_ends_the_search() -> None:
    problem = instance(12, 240, 30, 1)
    found = solve(table_of(problem, admitted(problem)), Effort(seconds=1, cpu=lambda: 2.0))
    assert found is not None
    assert found.bound <= found.total
    tight = replace(problem, constraints=replace(problem.constraints, max_risk_micro=1))
    with pytest.raises((OutOfBudget, AssertionError)):
        assert solve(table_of(tight, admitted(tight)), Effort(seconds=1, cpu=lambda: 2.0)) is not None


def test_freight_can_make_one_supplier_cheaper_than_two() -> None:
    offers = [candidate(BASES, "a", 100), candidate(COVERS, "b", 50)]
    offers += [candidate(BASES, "c", 105), candidate(COVERS, "c", 55)]
    apart = select(question(offers))
    assert {one.supplier_id for one in picked(apart).values()} == {"a", "b"}
    together = select(question(offers, *(Supplier(one, 500) for one in "abc")))
    assert set(together.by_supplier()) == {"c"}
    assert (together.total_minor, together.freight_minor) == (6_900, 500)
    assert together.choices[0].bound_by == "total"
    assert "in the whole" in together.choices[0].reason


def test_a_bundle_is_worth_its_floored_discount() -> None:
    offers = [candidate(line, "a", 1, base_quantity=1) for line in (BASES, COVERS)]
    chosen = select(question(offers, Supplier("a", bundle_lines=2, bundle_bps=333)))
    assert (chosen.total_minor, chosen.discount_minor) == (78, 2)  # 80 · 3.33 % = 2.664


@pytest.mark.parametrize(
    ("supplier", "more", "limits", "why"),
    [
        (Supplier("a", capacity_h=1), {"hours": 2}, {}, "capacity"),
        (Supplier("a", minimum_order_minor=9_999), {}, {}, "minimum_order"),
        (Supplier("a"), {"reliability_ppm": 900_000}, {"max_risk_micro": 100_000}, "risk"),
        (Supplier("a"), {"lead_time_h": 99}, {"max_lead_time_h": 48}, "lead_time"),
        (Supplier("a"), {}, {"certificates": frozenset({"iso"})}, "certificate"),
        (Supplier("a"), {"currency": "USD"}, {}, "currency"),
        (Supplier("a"), {"minimum_quantity": 41}, {}, "minimum_quantity"),
        (Supplier("a"), {}, {"excluded_suppliers": frozenset({"a"})}, "excluded"),
    ],
)
def test_the_limit_that_kept_the_cheapest_out_is_named(
    supplier: Supplier, more: dict[str, object], limits: dict[str, object], why: str
) -> None:
    cheap = replace(candidate(BASES, "a", 10), **more)  # type: ignore[arg-type]
    dear = candidate(BASES, "b", 20, certificates=frozenset({"iso"}))
    (choice,) = select(question([cheap, dear], supplier, **limits)).choices
    assert (choice.candidate, choice.bound_by) == (dear, why)
    assert choice.reason == "the only offer that keeps the constraints"


def test_each_line_says_why() -> None:
    (choice,) = select(question([candidate(BASES, "a", 120), candidate(BASES, "b", 155)])).choices
    assert (choice.reason, choice.bound_by) == ("cheapest: without it the whole costs 14.00 EUR more", None)
    (faster,) = select(question([candidate(BASES, "a", 9, 48), candidate(BASES, "b", 9, 24)])).choices
    assert (faster.candidate.supplier_id, faster.reason) == ("b", "as cheap as the runner-up and 24 h faster")


def test_ties_are_drawn_by_the_seed() -> None:
    offers = [candidate(BASES, one, 9) for one in "abc"]
    drawn = {select(question(offers, seed=str(seed))).choices[0].candidate.supplier_id for seed in range(16)}
    assert drawn == {"a", "b", "c"}


def test_large_questions_are_explained_by_exchanges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[select.__module__], "_RESOLVED", 0)
    (choice,) = select(question([candidate(BASES, "a", 120), candidate(BASES, "b", 155)])).choices
    assert choice.runner_up is not None
    assert (choice.runner_up.extra_minor, choice.runner_up.proved) == (1_400, False)
    assert "at most 14.00 EUR" in choice.reason


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="quantity"):
        Line("x", 0)
    with pytest.raises(ValueError, match="negative"):
        candidate(BASES, "a", -1)
    with pytest.raises(ValueError, match="reliability"):
        candidate(BASES, "a", 1, reliability_ppm=0)
    for terms in ({"freight_minor": -1}, {"capacity_h": -1}, {"bundle_lines": 0}, {"bundle_bps": 10_000}):
        with pytest.raises(ValueError, match=r"freight|capacity|bundle"):
            Supplier("a", **terms)
    with pytest.raises(ValueError, match="line ids"):
        Problem((BASES, BASES), ())
    with pytest.raises(ValueError, match="offers for a line"):
        Problem((BASES,), (candidate(BASES, "a", 1), candidate(BASES, "a", 2)))
    assert select(Problem((), ())).total_minor == 0


def test_an_offer_beyond_all_reason_is_left_aside() -> None:
    offers = [candidate(BASES, "a", 10**12, minimum_quantity=1), candidate(BASES, "b", 1)]
    assert select(question(offers)).choices[0].candidate.supplier_id == "b"


def test_solver_and_evaluator_take_a_risk_for_the_same() -> None:
    """Two ways to the logarithm: doubles here, fifty decimal digits there."""
    for ppm in [*range(1, 2_000, 7), *range(999_000, 1_000_001), 500_000, 367_879]:
        one = candidate(BASES, "a", 1, reliability_ppm=ppm)
        assert evaluate(question([one]), {"bases": one}).risk_micro == risk_micro(ppm)
