"""What a template says of its costs: formulas over the same sheet as its rules and its routing.

Without it a product has list prices. With it the price follows from minutes, grams and rates (`costing`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from marketplace.domain.engineering import counted
from marketplace.domain.formula import Formula, Values

WORK: Final = ("setup", "programming", "run", "finishing", "inspection")
"""Minutes at a rate by the hour. Set-up and run follow from the routing where their minutes are left out."""

FIGURES: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(WORK, ("minutes", "minor_per_hour")),
    "run": ("minutes", "minor_per_hour", "risk_bps"),
    "material": ("grams", "minor_per_kg", "scrap_bps"),
    "freight": ("minor",),
    "discount": ("bps",),
}
"""The parts of a cost sheet and their figures. `risk_bps` is how much longer eight runs of ten stay below."""

RATES: Final = ("margin_bps", "tax_bps", "rush_bps")
"""Figures that stand alone. `rush_bps` is the surcharge of a date up to which every capable machine is booked."""


@dataclass(frozen=True, slots=True)
class BoughtRate:
    """What a bought line costs the customer: cents per piece, and its own rate of tax if it has one."""

    minor_per_piece: Formula
    tax_bps: Formula | None = None


@dataclass(frozen=True, slots=True)
class Costing:
    """Figures by name (`run.minor_per_hour`, `margin_bps`); what is left out is 0. `bought` is by line of the bill.

    `from_minor` is what the least amount of the defaults costs: from where the product is advertised.
    """

    figures: Mapping[str, Formula]
    bought: Mapping[str, BoughtRate]
    discount_label: str = "Discount"
    from_minor: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a cost sheet for one configuration. Asking raises NotMakeable where one cannot be worked out."""

    costing: Costing
    values: Values

    def figure(self, name: str, otherwise: int = 0) -> int:
        """A whole number by its name."""
        formula = self.costing.figures.get(name)
        return otherwise if formula is None else self.worked_out(formula, name)

    def worked_out(self, formula: Formula, name: str) -> int:
        """A whole number by its formula."""
        return counted(formula, self.values, f"the figure {name} of its costs")

    def work(self, name: str, minutes: int = 0) -> tuple[int, int]:
        """Minutes, and cents by the hour."""
        return self.figure(f"{name}.minutes", minutes), self.figure(f"{name}.minor_per_hour")
