"""The admitted offers as arrays, in an order that the seed draws: so the order of the input plays no part."""

import hashlib
import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchmaking.selection.admission import Admitted
from matchmaking.selection.model import PPM, Candidate, Problem, Supplier

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Table:
    """One row an offer: `line` and `supplier` are positions; `price` is that of the whole line.

    Then one row a supplier. `capacity` is what all its offers take where it is not limited, so it never binds.
    `max_risk` is None where risk is not limited. `draws` decide between equals: lead time, then the seed's hash.
    """

    offers: tuple[Candidate, ...]
    line: Ints
    supplier: Ints
    price: Ints
    hours: Ints
    risk: Ints
    draws: tuple[tuple[int, bytes], ...]
    freight: Ints
    capacity: Ints
    minimum: Ints
    bundle_lines: Ints
    bundle_bps: Ints
    lines: int
    max_risk: int | None

    def total(self, picks: Ints) -> int:
        """What the picked offers cost: prices, freight of the suppliers used, less the discounts, each floored."""
        value = np.bincount(self.supplier[picks], self.price[picks], len(self.freight)).astype(np.int64)
        count = np.bincount(self.supplier[picks], minlength=len(self.freight))
        earned = (count > 0) & (count >= self.bundle_lines)
        return int((value + np.where(count > 0, self.freight, 0) - np.where(earned, self._discount(value), 0)).sum())

    def keeps(self, picks: Ints) -> bool:
        """True if capacity, minimum order and risk hold."""
        suppliers = self.supplier[picks]
        hours = np.bincount(suppliers, self.hours[picks], len(self.freight))
        value = np.bincount(suppliers, self.price[picks], len(self.freight))
        used = np.bincount(suppliers, minlength=len(self.freight)) > 0
        if self.max_risk is not None and self.risk[picks].sum() > self.max_risk:
            return False
        return bool((hours <= self.capacity).all() and (value >= self.minimum)[used].all())

    def _discount(self, value: Ints) -> Ints:
        whole, rest = np.divmod(value, 10_000)  # so that no product leaves 64 bits
        return whole * self.bundle_bps + rest * self.bundle_bps // 10_000

    def rows(self, keep: Flags | Ints) -> "Table":
        """The same with these offers only."""
        at = np.arange(len(self.offers))[keep]
        per_offer = {name: getattr(self, name)[at] for name in ("line", "supplier", "price", "hours", "risk")}
        rest = ("freight", "capacity", "minimum", "bundle_lines", "bundle_bps", "lines", "max_risk")
        return Table(
            offers=tuple(self.offers[one] for one in at),
            draws=tuple(self.draws[one] for one in at),
            **per_offer,
            **{name: getattr(self, name) for name in rest},
        )


def table_of(problem: Problem, offers: Admitted) -> Table:
    """The table of `offers`; positions of lines are those of their sorted ids."""
    seed = problem.constraints.seed
    quantities = {line.line_id: line.quantity for line in problem.lines}
    lines = {name: at for at, name in enumerate(sorted(quantities))}
    ordered = sorted(((_draw(seed, one), one) for some in offers.values() for one in some), key=lambda pair: pair[0])
    rows = [one for _, one in ordered]
    names = sorted({one.supplier_id for one in rows})
    suppliers = {name: at for at, name in enumerate(names)}
    terms = [problem.suppliers.get(name) or Supplier(name) for name in names]
    plenty = sum(one.hours for one in rows)
    return Table(
        offers=tuple(rows),
        line=_ints([lines[one.line_id] for one in rows]),
        supplier=_ints([suppliers[one.supplier_id] for one in rows]),
        price=_ints([one.total_minor(quantities[one.line_id]) for one in rows]),
        hours=_ints([one.hours for one in rows]),
        risk=_ints([risk_micro(one.reliability_ppm) for one in rows]),
        draws=tuple((one.lead_time_h, draw) for draw, one in ordered),
        freight=_ints([one.freight_minor for one in terms]),
        capacity=_ints([plenty if one.capacity_h is None else min(one.capacity_h, plenty) for one in terms]),
        minimum=_ints([one.minimum_order_minor for one in terms]),
        bundle_lines=_ints([one.bundle_lines for one in terms]),
        bundle_bps=_ints([one.bundle_bps for one in terms]),
        lines=len(lines),
        max_risk=problem.constraints.max_risk_micro,
    )


@cache
def risk_micro(reliability_ppm: int) -> int:
    """−ln of a reliability in millionths, rounded up."""
    return math.ceil(-math.log(reliability_ppm / PPM) * PPM)


def _draw(seed: str, one: Candidate) -> bytes:
    text = "\x1f".join((seed, one.line_id, one.supplier_id, one.offer_id))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _ints(values: list[int]) -> NDArray[Any]:
    return np.array(values, dtype=np.int64)
