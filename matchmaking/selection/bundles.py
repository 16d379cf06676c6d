"""All that one supplier could sensibly deliver, as whole bundles, and the exact choice among bundles.

A bundle is a set of one supplier's offers that keeps its capacity and its minimum order; it costs what the supplier
would charge for just that, to the cent: freight, prices, the discount floored. Choosing bundles is set partitioning,
whose relaxation is far tighter than that of single offers, for no fraction of an offer fills a capacity.

With prices `u` of the lines and `v` of risk from any relaxation, a bundle costs so much more than its lines are worth.
If the bound and that together exceed the best choice known, the bundle is in no better one. So few must be listed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from matchmaking.selection.bound import Prices
from matchmaking.selection.table import Flags, Floats, Ints, Table

MOST_BUNDLES = 60_000
_MOST_OFFERS = 62
"""Of one supplier: a set is the bits of one integer."""

Masks = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bundles:
    """`members` is a row a bundle and a column an offer; `value` is the bound by these prices."""

    members: sparse.csr_matrix
    supplier: Ints
    cost: Ints
    risk: Ints


@dataclass(slots=True)
class _Sets:
    """Sets of one supplier's offers, grown offer by offer."""

    mask: Masks
    count: Ints
    hours: Ints
    price: Ints
    risk: Ints
    least: Floats

    def grown(self, bit: int, table: Table, offer: int, least: float) -> "_Sets":
        """Each with one more offer."""
        return _Sets(
            self.mask | (1 << bit),
            self.count + 1,
            self.hours + table.hours[offer],
            self.price + table.price[offer],
            self.risk + table.risk[offer],
            self.least + least,
        )

    def where(self, keep: Flags) -> "_Sets":
        """Those of `keep`."""
        return _Sets(*(getattr(self, name)[keep] for name in self.__slots__))

    def __add__(self, other: "_Sets") -> "_Sets":
        pairs = ((getattr(self, name), getattr(other, name)) for name in self.__slots__)
        return _Sets(*(np.concatenate(pair) for pair in pairs))


def bundles(table: Table, prices: Prices, slack: float) -> Bundles | None:
    """All bundles that cost at most `slack` more than their lines are worth; None if they are too many."""
    worth = table.price - prices.line[table.line] - prices.risk * table.risk
    discounted = worth - table.price * table.bundle_bps[table.supplier] / 10_000
    found: list[tuple[sparse.csr_matrix, int, _Sets, Ints]] = []
    total = 0
    for supplier, offers in _by_supplier(table):
        # The dearest bundle in which an offer still makes sense has all others that earn something.
        alone = float(table.freight[supplier] + np.minimum(_best(table, offers, discounted), 0).sum())
        useful = offers[alone + np.maximum(discounted[offers], 0) <= slack]
        if not len(useful):
            continue
        if len(useful) > _MOST_OFFERS:
            return None
        sets = _sets(table, supplier, useful, discounted, slack)
        if sets is None:
            return None
        sets, cost = _priced(table, supplier, sets, prices, useful, slack)
        total += len(cost)
        if total > MOST_BUNDLES:
            return None
        if len(cost):
            bits = (sets.mask[:, None] >> np.arange(len(useful))) & 1
            rows, cells = np.nonzero(bits)
            shape = (len(cost), len(table.offers))
            found.append(
                (sparse.csr_matrix((np.ones(len(rows)), (rows, useful[cells])), shape=shape), supplier, sets, cost)
            )
    if not found:
        return Bundles(sparse.csr_matrix((0, len(table.offers))), *(np.zeros(0, dtype=np.int64) for _ in range(3)))
    return Bundles(
        sparse.vstack([members for members, *_ in found], format="csr"),
        np.concatenate([np.full(len(cost), supplier) for _, supplier, _, cost in found]),
        np.concatenate([cost for *_, cost in found]),
        np.concatenate([sets.risk for _, _, sets, _ in found]),
    )


def _by_supplier(table: Table) -> Iterator[tuple[int, Ints]]:
    order = np.lexsort((table.line, table.supplier))
    edges = np.flatnonzero(np.diff(table.supplier[order])) + 1
    for offers in np.split(order, edges):
        yield int(table.supplier[offers[0]]), offers


def _best(table: Table, offers: Ints, worth: Floats) -> Floats:
    """What the best offer of each line is worth."""
    least = np.full(table.lines, np.inf)
    np.minimum.at(least, table.line[offers], worth[offers])
    found: Floats = least[np.isfinite(least)]
    return found


def _sets(table: Table, supplier: int, offers: Ints, worth: Floats, slack: float) -> _Sets | None:
    """The sets that fit the capacity and may still come to `slack` at most, one offer a line."""
    zero = np.zeros(1, dtype=np.int64)
    sets = _Sets(zero, zero, zero, zero, zero, np.array([float(table.freight[supplier])]))
    gains = {int(line): min(0.0, float(worth[offers[table.line[offers] == line]].min())) for line in table.line[offers]}
    rest = sum(gains.values())
    for line, gain in gains.items():
        rest -= gain
        mine = [at for at in range(len(offers)) if table.line[offers[at]] == line]
        grown = [sets, *(sets.grown(at, table, offers[at], float(worth[offers[at]])) for at in mine)]
        for at, some in enumerate(grown):
            grown[at] = some.where((some.hours <= table.capacity[supplier]) & (some.least + rest <= slack))
        sets = grown[0]
        for some in grown[1:]:
            sets = sets + some
        if len(sets.mask) > MOST_BUNDLES:
            return None
    return sets


def _priced(table: Table, supplier: int, sets: _Sets, prices: Prices, offers: Ints, slack: float) -> tuple[_Sets, Ints]:
    """The sets that the supplier takes as an order, with what it charges."""
    sets = sets.where((sets.count > 0) & (sets.price >= table.minimum[supplier]))
    discount = sets.price * int(table.bundle_bps[supplier]) // 10_000
    earned = sets.count >= table.bundle_lines[supplier]
    cost = table.freight[supplier] + sets.price - np.where(earned, discount, 0)
    bits = (sets.mask[:, None] >> np.arange(len(offers))) & 1
    reduced = cost - bits @ prices.line[table.line[offers]] - prices.risk * sets.risk
    keep = reduced <= slack
    return sets.where(keep), cost[keep]
