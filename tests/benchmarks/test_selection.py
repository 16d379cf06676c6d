"""The benchmark of the choice: its bounds, its evaluator and its brute force notice what is planted."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import selection
from benchmarks.selection_model.beside import Beside, cpsat, highs
from benchmarks.selection_model.instances import instance, small
from matchmaking.selection import evaluate
from matchmaking.selection.admission import admitted
from matchmaking.selection.solver import Answer, solve
from matchmaking.selection.table import Table, table_of

PROBLEM = instance(5, 40, 8, 1)
TABLE = table_of(PROBLEM, admitted(PROBLEM))
KEPT = dict.fromkeys(selection.BOUNDS, 0.0) | {"front_points_least": 10.0}


def answer_of(table: Table) -> Answer:
    found = solve(table)
    assert found is not None
    return found


ANSWER = answer_of(TABLE)


def test_kept_bounds_are_not_told() -> None:
    assert selection.missed(KEPT) == []
    assert selection.missed(dict(selection.BOUNDS)) == []


@pytest.mark.parametrize("name", selection.BOUNDS)
def test_each_missed_bound_is_named(name: str) -> None:
    past = selection.BOUNDS[name] + (-1 if name.endswith(selection.LEAST) else 1)
    (told,) = selection.missed(KEPT | {name: past})
    assert told.startswith(f"{name} is ")


def test_the_worst_seed_counts() -> None:
    ours = {name: [1.0, 3.0, 2.0] for name in KEPT if name != "bruteforce_mismatches"}
    theirs = {f"{name}_{what}": [1.0] for name in ("highs", "cpsat") for what in ("gap_10s", "cpu_s")}
    figures = selection.result_of(ours | theirs, 4).figures
    assert (figures["gap_1s"], figures["gap_1s_median"]) == (3, 2)
    assert (figures["front_points_least"], figures["bruteforce_mismatches"]) == (1, 4)


def test_a_plan_is_judged() -> None:
    plan = selection.plan_of(TABLE, ANSWER.picks)
    selection.judge(PROBLEM, plan, ANSWER.total)
    for line, chosen in plan.items():
        for other in PROBLEM.candidates:
            if other.line_id == line and other is not chosen:
                with pytest.raises(AssertionError, match="refuses"):
                    selection.judge(PROBLEM, plan | {line: other}, ANSWER.total)
    with pytest.raises(AssertionError, match="refuses"):
        selection.judge(PROBLEM, plan, ANSWER.total - 1)


def dearer(table: Table) -> Answer | None:
    found = solve(table)
    return found and replace(found, total=found.total + 1, bound=found.total + 1)


def unproved(table: Table) -> Answer | None:
    found = solve(table)
    return found and replace(found, bound=found.bound - 1)


def without_discounts(table: Table) -> Answer | None:
    return solve(replace(table, bundle_bps=np.zeros_like(table.bundle_bps)))


def without_capacity(table: Table) -> Answer | None:
    return solve(replace(table, capacity=table.capacity + 1_000))


def test_the_choice_is_what_brute_force_finds() -> None:
    assert selection.mismatches(60) == 0


@pytest.mark.parametrize("wrong", [dearer, unproved, without_discounts, without_capacity, lambda _: None])
def test_brute_force_notices(wrong: Callable[[Table], Answer | None]) -> None:
    assert selection.mismatches(60, wrong) > 0


def beside(name: str, table: Table) -> Beside:
    return cpsat(table, 10) if name == "cpsat" else highs(table, 10, slowness=4)


@pytest.mark.parametrize("name", ["cpsat", "highs"])
def test_what_stands_beside_answers_the_same_questions(name: str) -> None:
    for problem in [PROBLEM, *map(small, range(20))]:
        table = table_of(problem, admitted(problem))
        best = None if len(np.unique(table.line)) < table.lines else solve(table)
        if best is not None:
            found = beside(name, table)
            assert found.picks is not None
            selection.compare(problem, table, best, found)
            assert evaluate(problem, selection.plan_of(table, found.picks)).total_minor <= best.total + table.lines


@pytest.mark.parametrize("name", ["cpsat", "highs"])
def test_another_question_beside_is_noticed(name: str) -> None:
    for wrong in (replace(TABLE, freight=2 * TABLE.freight), replace(TABLE, price=TABLE.price // 2)):
        with pytest.raises(AssertionError):
            selection.compare(PROBLEM, TABLE, ANSWER, beside(name, wrong))
