"""What a supplier asks beside the price, out of an item's number properties: all optional, what is absent is not asked.

NIMBLE's index has no fields for it, but lets items carry numbers of any name with a unit behind `@` (`doubleValue`), so
it passes through registries that know nothing of it. Where one property has several values, the one that is worse for
the buyer counts; a number that cannot be meant is an error, for a freight that we do not understand is not free.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from matchmaking.offers import MINOR_UNITS, Conditions

FREIGHT, MINIMUM_ORDER = "freight@", "minimumOrderValue@"
"""Then the currency: paid once an order; what its goods must come to."""
CAPACITY, WORK = "capacity@h", "work@min"
"""Hours that an order may take of the supplier; minutes of them that one piece takes."""
BUNDLE_LINES, BUNDLE_DISCOUNT = "bundleLines", "bundleDiscount@%"
"""From so many lines on, so many percent of the goods are deducted."""
ON_TIME = "onTime@%"
"""How often the supplier delivers as promised."""

_MOST_MONEY = Decimal(10) ** 9
_MOST_HOURS = Decimal(10) ** 6
_MOST_LINES = Decimal(1_000)
_LEAST_CHANCE = Decimal("0.0001")
_PPM_A_PERCENT = 10_000
_BPS_A_PERCENT = 100


def conditions_in(numbers: Mapping[str, Sequence[Decimal]], currency: str) -> Conditions:
    """The conditions for prices in `currency`. Raises ValueError that names the property.

    What is no whole cent, hour or part is rounded to what is worse for the buyer, so that no promise is broken by it.
    """
    stated = _Stated(numbers)
    capacity = stated.least(CAPACITY, Decimal(0), _MOST_HOURS)
    on_time = stated.least(ON_TIME, _LEAST_CHANCE, Decimal(100))
    return Conditions(
        freight_minor=stated.money(FREIGHT, currency),
        minimum_order_minor=stated.money(MINIMUM_ORDER, currency),
        capacity_h=None if capacity is None else _floor(capacity),
        bundle_lines=_ceiling(stated.most(BUNDLE_LINES, Decimal(1), _MOST_LINES) or Decimal(1)),
        bundle_bps=_floor((stated.least(BUNDLE_DISCOUNT, Decimal(0), Decimal("99.99")) or 0) * _BPS_A_PERCENT),
        work_minutes=stated.most(WORK, Decimal(0), _MOST_HOURS) or Decimal(0),
        reliability_ppm=None if on_time is None else _floor(on_time * _PPM_A_PERCENT),
    )


class _Stated:
    def __init__(self, numbers: Mapping[str, Sequence[Decimal]]) -> None:
        self._numbers = numbers

    def money(self, name: str, currency: str) -> int:
        """Cents of `currency`. An amount in another currency alone cannot be added to the price."""
        found = self.most(f"{name}{currency}", Decimal(0), _MOST_MONEY)
        if found is None:
            if any(other.startswith(name) and values for other, values in self._numbers.items()):
                raise ValueError(f"{name.rstrip('@')} is not stated in the currency of the price")
            return 0
        return _ceiling(found * MINOR_UNITS[currency])

    def most(self, name: str, low: Decimal, high: Decimal) -> Decimal | None:
        """The largest value; None where there is none."""
        return max(self._values(name, low, high), default=None)

    def least(self, name: str, low: Decimal, high: Decimal) -> Decimal | None:
        """The smallest value; None where there is none."""
        return min(self._values(name, low, high), default=None)

    def _values(self, name: str, low: Decimal, high: Decimal) -> Sequence[Decimal]:
        values = self._numbers.get(name, ())
        if not all(low <= value <= high for value in values):
            raise ValueError(f"{name} is not between {low} and {high}")
        return values


def _ceiling(number: Decimal) -> int:
    return int(number.to_integral_value(rounding=ROUND_CEILING))


def _floor(number: Decimal | int) -> int:
    return int(Decimal(number).to_integral_value(rounding=ROUND_FLOOR))
