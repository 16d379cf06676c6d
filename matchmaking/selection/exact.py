"""The window as a mixed-integer program: HiGHS through scipy, one thread."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from matchmaking.selection.program import Program
from matchmaking.selection.table import Flags, Floats, Ints

_OPTIMAL, _LIMIT, _INFEASIBLE = 0, 1, 2
"""scipy's words for how it ended."""


@dataclass(frozen=True, slots=True)
class Found:
    """`picks` by line (None: nothing found), and what nothing within the window undercuts."""

    picks: Ints | None
    bound: float


def search(program: Program, keep: Flags, *, gap: float, nodes: int, seconds: float | None) -> Found:
    """The best choice among the x of `keep`, up to `gap` (a part of the cost), at most `nodes` branches."""
    columns, rows = program.window(keep)
    options: dict[str, float | int] = {"mip_rel_gap": gap, "node_limit": nodes}
    if seconds is not None:
        options["time_limit"] = seconds
    answer = milp(
        program.cost[columns],
        constraints=LinearConstraint(program.matrix[rows][:, columns], program.low[rows], program.high[rows]),
        bounds=Bounds(0, 1),
        integrality=np.ones(len(columns)),
        options=options,
    )
    if answer.status == _INFEASIBLE:
        return Found(None, np.inf)
    proved = -np.inf if answer.mip_dual_bound is None else float(answer.mip_dual_bound)
    if answer.x is None:
        return Found(None, proved)
    return Found(picks_of(program, columns[: int(keep.sum())], answer.x), proved)


def picks_of(program: Program, columns: Ints, x: Floats) -> Ints:
    """For each line the offer of which the answer takes most."""
    offers = program.offer[columns]
    order = np.argsort(x[: len(columns)], kind="stable")
    picks = np.zeros(program.table.lines, dtype=np.int64)
    picks[program.table.line[offers[order]]] = offers[order]
    return picks


def forbid(program: Program, picks: Ints) -> None:
    """From now on the whole of `picks` is no answer any more."""
    members = np.flatnonzero(np.isin(program.offer, picks))
    cells = (np.ones(len(members)), (np.zeros(len(members), dtype=np.int64), members))
    program.add(sparse.csr_matrix(cells, shape=(1, len(program.cost))), np.array([len(picks) - 1.0]))
