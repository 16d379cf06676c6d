"""The exact choice among listed bundles: every line in one bundle, every supplier with one at most, the risk kept."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from matchmaking.selection.bundles import Bundles
from matchmaking.selection.table import Flags, Floats, Ints, Table

_LIMIT, _INFEASIBLE = 1, 2
"""scipy's words for how it ended."""
_FEW = 400
"""Bundles that are searched first."""
LEAST_S = 0.05
"""With less time nothing is begun: HiGHS spends several times that before it looks at a clock."""
_MARGIN = 0.01
"""A hundredth of a cent, where costs are whole cents."""


@dataclass(frozen=True, slots=True)
class Found:
    """`picks` by line (None: nothing found), and what no choice among what was listed undercuts (infinite: none)."""

    picks: Ints | None
    bound: float


def partition(
    table: Table,
    listed: Bundles,
    *,
    below: float,
    enough: float,
    gap: float,
    nodes: int,
    limit: Callable[[], float | None],
) -> Found:
    """The cheapest choice among bundles up to `gap` (a part of its cost), looked for below `below` only, after at most
    `nodes` branches a search.

    Its relaxation says again what each bundle promises: the best few are searched for a choice, and that one tells
    which of the others can be in a better one. If it costs `enough` or less, the others are not searched.
    """
    if not len(listed.cost):
        return Found(None, math.inf)
    master = _master(table, listed, limit())
    if isinstance(master, Found):
        return master
    best: Ints | None = None
    few = np.sort(np.argsort(master.reduced, kind="stable")[:_FEW])
    if len(few) < len(listed.cost):
        found = _search(table, listed, few, master, gap, nodes, limit())
        if found.picks is not None and table.total(found.picks) <= below:
            best, below = found.picks, table.total(found.picks) - 1
            if below + 1 <= enough:
                return Found(best, min(master.value, below + 1))
    left = np.arange(len(listed.cost))
    if math.isfinite(below):
        left = np.flatnonzero(master.reduced <= below - master.value + _MARGIN)
    found = _search(table, listed, left, master, gap, nodes, limit()) if len(left) else Found(None, math.inf)
    if found.picks is not None and (best is None or table.total(found.picks) <= below):
        best = found.picks
    return Found(best, min(found.bound, below + 1))


@dataclass(frozen=True, slots=True)
class _Master:
    """The rows, which of them are equalities, the relaxation's cost, and what each bundle costs beyond it."""

    matrix: sparse.csr_matrix
    equal: Flags
    value: float
    reduced: Floats


def _master(table: Table, listed: Bundles, seconds: float | None) -> _Master | Found:
    """The relaxation; or, without one, what that says: there is no choice, or the time did not suffice to know."""
    matrix, equal = _rows(table, listed)
    relaxed = linprog(
        listed.cost,
        A_eq=matrix[equal],
        b_eq=np.ones(table.lines),
        A_ub=matrix[~equal],
        b_ub=np.ones(int((~equal).sum())),
        bounds=(0, None),
        method="highs-ds",
        options={} if seconds is None else {"time_limit": seconds},
    )
    if relaxed.status == _LIMIT:
        return Found(None, -math.inf)
    if relaxed.x is None:
        return Found(None, math.inf)
    paid = matrix[equal].T @ relaxed.eqlin.marginals + matrix[~equal].T @ relaxed.ineqlin.marginals
    return _Master(matrix, equal, float(relaxed.fun), listed.cost - paid)


def _search(
    table: Table, listed: Bundles, left: Ints, master: _Master, gap: float, nodes: int, seconds: float | None
) -> Found:
    options: dict[str, float | int] = {"mip_rel_gap": gap, "node_limit": nodes}
    if seconds is not None:
        if seconds < LEAST_S:
            return Found(None, master.value)
        options["time_limit"] = seconds
    answer = milp(
        listed.cost[left],
        constraints=LinearConstraint(
            master.matrix[:, left], np.where(master.equal, 1.0, -np.inf), np.ones(len(master.equal))
        ),
        bounds=Bounds(0, 1),
        integrality=np.ones(len(left)),
        options=options,
    )
    if answer.status == _INFEASIBLE:
        return Found(None, math.inf)
    proved = master.value if answer.mip_dual_bound is None else max(master.value, float(answer.mip_dual_bound))
    if answer.x is None:
        return Found(None, proved)
    picks = np.zeros(table.lines, dtype=np.int64)
    offers = listed.members[left[answer.x > 0.5]].indices  # 0 or 1, but for rounding
    picks[table.line[offers]] = offers
    return Found(picks, proved)


def _rows(table: Table, listed: Bundles) -> tuple[sparse.csr_matrix, Flags]:
    """Rows for lines (= 1), suppliers (≤ 1) and risk (≤ 1, as a part of what is allowed); which are equalities."""
    count = len(listed.cost)
    line_of = sparse.csr_matrix(
        (np.ones(len(table.offers)), (np.arange(len(table.offers)), table.line)), shape=(len(table.offers), table.lines)
    )
    suppliers = sparse.csr_matrix(
        (np.ones(count), (listed.supplier, np.arange(count))), shape=(len(table.freight), count)
    )
    rows = [(listed.members @ line_of).T, suppliers]
    if table.max_risk:
        rows.append(sparse.csr_matrix(listed.risk[None, :] / table.max_risk))
    elif table.max_risk == 0:
        rows.append(sparse.csr_matrix(2.0 * (listed.risk[None, :] > 0)))
    matrix = sparse.vstack(rows, format="csr")
    equal = np.arange(matrix.shape[0]) < table.lines
    return matrix, equal
