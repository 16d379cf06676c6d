"""The choice as a mixed-integer program, in the strong form of facility location.

A *facility* is a supplier in a mode: without its bundle discount or with it. Variables: x, 1 where an offer is taken
in a mode; y, 1 where a facility is open. Each line takes one x; **x ≤ y for each x**; a supplier has one open mode at
most; and for each facility, times its y: hours within its capacity, value at least its minimum order, lines at least
the bundle's. That the mode multiplies the price keeps the relaxation far tighter than one discount with a big M.

Two facts of whole numbers tighten it for nothing: of offers that each take more than a (k+1)-th of the capacity at
most k fit, and an offer dearer than the minimum order counts no more than the minimum order.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from matchmaking.selection.table import Flags, Floats, Ints, Table

_CROWDS = (1, 2, 3, 4, 5)
"""The k of "at most k fit": beyond, few suppliers are so full."""


@dataclass(slots=True)
class Program:
    """min cost · (x, y) with low ≤ matrix · (x, y) ≤ high, all from 0 to 1.

    The first `lines` rows cover the lines, the next `columns` rows are x ≤ y. `offer` and `facility` say what an x
    is; `supplier` and `bundled` what a facility is.
    """

    table: Table
    offer: Ints
    facility: Ints
    supplier: Ints
    bundled: Flags
    cost: Floats
    matrix: sparse.csr_matrix = field(init=False)
    low: Floats = field(init=False)
    high: Floats = field(init=False)
    _risk_row: int = field(init=False)

    def __post_init__(self) -> None:
        blocks, lows, highs = zip(*_rows(self), strict=True)
        self.matrix = sparse.vstack(blocks, format="csr")
        self.low, self.high = np.concatenate(lows), np.concatenate(highs)
        self._risk_row = len(self.low) - 1

    def risk_price(self, dual: Floats) -> float:
        """What the duals say of a millionth of risk."""
        most = self.table.max_risk
        return 0.0 if most is None else float(dual[self._risk_row]) / max(most, 1)

    @property
    def columns(self) -> int:
        """How many x there are; the y follow."""
        return len(self.offer)

    def add(self, rows: sparse.csr_matrix, high: Floats) -> None:
        """More rows ≤ `high`, such as cuts."""
        self.matrix = sparse.vstack([self.matrix, rows], format="csr")
        self.low = np.concatenate([self.low, np.full(len(high), -np.inf)])
        self.high = np.concatenate([self.high, high])

    def window(self, keep: Flags) -> tuple[Ints, Ints]:
        """The columns (x of `keep` and their y) and the rows that say something about them."""
        chosen = np.flatnonzero(keep)
        opened = np.unique(self.facility[chosen]) + self.columns
        says = np.ones(self.matrix.shape[0], dtype=bool)
        says[self.table.lines : self.table.lines + self.columns] = keep
        return np.concatenate([chosen, opened]), np.flatnonzero(says)


def program_of(table: Table) -> Program:
    """The program; a bundle that a supplier cannot reach has no mode."""
    suppliers = len(table.freight)
    reachable = (table.bundle_bps > 0) & (_lines_served(table) >= table.bundle_lines)
    plain, bundled = np.arange(len(table.offers)), np.flatnonzero(reachable[table.supplier])
    offer = np.concatenate([plain, bundled])
    mode = np.repeat([0, 1], [len(plain), len(bundled)])
    kinds, facility = np.unique(table.supplier[offer] + mode * suppliers, return_inverse=True)
    supplier = kinds % suppliers if suppliers else kinds
    price = table.price[offer] * (1 - mode * table.bundle_bps[table.supplier[offer]] / 10_000)
    cost = np.concatenate([price, table.freight[supplier]])
    return Program(table, offer, facility, supplier, kinds >= suppliers, cost)


def _lines_served(table: Table) -> Ints:
    """For how many lines each supplier has an offer."""
    pairs = np.unique(np.stack([table.supplier, table.line]), axis=1)
    return np.bincount(pairs[0], minlength=len(table.freight)).astype(np.int64)


def _rows(program: Program) -> list[tuple[sparse.csr_matrix, Floats, Floats]]:
    table, facility, supplier = program.table, program.facility, program.supplier
    columns, facilities = program.columns, len(supplier)
    width, at = columns + facilities, np.arange(columns)
    hours, price = table.hours[program.offer].astype(float), table.price[program.offer].astype(float)
    capacity, least = table.capacity[supplier].astype(float), table.minimum[supplier].astype(float)

    def block(values: Floats, rows: Ints, cells: Ints, height: int) -> sparse.csr_matrix:
        return sparse.csr_matrix((values, (rows, cells)), shape=(height, width))

    def each(values: Floats, times_y: Floats, where: Flags) -> sparse.csr_matrix:
        """Σ values · x + times_y · y of each facility `where`."""
        cells = np.concatenate([at, columns + np.arange(facilities)])
        rows = np.concatenate([facility, np.arange(facilities)])
        return block(np.concatenate([values, times_y]), rows, cells, facilities)[np.flatnonzero(where)]

    def summed(values: Floats) -> Floats:
        return np.bincount(facility, values, facilities).astype(np.float64)

    ones = np.ones(columns)
    cover = block(ones, table.line[program.offer], at, table.lines)
    strong = block(np.repeat([1.0, -1.0], columns), np.tile(at, 2), np.concatenate([at, columns + facility]), columns)
    capped = np.minimum(price, least[facility]) / np.maximum(least[facility], 1)
    under = [each(hours, -capacity, summed(hours) > capacity)]
    for k in _CROWDS:
        big = (hours * (k + 1) > capacity[facility]).astype(float)
        under.append(each(big, np.full(facilities, -float(k)), summed(big) > k))
    over = [
        each(capped, np.full(facilities, -1.0), least > 0),
        each(ones, -table.bundle_lines[supplier].astype(float), program.bundled & (table.bundle_lines[supplier] > 1)),
    ]
    one_mode = block(np.ones(facilities), supplier, columns + np.arange(facilities), len(table.freight))
    rows = [(cover, np.ones(table.lines), np.ones(table.lines)), _upper(strong, 0.0), *(_upper(u, 0.0) for u in under)]
    rows += [(o, np.zeros(o.shape[0]), np.full(o.shape[0], np.inf)) for o in over]
    rows.append(_upper(one_mode, 1.0))
    if table.max_risk is not None:
        scale = max(table.max_risk, 1)
        risk = block(table.risk[program.offer] / scale, np.zeros(columns, dtype=np.int64), at, 1)
        rows.append(_upper(risk, table.max_risk / scale))
    return rows


def _upper(rows: sparse.csr_matrix, high: float) -> tuple[sparse.csr_matrix, Floats, Floats]:
    return rows, np.full(rows.shape[0], -np.inf), np.full(rows.shape[0], high)
