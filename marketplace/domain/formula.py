"""Formulas: what a template works out from a customer's values.

The domain knows what a formula is; who reads its text stands outside (`marketplace/planning/expressions.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

Scalar = str | int | bool | float
Values = Mapping[str, Scalar]
"""An option's id or a feature's, and its value."""


class FormulaFailed(Exception):
    """These values have no answer, as in a division by zero. The text says why."""


class Formula(Protocol):
    """Something that values decide: the same values, the same answer."""

    @property
    def options(self) -> frozenset[str]:
        """The options it depends on, also through features."""
        ...

    def __call__(self, values: Values) -> Scalar:
        """The answer. Raises FormulaFailed."""
        ...


@dataclass(frozen=True)
class Table:
    """An answer for each value of one choice option."""

    option: str
    answers: Mapping[str, Scalar]

    @property
    def options(self) -> frozenset[str]:
        """The one option."""
        return frozenset((self.option,))

    def __call__(self, values: Values) -> Scalar:
        """The row's answer. Raises FormulaFailed."""
        chosen = str(values[self.option])
        if chosen not in self.answers:
            raise FormulaFailed(f"there is no row for {chosen}")
        return self.answers[chosen]
