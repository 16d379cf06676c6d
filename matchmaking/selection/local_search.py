"""A good first answer for the exact search: which suppliers to use at all, improved one supplier at a time.

With the set of suppliers fixed, each line takes its cheapest among them; so the search is over sets. Moves add or
drop one supplier; the best move is taken until none helps. No randomness: the same question, the same answer.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

_MAX_MOVES = 30  # each costs suppliers × lines × set; a first answer need not be the last word

Costs = Sequence[Mapping[str, int]]
"""For each line, what it costs from each supplier that offers it."""


def good_suppliers(costs: Costs, freight: Mapping[str, int], start: AbstractSet[str]) -> frozenset[str]:
    """A set of suppliers that covers all lines at low cost; `start` must cover them."""
    best, best_cost = frozenset(start), _cost(costs, freight, start)
    if best_cost is None:
        raise ValueError("the first set of suppliers does not cover every line")
    everybody = sorted({supplier for line in costs for supplier in line})
    for _ in range(_MAX_MOVES):
        neighbours = [best ^ {supplier} for supplier in everybody]
        priced = [(cost, at) for at, one in enumerate(neighbours) if (cost := _cost(costs, freight, one)) is not None]
        cost, at = min(priced, default=(best_cost, -1))
        if cost >= best_cost:
            return best
        best, best_cost = neighbours[at], cost
    return best


def _cost(costs: Costs, freight: Mapping[str, int], suppliers: AbstractSet[str]) -> int | None:
    """Prices and the freight of those who deliver something; None if a line is not covered."""
    total = 0
    used: set[str] = set()
    for line in costs:
        fit = [(line[supplier], supplier) for supplier in suppliers if supplier in line]
        if not fit:
            return None
        cheapest, supplier = min(fit)
        total += cheapest
        used.add(supplier)
    return total + sum(freight[supplier] for supplier in used)
