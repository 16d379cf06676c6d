"""The terms of the choice: lines to buy, candidates for them, what suppliers demand, limits, and the choice itself.

All money is whole minor units (cents), all times whole hours, all quantities whole pieces, all rates whole parts: per
ten thousand (basis points) for discounts, per million for reliabilities. NoFeasibleSelection is the one error.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PPM = 1_000_000
MOST_MINOR = 10**11
"""No price, freight or minimum is above a thousand million euros: so sums are exact in the solver's doubles."""
MOST_HOURS = 10**9


@dataclass(frozen=True, slots=True)
class Line:
    """`quantity` pieces that one supplier is to deliver.

    `category` and `attributes` (name → value, as in an item's properties; numbers with their unit behind `@`) say
    what fits, for `candidates_for`; the choice itself only looks at candidates of this `line_id`. `certificates` must
    be stated by who delivers this line, beside those that all lines demand (`Constraints`).
    """

    line_id: str
    quantity: int
    category: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    certificates: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.quantity < 1:
            raise ValueError("a line needs a quantity of at least 1")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One supplier's offer for one line: `price_minor` for `base_quantity` pieces.

    `hours` of the supplier's capacity go into the whole line. `reliability_ppm` is the chance, in millionths, that it
    arrives as promised.
    """

    line_id: str
    offer_id: str
    supplier_id: str
    price_minor: int
    lead_time_h: int
    currency: str = "EUR"
    base_quantity: int = 1
    minimum_quantity: int = 1
    hours: int = 0
    reliability_ppm: int = PPM
    certificates: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.price_minor < 0 or self.lead_time_h < 0 or self.base_quantity < 1 or self.minimum_quantity < 1:
            raise ValueError("prices and times are not negative, quantities are at least 1")
        if not 0 <= self.hours <= MOST_HOURS or not 1 <= self.reliability_ppm <= PPM:
            raise ValueError("hours are not negative, a reliability is from 1 to 1000000 millionths")

    def total_minor(self, quantity: int) -> int:
        """The price of `quantity` pieces, half a cent rounded up (as in `Offer.total_minor`)."""
        return (2 * self.price_minor * quantity + self.base_quantity) // (2 * self.base_quantity)


@dataclass(frozen=True, slots=True)
class Supplier:
    """What one supplier demands, and gives, for all that is ordered from it.

    `freight_minor` is paid once. Lines together may take `capacity_h` hours (None: any) and must cost at least
    `minimum_order_minor` before the discount. From `bundle_lines` lines on, `bundle_bps` ten-thousandths of their
    price are deducted, floored to a cent.
    """

    supplier_id: str
    freight_minor: int = 0
    capacity_h: int | None = None
    minimum_order_minor: int = 0
    bundle_lines: int = 1
    bundle_bps: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.freight_minor <= MOST_MINOR and 0 <= self.minimum_order_minor <= MOST_MINOR):
            raise ValueError("freight and minimum order are from 0 to a thousand million")
        if self.capacity_h is not None and not 0 <= self.capacity_h <= MOST_HOURS:
            raise ValueError("a capacity is not negative")
        if self.bundle_lines < 1 or not 0 <= self.bundle_bps < 10_000:
            raise ValueError("a bundle has at least 1 line and a discount from 0 to 9999 ten-thousandths")


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a choice must keep, and the seed that decides between equals (an order's id).

    `max_risk_micro` limits Σ ⌈−10⁶ · ln reliability⌉ over the lines: 105361 demands a chance of 0.9 that all arrive as
    promised. `certificates` must all be stated by each chosen offer: silence is no promise.
    """

    currency: str = "EUR"
    max_lead_time_h: int | None = None
    max_total_minor: int | None = None
    max_risk_micro: int | None = None
    certificates: frozenset[str] = frozenset()
    excluded_offers: frozenset[str] = frozenset()
    excluded_suppliers: frozenset[str] = frozenset()
    seed: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """All that a choice depends on. A supplier that is not named demands nothing."""

    lines: tuple[Line, ...]
    candidates: tuple[Candidate, ...]
    suppliers: Mapping[str, Supplier] = field(default_factory=dict)
    constraints: Constraints = field(default_factory=Constraints)

    def __post_init__(self) -> None:
        if len({line.line_id for line in self.lines}) != len(self.lines):
            raise ValueError("line ids must differ")
        keys = {(one.line_id, one.supplier_id, one.offer_id) for one in self.candidates}
        if len(keys) != len(self.candidates):
            raise ValueError("a supplier's offers for a line must differ in their ids")


