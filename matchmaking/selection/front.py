"""Price against date against risk: choices of which none is beaten by another in all three."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from matchmaking.selection.admission import admitted
from matchmaking.selection.evaluator import evaluate
from matchmaking.selection.model import Candidate, Problem
from matchmaking.selection.solver import Answer, Effort, OutOfBudget, solve
from matchmaking.selection.table import Table, table_of

_EXACT = 2_000
"""Up to so many offers each point is proved."""
_GAP = 0.02


@dataclass(frozen=True, slots=True)
class Point:
    """A choice by line id. `bound_minor`: no choice that is as fast and as safe costs less."""

    total_minor: int
    lead_time_h: int
    risk_micro: int
    bound_minor: int
    plan: dict[str, Candidate]

    def beats(self, other: "Point") -> bool:
        """True if this one is as good in everything, and not the same."""
        mine = (self.total_minor, self.lead_time_h, self.risk_micro)
        theirs = (other.total_minor, other.lead_time_h, other.risk_micro)
        return mine != theirs and all(one <= two for one, two in zip(mine, theirs, strict=True))


def front(problem: Problem, points: int = 10) -> tuple[Point, ...]:
    """Up to `points` choices, the cheapest first: the limits on date and risk are drawn in step by step.

    Fewer, if some limits lead to the same choice or to none; empty if there is none at all.
    """
    table = table_of(problem, admitted(problem))
    effort = Effort(gap=0.0 if len(table.offers) <= _EXACT else _GAP, shakes=6)
    first = _solved(table, effort, None)
    if first is None:
        return ()
    found = [_point(problem, table, first)]
    for hours, risk in _limits(table, found[0]):
        if len(found) >= points:
            break
        keep = np.array([one.lead_time_h <= hours for one in table.offers])
        rest = replace(table.rows(keep), max_risk=risk)
        answer = _solved(rest, effort, first.forced[keep])
        if answer is not None:
            point = _point(problem, rest, answer)
            if not any(one.beats(point) or _same(one, point) for one in found):
                found = [one for one in found if not point.beats(one)] + [point]
    return tuple(sorted(found, key=lambda one: (one.total_minor, one.lead_time_h, one.risk_micro)))


def _solved(table: Table, effort: Effort, hint: "np.ndarray[tuple[int], np.dtype[np.float64]] | None") -> Answer | None:
    try:
        return solve(table, effort, hint)
    except OutOfBudget:
        return None


def _limits(table: Table, cheapest: Point) -> Iterator[tuple[int, int | None]]:
    """Dates from that of the cheapest to the earliest, risks likewise, then both: coarse steps before fine ones."""
    hours = np.array([one.lead_time_h for one in table.offers])
    lines = range(table.lines)
    earliest = max((int(hours[table.line == line].min()) for line in lines), default=0)
    safest = sum(int(table.risk[table.line == line].min()) for line in lines)
    for steps in (4, 8, 16):
        for step in range(1, steps + 1):
            if steps > 4 and step % 2 == 0:
                continue  # was a coarser step
            part = step / steps
            date = cheapest.lead_time_h - int(part * (cheapest.lead_time_h - earliest))
            risk = cheapest.risk_micro - int(part * (cheapest.risk_micro - safest))
            yield date, table.max_risk
            yield cheapest.lead_time_h, risk
            yield date, (risk + cheapest.risk_micro) // 2


def _point(problem: Problem, table: Table, answer: Answer) -> Point:
    plan = {table.offers[pick].line_id: table.offers[pick] for pick in answer.picks}
    verdict = evaluate(problem, plan)
    return Point(verdict.total_minor, verdict.lead_time_h, verdict.risk_micro, answer.bound, plan)


def _same(one: Point, two: Point) -> bool:
    return (one.total_minor, one.lead_time_h, one.risk_micro) == (two.total_minor, two.lead_time_h, two.risk_micro)
