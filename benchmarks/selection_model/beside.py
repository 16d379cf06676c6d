"""The same questions, put plainly to HiGHS and to CP-SAT: one variable an offer, a supplier, a bundle, a discount."""

import threading
import time
from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from matchmaking.selection.table import Floats, Ints, Table

_CALLS = 3
_NEARLY = 0.9
_MOST_LONGER = 4.0
_GLANCE_S = 0.05
_LONGEST_WAIT_S = 120.0
"""On the wall, should the processor be given to others all the time."""


@dataclass(frozen=True)
class Beside:
    """What was found and proved: rows of the table by line, or None, and what nothing undercuts.

    `total` is what the picks cost, `objective` what the solver took them for: it may leave a discount unused.
    """

    picks: Ints | None
    total: int
    objective: float
    bound: float
    cpu_s: float

    @property
    def gap(self) -> float:
        """The part of what was found that is not proved; 1 if nothing was found."""
        return 1.0 if self.picks is None else (self.total - self.bound) / self.total if self.total else 0.0


def highs(table: Table, cpu_s: float, *, slowness: float) -> Beside:
    """`milp` as it is: x ≤ y for each offer, one discount with a big M a supplier.

    HiGHS looks at the wall's clock alone: it gets `slowness` seconds of it for each of the processor's, and where the
    machine gave it less than `cpu_s` of those, another call with more. What it had is in the answer.
    """
    limit_s = cpu_s * slowness
    for _ in range(_CALLS):
        found = _highs(table, limit_s)
        if found.gap == 0 or found.cpu_s >= _NEARLY * cpu_s:
            break
        limit_s *= min(_MOST_LONGER, cpu_s / max(found.cpu_s, 0.1))
    return found


def _highs(table: Table, seconds: float) -> Beside:
    offers, suppliers = len(table.offers), len(table.freight)
    rate = table.bundle_bps / 10_000
    x, y = np.arange(offers), offers + np.arange(suppliers)
    z, d = y + suppliers, y + 2 * suppliers
    width, s, one = offers + 3 * suppliers, table.supplier, np.arange(suppliers)

    def block(height: int, *parts: tuple[np.ndarray, np.ndarray, np.ndarray]) -> sparse.csr_matrix:
        rows, cells, values = (np.concatenate(some) for some in zip(*parts, strict=True))
        return sparse.csr_matrix((values, (rows, cells)), shape=(height, width))

    value = np.bincount(s, table.price, suppliers)
    count, ones, same = np.ones(offers), np.ones(suppliers), np.zeros(offers, dtype=int)
    blocks = [
        (block(table.lines, (table.line, x, count)), 1.0, 1.0),
        (block(offers, (x, x, count), (x, y[s], -count)), -np.inf, 0.0),
        (block(suppliers, (s, x, table.hours), (one, y, -table.capacity)), -np.inf, 0.0),
        (block(suppliers, (s, x, table.price), (one, y, -table.minimum)), 0.0, np.inf),
        (block(suppliers, (s, x, count), (one, z, -table.bundle_lines)), 0.0, np.inf),
        (block(suppliers, (one, d, ones), (s, x, -rate[s] * table.price)), -np.inf, 0.0),
        (block(suppliers, (one, d, ones), (one, z, -rate * value)), -np.inf, 0.0),
        (block(suppliers, (one, z, ones), (one, y, -ones)), -np.inf, 0.0),
        (block(1, (same, x, table.risk)), -np.inf, np.inf if table.max_risk is None else float(table.max_risk)),
    ]
    started = time.process_time()
    answer = milp(
        np.concatenate([table.price, table.freight, np.zeros(suppliers), -ones]),
        constraints=LinearConstraint(
            sparse.vstack([rows for rows, _, _ in blocks]),
            np.concatenate([np.full(rows.shape[0], low) for rows, low, _ in blocks]),
            np.concatenate([np.full(rows.shape[0], high) for rows, _, high in blocks]),
        ),
        bounds=Bounds(0, np.concatenate([np.ones(offers + 2 * suppliers), rate * value + 1])),
        integrality=np.repeat([1, 0], [offers + 2 * suppliers, suppliers]),
        options={"time_limit": seconds, "mip_rel_gap": 0.0},
    )
    spent = time.process_time() - started
    if answer.x is None or answer.mip_dual_bound is None:
        return Beside(None, 0, 0.0, -np.inf, spent)
    picks = _picks(table, answer.x[:offers])
    return Beside(picks, table.total(picks), answer.fun, answer.mip_dual_bound, spent)


def _picks(table: Table, x: Floats) -> Ints:
    """For each line the offer that was taken."""
    taken = np.flatnonzero(x > 0.5)  # 0 or 1, but for rounding
    picks = np.zeros(table.lines, dtype=np.int64)
    picks[table.line[taken]] = taken
    return picks


def cpsat(table: Table, cpu_s: float) -> Beside:
    """CP-SAT with one worker; discounts as whole cents. It is told to stop when it has had `cpu_s` of the processor."""
    model = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in table.offers]
    y = [model.new_bool_var("") for _ in table.freight]
    for line in range(table.lines):
        model.add_exactly_one(x[at] for at in np.flatnonzero(table.line == line))
    cost = [int(price) * one for price, one in zip(table.price, x, strict=True)]
    cost += [int(freight) * one for freight, one in zip(table.freight, y, strict=True)]
    for supplier, opened in enumerate(y):
        mine = np.flatnonzero(table.supplier == supplier)
        for at in mine:
            model.add_implication(x[at], opened)
        value = sum(int(table.price[at]) * x[at] for at in mine)
        model.add(sum(int(table.hours[at]) * x[at] for at in mine) <= int(table.capacity[supplier]) * opened)
        model.add(value >= int(table.minimum[supplier]) * opened)
        bps = int(table.bundle_bps[supplier])
        if bps:
            earned = model.new_bool_var("")
            discount = model.new_int_var(0, int(table.price[mine].sum()) * bps // 10_000, "")
            model.add_implication(earned, opened)
            model.add(sum(x[at] for at in mine) >= int(table.bundle_lines[supplier]) * earned)
            model.add(10_000 * discount <= bps * value)
            model.add(discount == 0).only_enforce_if(earned.negated())
            cost.append(-discount)
    if table.max_risk is not None:
        model.add(sum(int(risk) * one for risk, one in zip(table.risk, x, strict=True)) <= table.max_risk)
    model.minimize(sum(cost))
    solver = cp_model.CpSolver()
    status, spent = _solved(solver, model, cpu_s)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Beside(None, 0, 0.0, -np.inf, spent)
    picks = _picks(table, np.array([solver.value(one) for one in x], dtype=np.float64))
    return Beside(picks, table.total(picks), solver.objective_value, solver.best_objective_bound, spent)


def _solved(solver: cp_model.CpSolver, model: cp_model.CpModel, cpu_s: float) -> tuple[cp_model.CpSolverStatus, float]:
    """How it ended, and the seconds that it had."""
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = _LONGEST_WAIT_S
    started = time.process_time()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_GLANCE_S):
            if time.process_time() - started >= cpu_s:
                solver.stop_search()

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    status = solver.solve(model)
    over.set()
    watching.join()
    return status, time.process_time() - started
