"""The choice itself: admit, solve, draw between equals, and say for each line why.

The solver is loaded when the first choice is made: numpy and scipy take half a second that no other command needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from matchmaking.selection.admission import admitted, by_line, failures, misfits
from matchmaking.selection.evaluator import evaluate
from matchmaking.selection.model import (
    Candidate,
    Choice,
    NoFeasibleSelection,
    Problem,
    Relaxation,
    RunnerUp,
    Selection,
)

if TYPE_CHECKING:
    from matchmaking.selection.solver import Effort
    from matchmaking.selection.table import Table

_RESOLVED = 4_000
"""Up to so many lines times offers, each line is explained by solving again; beyond, by exchanging its offer alone."""

Plan = Mapping[str, Candidate]


def select(problem: Problem, effort: "Effort | None" = None) -> Selection:
    """The cheapest choice of one offer for each line; among equally cheap ones, single lines take the faster offer,
    then the one that the seed draws. The order of the input plays no part.

    Raises NoFeasibleSelection with what would help, OutOfBudget if `effort` ended before a choice was found.
    """
    from matchmaking.selection.concessions import concessions  # noqa: PLC0415
    from matchmaking.selection.solver import solve  # noqa: PLC0415
    from matchmaking.selection.table import table_of  # noqa: PLC0415

    offers = admitted(problem)
    table = table_of(problem, offers)
    answer = solve(table, effort)
    if answer is None:
        bare = next((line for line in problem.lines if not offers[line.line_id]), None)
        counts = {} if bare is None else failures(problem, bare)
        raise NoFeasibleSelection(None if bare is None else bare.line_id, counts, *concessions(problem))
    most = problem.constraints.max_total_minor
    if most is not None and answer.total > most:
        raise NoFeasibleSelection(None, {}, (Relaxation("total_minor", answer.total, most),))
    picks = _drawn(table, answer.picks.tolist(), answer.total)
    plan = {table.offers[pick].line_id: table.offers[pick] for pick in picks}
    verdict = evaluate(problem, plan)
    if verdict.violations or verdict.total_minor != answer.total:
        raise AssertionError(f"the solver and the evaluator disagree: {verdict}, {answer.total}")
    proved = answer.bound == answer.total
    choices = tuple(_choice(problem, table, plan, line.line_id, answer.total, proved) for line in problem.lines)
    return Selection(
        choices=choices,
        total_minor=verdict.total_minor,
        freight_minor=verdict.freight_minor,
        discount_minor=verdict.discount_minor,
        lead_time_h=verdict.lead_time_h,
        risk_micro=verdict.risk_micro,
        bound_minor=answer.bound,
    )


def _drawn(table: "Table", picks: list[int], total: int) -> list[int]:
    """The same total, with offers that are faster, or luckier in the draw, where one line can have them alone."""
    import numpy as np  # noqa: PLC0415

    for line, pick in enumerate(list(picks)):
        same = np.flatnonzero((table.line == line) & (table.price == table.price[pick]))
        for other in sorted(same.tolist(), key=lambda at: table.draws[at]):
            if other == picks[line]:
                break
            tried = np.array([*picks[:line], other, *picks[line + 1 :]])
            if table.total(tried) == total and table.keeps(tried):
                picks[line] = other
                break
    return picks


def _choice(problem: Problem, table: "Table", plan: Plan, name: str, total: int, proved: bool) -> Choice:
    chosen = plan[name]
    quantity = next(line.quantity for line in problem.lines if line.line_id == name)
    runner = _runner_up(problem, table, plan, chosen, total)
    passed_over, bound_by = _bound_by(problem, plan, name) or (None, None)
    return Choice(
        line_id=name,
        candidate=chosen,
        total_minor=chosen.total_minor(quantity),
        reason=_reason(chosen, runner, quantity, proved),
        runner_up=None if runner is None else runner[1],
        bound_by=bound_by,
        passed_over=passed_over,
    )


def _runner_up(
    problem: Problem, table: "Table", plan: Plan, chosen: Candidate, total: int
) -> tuple[Candidate, RunnerUp] | None:
    """The best choice without the chosen offer: exact for what is small, else of those that change this line alone."""
    if len(problem.lines) * len(table.offers) <= _RESOLVED:
        found = _solved_without(table, chosen)
    else:
        found = _exchanged(table, plan, chosen)
    if found is None:
        return None
    other, cost, exact = found
    return other, RunnerUp(other.offer_id, other.supplier_id, max(0, cost - total), exact)


def _solved_without(table: "Table", chosen: Candidate) -> tuple[Candidate, int, bool] | None:
    import numpy as np  # noqa: PLC0415

    from matchmaking.selection.solver import OutOfBudget, solve  # noqa: PLC0415

    rest = table.rows(np.array([one is not chosen for one in table.offers]))
    try:
        again = solve(rest)
    except OutOfBudget:
        return None
    if again is None:
        return None
    other = next(rest.offers[pick] for pick in again.picks if rest.offers[pick].line_id == chosen.line_id)
    return other, again.total, again.bound == again.total


def _exchanged(table: "Table", plan: Plan, chosen: Candidate) -> tuple[Candidate, int, bool] | None:
    import numpy as np  # noqa: PLC0415

    at = {id(one): row for row, one in enumerate(table.offers)}
    picks = np.array([at[id(plan[name])] for name in sorted(plan)])
    line = int(table.line[at[id(chosen)]])
    best: tuple[int, Candidate] | None = None
    for row in np.flatnonzero(table.line == line):
        if row != picks[line]:
            tried = picks.copy()
            tried[line] = row
            cost = table.total(tried)
            if (best is None or cost < best[0]) and table.keeps(tried):
                best = cost, table.offers[row]
    return None if best is None else (best[1], best[0], False)


def _reason(chosen: Candidate, runner: tuple[Candidate, RunnerUp] | None, quantity: int, proved: bool) -> str:
    if runner is None:
        return "the only offer that keeps the constraints"
    other, found = runner
    if found.extra_minor > 0:
        cheapest = (
            "cheapest" if chosen.total_minor(quantity) <= other.total_minor(quantity) else "cheapest in the whole"
        )
        extra = f"{found.extra_minor // 100}.{found.extra_minor % 100:02d} {chosen.currency}"
        why = cheapest if proved else "the best found"
        return f"{why}: without it the whole costs {'' if found.proved else 'at most '}{extra} more"
    if chosen.lead_time_h < other.lead_time_h:
        return f"as cheap as the runner-up and {other.lead_time_h - chosen.lead_time_h} h faster"
    return "as good as the runner-up; drawn by the seed"


def _bound_by(problem: Problem, plan: Plan, name: str) -> tuple[Candidate, str] | None:
    """The line's cheapest offer and what kept it out; None if it was chosen."""
    line = next(line for line in problem.lines if line.line_id == name)
    cheapest: Sequence[Candidate] = sorted(
        by_line(problem)[name],
        key=lambda one: (one.total_minor(line.quantity), one is not plan[name], one.offer_id),
    )
    first = cheapest[0]
    if first is plan[name] or first.total_minor(line.quantity) == plan[name].total_minor(line.quantity):
        return None
    own = misfits(first, line, problem.constraints)
    if own:
        return first, own[0]
    without_budget = replace(problem, constraints=replace(problem.constraints, max_total_minor=None))
    broken = evaluate(without_budget, {**plan, name: first}).violations
    return first, broken[0].partition(":")[0] if broken else "total"
