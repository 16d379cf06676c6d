"""The terms of the choice: lines to buy, candidates for them, constraints, and the choice with its reasons.

NoFeasibleSelection is the one error: it names the line and the smallest single concession that would help.
All money is whole minor units (cents), all times whole hours, all quantities whole pieces.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Line:
    """`quantity` pieces that one supplier is to deliver.

    `category` and `attributes` (name → value, as in an item's properties; numbers with their unit behind `@`) say
    what fits, for `candidates_for`; the choice itself only looks at candidates of this `line_id`.
    """

    line_id: str
    quantity: int
    category: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.quantity < 1:
            raise ValueError("a line needs a quantity of at least 1")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One supplier's offer for one line: `price_minor` for `base_quantity` pieces."""

    line_id: str
    offer_id: str
    supplier_id: str
    price_minor: int
    lead_time_h: int
    currency: str = "EUR"
    base_quantity: int = 1
    minimum_quantity: int = 1

    def __post_init__(self) -> None:
        if self.price_minor < 0 or self.lead_time_h < 0 or self.base_quantity < 1 or self.minimum_quantity < 1:
            raise ValueError("prices and times are not negative, quantities are at least 1")

    def total_minor(self, quantity: int) -> int:
        """The price of `quantity` pieces, half a cent rounded up (as in `Offer.total_minor`)."""
        return (2 * self.price_minor * quantity + self.base_quantity) // (2 * self.base_quantity)


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a choice must keep, and the seed that decides between equals (an order's id).

    `freight_minor` is paid once for each supplier that delivers anything (0 if not named). `max_nodes` bounds the
    search by steps, not by time, so that the same question has the same answer on every machine.
    """

    currency: str = "EUR"
    max_lead_time_h: int | None = None
    max_total_minor: int | None = None
    freight_minor: Mapping[str, int] = field(default_factory=dict)
    excluded_offers: frozenset[str] = frozenset()
    excluded_suppliers: frozenset[str] = frozenset()
    seed: str = ""
    max_nodes: int = 50_000

    def __post_init__(self) -> None:
        if any(amount < 0 for amount in self.freight_minor.values()) or self.max_nodes < 1:
            raise ValueError("freight is not negative and max_nodes is at least 1")


RelaxationKind = Literal["lead_time_h", "quantity", "total_minor"]


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The smallest change of one constraint that would help: `kind` would have to be `needed` instead of `now`."""

    kind: RelaxationKind
    needed: int
    now: int


class NoFeasibleSelection(Exception):
    """No choice keeps the constraints. `line_id` is the line without a fit offer (None: only the total is too
    high), `counts` how many of its offers failed for which reason, `relaxation` the smallest concession (None: none).
    """

    def __init__(self, line_id: str | None, counts: Mapping[str, int], relaxation: Relaxation | None) -> None:
        self.line_id = line_id
        self.counts = dict(counts)
        self.relaxation = relaxation
        what = "no choice keeps the budget" if line_id is None else f"no offer fits line {line_id!r}"
        why = ", ".join(f"{count} × {reason}" for reason, count in sorted(self.counts.items()))
        hint = ""
        if relaxation is not None:
            hint = f"; {relaxation.kind} would have to be {relaxation.needed} instead of {relaxation.now}"
        super().__init__(f"{what}{f' ({why})' if why else ''}{hint}")


@dataclass(frozen=True, slots=True)
class RunnerUp:
    """What the best choice found without the chosen offer takes for this line, and what the whole costs more then."""

    offer_id: str
    supplier_id: str
    extra_minor: int


@dataclass(frozen=True, slots=True)
class Choice:
    """The offer chosen for a line, its price, why it was chosen, and the runner-up (None: nobody else could)."""

    line_id: str
    candidate: Candidate
    total_minor: int
    reason: str
    runner_up: RunnerUp | None


@dataclass(frozen=True, slots=True)
class Selection:
    """A choice for every line, in the order of the lines.

    `total_minor` is prices and freight. `bound_minor` is proved: no choice costs less. `proved` means that both
    are equal, so this is the cheapest; it is false only if `max_nodes` ended the search.
    """

    choices: tuple[Choice, ...]
    total_minor: int
    freight_minor: int
    lead_time_h: int
    bound_minor: int
    proved: bool
    nodes: int

    def by_supplier(self) -> dict[str, tuple[Choice, ...]]:
        """The choices of each supplier: what one supply agreement holds."""
        grouped: dict[str, tuple[Choice, ...]] = {}
        for choice in self.choices:
            supplier = choice.candidate.supplier_id
            grouped[supplier] = (*grouped.get(supplier, ()), choice)
        return grouped
