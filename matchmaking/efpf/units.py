"""Free-text units of NIMBLE catalogues, as far as we know them; what we do not know is refused, never guessed."""

import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from types import MappingProxyType

MAX_LEAD_TIME_H = 365 * 24

# Hours a unit may take at most: a month is counted as 31 days and five working days as a week, so that a promise
# built on it is never too early. Codes are UN/ECE Recommendation 20.
_HOURS: Mapping[str, Fraction] = MappingProxyType(
    {
        "hour": Fraction(1),
        "h": Fraction(1),
        "hur": Fraction(1),
        "day": Fraction(24),
        "d": Fraction(24),
        "calendar day": Fraction(24),
        "working day": Fraction(7 * 24, 5),
        "business day": Fraction(7 * 24, 5),
        "week": Fraction(7 * 24),
        "wk": Fraction(7 * 24),
        "wee": Fraction(7 * 24),
        "month": Fraction(31 * 24),
        "mon": Fraction(31 * 24),
    }
)
_PIECES = frozenset({"piece", "pc", "pce", "unit", "item", "each", "ea", "c62", "h87"})
_PLURAL = re.compile(r"\(s\)$|s$")


class UnknownUnit(ValueError):
    """The unit is not in our table."""


def _plain(unit: str) -> str:
    return _PLURAL.sub("", " ".join(unit.replace("_", " ").lower().split()))


def hours_of(amount: Decimal, unit: str) -> int:
    """`amount` of `unit` in whole hours, rounded up.

    Raises UnknownUnit, or ValueError if it is not between 0 and 365 days.
    """
    hours_each = _HOURS.get(_plain(unit))
    if hours_each is None:
        raise UnknownUnit("unknown unit of delivery time")
    exact = Fraction(amount) * hours_each
    hours = -(-exact.numerator // exact.denominator)
    if not 0 <= hours <= MAX_LEAD_TIME_H:
        raise ValueError("delivery time is not between 0 and 365 days")
    return hours


def whole_pieces(amount: Decimal, unit: str | None = None) -> int:
    """`amount` pieces as a whole number, rounded up. Raises UnknownUnit, or ValueError if not 1 to 10⁹."""
    if unit is not None and _plain(unit) not in _PIECES:
        raise UnknownUnit("unknown unit of quantity")
    pieces = int(amount.to_integral_value(rounding=ROUND_CEILING))
    if not 1 <= pieces <= 10**9:
        raise ValueError("quantity is not between 1 and 10⁹")
    return pieces
