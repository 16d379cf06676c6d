"""Where nothing can be chosen: the change that is named helps, and a smaller one does not."""

from dataclasses import replace

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from matchmaking.selection import NoFeasibleSelection, Problem, Relaxation, Supplier, select
from tests.matchmaking.selection.questions import BASES, COVERS, brute_force, candidate, question, small


def changed(problem: Problem, one: Relaxation, needed: int) -> Problem:
    """The question with one limit moved, written apart from the code under test."""
    limits, suppliers = problem.constraints, problem.suppliers
    match one.kind:
        case "lead_time_h":
            return replace(problem, constraints=replace(limits, max_lead_time_h=needed))
        case "risk_micro":
            return replace(problem, constraints=replace(limits, max_risk_micro=needed))
        case "total_minor":
            return replace(problem, constraints=replace(limits, max_total_minor=needed))
        case "certificate":
            left = limits.certificates - ({one.subject or ""} if needed == 0 else set())
            return replace(problem, constraints=replace(limits, certificates=left))
        case "quantity":
            lines = tuple(
                replace(line, quantity=needed) if line.line_id == one.subject else line for line in problem.lines
            )
            return replace(problem, lines=lines)
        case "capacity_h":
            more = {
                name: replace(terms, capacity_h=None if terms.capacity_h is None else terms.capacity_h + needed)
                for name, terms in suppliers.items()
            }
            return replace(problem, suppliers=more)
    less = {
        name: replace(terms, minimum_order_minor=max(0, terms.minimum_order_minor - needed))
        for name, terms in suppliers.items()
    }
    return replace(problem, suppliers=less)


def a_step_less(one: Relaxation) -> int:
    return 1 if one.kind == "certificate" else one.needed - 1


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 100_000))
@example(seed=9667)  # a larger order helps before it comes to the least lot of any offer
def test_what_is_named_helps_and_less_does_not(seed: int) -> None:
    problem = small(seed)
    assume(brute_force(problem) is None)
    with pytest.raises(NoFeasibleSelection) as caught:
        select(problem)
    found, together = caught.value.relaxations, caught.value.together
    if together:
        everything = problem
        for one in found:
            everything = changed(everything, one, one.needed)
        assert brute_force(everything) is not None
        for one in found:
            assert brute_force(
                changed(everything, one, a_step_less(one) if one.kind != "certificate" else one.now)
            ) is (None) or one.kind in ("certificate", "capacity_h", "minimum_order_minor")
        return
    for one in found:
        assert brute_force(changed(problem, one, one.needed)) is not None
        assert brute_force(changed(problem, one, a_step_less(one))) is None


def refused(problem: Problem) -> NoFeasibleSelection:
    with pytest.raises(NoFeasibleSelection) as caught:
        select(problem)
    return caught.value


def test_the_line_and_the_reasons_are_named() -> None:
    offers = [candidate(BASES, "a", 9, 60), candidate(BASES, "b", 9, 72), candidate(BASES, "c", 9, currency="USD")]
    none = refused(question(offers, max_lead_time_h=48))
    assert (none.line_id, none.counts) == ("bases", {"lead_time": 2, "currency": 1})
    assert none.relaxation == Relaxation("lead_time_h", 60, 48)
    assert str(none) == (
        "no offer fits line 'bases' (1 × currency, 2 × lead_time); lead_time_h would have to be 60 instead of 48"
    )


def test_a_line_nobody_offers_has_no_help() -> None:
    none = refused(question([], lines=(BASES,)))
    assert (none.line_id, none.counts, none.relaxation) == ("bases", {}, None)


def test_a_budget_nobody_keeps_says_what_is_needed() -> None:
    none = refused(question([candidate(BASES, "a", 100)], max_total_minor=3_999))
    assert none.relaxation == Relaxation("total_minor", 4_000, 3_999)
    assert select(question([candidate(BASES, "a", 100)], max_total_minor=4_000)).total_minor == 4_000


def test_lines_that_hinder_one_another_are_told_so() -> None:
    offers = [candidate(line, "a", 10, hours=4) for line in (BASES, COVERS)]
    none = refused(question(offers, Supplier("a", capacity_h=6)))
    assert (none.line_id, none.relaxations) == (None, (Relaxation("capacity_h", 2, 0),))
    none = refused(question(offers, Supplier("a", minimum_order_minor=1_000)))
    assert none.relaxations == (Relaxation("minimum_order_minor", 200, 0),)


def test_two_limits_may_have_to_give_together() -> None:
    none = refused(question([candidate(BASES, "a", 10, 60)], max_lead_time_h=48, certificates=frozenset({"iso"})))
    assert none.together
    assert none.relaxations == (Relaxation("lead_time_h", 60, 48), Relaxation("certificate", 0, 1, "iso"))
    assert "60 instead of 48 and certificate iso would have to be waived" in str(none)


def test_a_certificate_of_one_line_is_waived_for_that_line() -> None:
    lines = (replace(BASES, certificates=frozenset({"iso"})), COVERS)
    offers = [candidate(BASES, "a", 10), candidate(COVERS, "a", 10)]
    none = refused(question(offers, lines=lines))
    assert (none.line_id, none.counts) == ("bases", {"certificate": 1})
    assert none.relaxations == (Relaxation("certificate", 0, 1, "iso"),)
    late = [replace(one, lead_time_h=60) for one in offers]
    both = refused(question(late, lines=lines, max_lead_time_h=48))
    assert (both.together, both.relaxations) == (True, (Relaxation("lead_time_h", 60, 48), *none.relaxations))
