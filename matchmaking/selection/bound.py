"""What no choice can undercut: the linear relaxation, tightened by cover inequalities.

Whatever the linear solver returns, the bound is computed again here from its duals as a Lagrangian one: over *all*
columns, also those outside the window that it saw. So it holds for any duals, exact or not.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from matchmaking.selection.covers import covers
from matchmaking.selection.program import Program
from matchmaking.selection.table import Flags, Floats

_WIDENINGS = 7
"""The first mostly brings all that is missing; with any of them the bound holds."""
_NEAR = 0.002
"""Where a window grows, by all offers that lift the bound by less than this part of it: some would be missing next."""


class Impossible(Exception):
    """Not even fractions of offers keep the constraints."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What the relaxation says that a line is worth, and a millionth of risk (zero or less)."""

    line: Floats
    risk: float


@dataclass(frozen=True, slots=True)
class Bound:
    """`value`: no choice costs less. `forced`: by how much the bound grows when an x is taken. `x`, `y`: the
    relaxation's answer, a hint where to look.
    """

    value: float
    forced: Floats
    x: Floats
    y: Floats
    prices: Prices


def relax(program: Program, keep: Flags) -> Bound:
    """The bound, with the linear program solved over the x of `keep`. Raises Impossible if that has no answer."""
    columns, rows = program.window(keep)
    matrix = program.matrix[rows][:, columns]
    low, high = program.low[rows], program.high[rows]
    equal, upper, lower = low == high, (low < high) & np.isfinite(high), (low < high) & np.isfinite(low)
    answer = linprog(
        program.cost[columns],
        A_ub=sparse.vstack([matrix[upper], -matrix[lower]]),
        b_ub=np.concatenate([high[upper], -low[lower]]),
        A_eq=matrix[equal],
        b_eq=low[equal],
        bounds=(0, 1),
        method="highs-ds",
    )
    if answer.x is None:
        raise Impossible
    dual = np.zeros(len(program.low))
    dual[rows[equal]] = answer.eqlin.marginals
    dual[rows[upper]] = np.minimum(answer.ineqlin.marginals[: upper.sum()], 0)
    dual[rows[lower]] = np.maximum(-answer.ineqlin.marginals[upper.sum() :], 0)
    full = np.zeros(len(program.cost))
    full[columns] = answer.x
    return _lagrangian(program, dual, full)


def settled(program: Program, keep: Flags) -> Bound:
    """The bound of the whole program at the price of a few columns: `keep` grows, in place, by what it lacks.

    A column outside the window that would pull the bound down is missing; without any, the bound is as good as that
    over all columns. Raises Impossible only if there is no answer over all columns.
    """
    best = now = _possible(program, keep)
    for _ in range(_WIDENINGS):
        if not (~keep & (now.forced <= 0)).any():
            break
        keep |= now.forced <= _NEAR * abs(now.value)
        now = relax(program, keep)
        best = now if now.value > best.value else replace(best, x=now.x, y=now.y)
    return best


def _possible(program: Program, keep: Flags) -> Bound:
    """The window's bound; if the window hides what is needed, that over all columns."""
    try:
        return relax(program, keep)
    except Impossible:
        if keep.all():
            raise
        keep[:] = True
        return relax(program, keep)


def tightened(program: Program, keep: Flags, bound: Bound) -> Bound | None:
    """A bound with the covers that the last relaxation broke; None if it broke none. `keep` grows as for `settled`."""
    table = program.table
    found = covers(
        bound.x,
        bound.y,
        facility=program.facility,
        hours=table.hours[program.offer],
        capacity=table.capacity[program.supplier],
    )
    if not found:
        return None
    rows = [at for at, (_, members, _) in enumerate(found) for _ in range(len(members) + 1)]
    cells = [cell for one, members, _ in found for cell in (*members, program.columns + one)]
    values = [value for _, members, most in found for value in (*np.ones(len(members)), -float(most))]
    shape = (len(found), len(program.cost))
    program.add(sparse.csr_matrix((values, (rows, cells)), shape=shape), np.zeros(len(found)))
    again = settled(program, keep)
    return again if again.value > bound.value else replace(bound, x=again.x, y=again.y)


def _lagrangian(program: Program, dual: Floats, answer: Floats) -> Bound:
    """Relaxes the rows at the price of their duals; what is left falls apart by facilities: with y = 1 each x is free
    to be 0 or 1, with y = 0 all are 0.
    """
    reduced = program.cost - program.matrix.T @ dual
    sides = np.where(dual > 0, program.low, program.high)
    paid = float(dual[dual != 0] @ sides[dual != 0])
    x, y = reduced[: program.columns], reduced[program.columns :]
    opened = y + np.bincount(program.facility, np.minimum(x, 0), len(y))
    value = paid + float(np.minimum(opened, 0).sum())
    forced = np.maximum(x, 0) + np.maximum(opened, 0)[program.facility]
    prices = Prices(dual[: program.table.lines], program.risk_price(dual))
    return Bound(value, forced, answer[: program.columns], answer[program.columns :], prices)