RelaxationKind = Literal[
    "lead_time_h", "certificate", "quantity", "risk_micro", "capacity_h", "minimum_order_minor", "total_minor"
]


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The smallest change of one constraint that would help: `needed` instead of `now`.

    `subject` is the line of a quantity, or the certificate that would have to be waived. Capacity and minimum order
    say what every supplier would have to give: up to `needed` more hours, up to `needed` cents less.
    """

    kind: RelaxationKind
    needed: int
    now: int
    subject: str | None = None

    def __str__(self) -> str:
        match self.kind:
            case "certificate":
                return f"certificate {self.subject} would have to be waived"
            case "capacity_h":
                return f"suppliers would have to find up to {self.needed} h beyond their capacity"
            case "minimum_order_minor":
                return f"suppliers would have to take orders up to {self.needed} below their minimum_order_minor"
            case _:
                of = f" of line {self.subject!r}" if self.subject is not None else ""
                return f"{self.kind}{of} would have to be {self.needed} instead of {self.now}"


class NoFeasibleSelection(Exception):
    """No choice keeps the constraints. `line_id` is a line without a fit offer (None: the lines hinder one another, or
    the total is too high), `counts` how many of its offers failed for which reason. `relaxations` are those changes of
    one constraint that help, smallest of their kind, what costs nothing first; or `together`: all are needed.
    """

    def __init__(
        self,
        line_id: str | None,
        counts: Mapping[str, int],
        relaxations: tuple[Relaxation, ...],
        together: bool = False,
    ) -> None:
        self.line_id = line_id
        self.counts = dict(counts)
        self.relaxations = relaxations
        self.together = together
        what = "no choice keeps all limits" if line_id is None else f"no offer fits line {line_id!r}"
        why = ", ".join(f"{count} × {reason}" for reason, count in sorted(self.counts.items()))
        help_ = " and ".join(map(str, relaxations if together else relaxations[:1]))
        super().__init__(f"{what}{f' ({why})' if why else ''}{f'; {help_}' if help_ else ''}")

    @property
    def relaxation(self) -> Relaxation | None:
        """The first of `relaxations`."""
        return self.relaxations[0] if self.relaxations else None


@dataclass(frozen=True, slots=True)
class RunnerUp:
    """What the best choice found without the chosen offer takes for this line, and what the whole costs more then.

    `proved` is true if no choice without the chosen offer costs less.
    """

    offer_id: str
    supplier_id: str
    extra_minor: int
    proved: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """The offer chosen for a line, its price, why it was chosen, and the runner-up (None: nobody else could).

    `bound_by` names what kept the line's cheapest offer, `passed_over`, out: a limit, or the cost of the whole; both
    are None if it is chosen.
    """

    line_id: str
    candidate: Candidate
    total_minor: int
    reason: str
    runner_up: RunnerUp | None
    bound_by: str | None = None
    passed_over: Candidate | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """A choice for every line, in the order of the lines.

    `total_minor` is prices and freight less discounts. `bound_minor` is proved: no choice costs less. `proved` means
    that both are equal, so this is the cheapest.
    """

    choices: tuple[Choice, ...]
    total_minor: int
    freight_minor: int
    discount_minor: int
    lead_time_h: int
    risk_micro: int
    bound_minor: int

    @property
    def proved(self) -> bool:
        """True if nothing is cheaper."""
        return self.bound_minor == self.total_minor

    @property
    def gap(self) -> float:
        """By which part of the total a better choice could be cheaper at most."""
        return (self.total_minor - self.bound_minor) / self.total_minor if self.total_minor else 0.0

    def by_supplier(self) -> dict[str, tuple[Choice, ...]]:
        """The choices of each supplier: what one supply agreement holds."""
        grouped: dict[str, tuple[Choice, ...]] = {}
        for choice in self.choices:
            supplier = choice.candidate.supplier_id
            grouped[supplier] = (*grouped.get(supplier, ()), choice)
        return grouped
