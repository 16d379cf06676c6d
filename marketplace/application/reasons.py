"""Why a supplier was chosen for a line, in words: this one, what the next best would cost, and which limit bound."""

from collections.abc import Mapping

from marketplace.domain.money import spell
from marketplace.ports.selection import Chosen, Limit, NextBest, PassedOver

_OUT: Mapping[Limit, str] = {
    "currency": "that is another currency",
    "lead_time": "it comes too late",
    "minimum_quantity": "it is for larger quantities only",
    "certificate": "it states no required certificate",
    "capacity": "its supplier has not enough capacity",
    "minimum_order": "the order is too small for its supplier",
    "risk": "it is too likely to be late",
    "total": "with freight and discounts the whole would cost more",
    "price": "its price is too high to be counted",
    "excluded": "its supplier is out",
}


def reason_of(chosen: Chosen) -> str:
    """One sentence for people; the chosen line's own label goes first."""
    parts = [chosen.reason, _next_best(chosen.next_best)]
    if chosen.passed_over is not None:
        parts.append(_passed_over(chosen.passed_over))
    return f"{chosen.line.label}: {'; '.join(parts)}"


def _next_best(other: NextBest | None) -> str:
    if other is None:
        return "nobody else could deliver it"
    extra = spell(other.extra_minor, other.offer.currency)
    return f"next best {other.offer.supplier_name}, {'' if other.proved else 'at most '}{extra} more for the whole"


def _passed_over(one: PassedOver) -> str:
    price = spell(one.offer.amount_minor, one.offer.currency)
    return f"{one.offer.supplier_name} asks {price}, but {_OUT[one.limit]}"
