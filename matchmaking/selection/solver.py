"""Exact branch and bound over one offer a line: prices, plus freight once for each supplier used.

Costs are single integers that carry the tie-break in their low bits: cents first, then hours of lead time (faster
is better among equals), then a hash by the seed. So there is one best choice, whatever the order of the input.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import accumulate

from matchmaking.selection.local_search import good_suppliers
from matchmaking.selection.model import Candidate

# 64 bits of hash and 16 of carry (lines), 32 bits of hours and 16 of carry; the rest is cents.
_HASH_BITS = 80
_HOUR_BITS = 48
_MINOR_SHIFT = _HASH_BITS + _HOUR_BITS
MAX_LINES = 200  # the search goes one call deep a line


@dataclass(frozen=True, slots=True)
class Option:
    """A candidate with its cost: cents, hours and hash in one integer."""

    candidate: Candidate
    cost: int


@dataclass(frozen=True, slots=True)
class Solution:
    """One option a line; `cost` and `bound` are such integers, `bound` is proved."""

    options: tuple[Option, ...]
    cost: int
    bound: int
    nodes: int


def cost_of(candidate: Candidate, quantity: int, seed: str) -> int:
    """The cost of a candidate. Raises ValueError if its lead time has more than 32 bits."""
    if candidate.lead_time_h >= 1 << 32:
        raise ValueError("the lead time is beyond all reason")
    text = "\x1f".join((seed, candidate.line_id, candidate.supplier_id, candidate.offer_id))
    draw = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    hours = candidate.lead_time_h << _HASH_BITS
    return (candidate.total_minor(quantity) << _MINOR_SHIFT) + hours + draw


def minor_of(cost: int) -> int:
    """The cents in a cost."""
    return cost >> _MINOR_SHIFT


def solve(lines: Sequence[Sequence[Option]], freight_minor: Mapping[str, int], max_nodes: int) -> Solution | None:
    """The cheapest choice of one option a line, None if a line has none. Raises ValueError beyond MAX_LINES.

    After `max_nodes` steps the best choice so far is returned with the bound that was proved.
    """
    if len(lines) > MAX_LINES:
        raise ValueError(f"at most {MAX_LINES} lines can be chosen for at once")
    if any(not options for options in lines):
        return None
    if not lines:
        return Solution((), 0, 0, 0)
    search = _Search([_undominated(options) for options in lines], freight_minor, max_nodes)
    search.run()
    return Solution(search.in_line_order(), search.best_cost, search.bound, search.nodes)


def _undominated(options: Sequence[Option]) -> list[Option]:
    """The cheapest option of each supplier: freight depends on the supplier alone, so the others cannot win."""
    best: dict[str, Option] = {}
    for option in options:
        known = best.get(option.candidate.supplier_id)
        if known is None or option.cost < known.cost:
            best[option.candidate.supplier_id] = option
    return list(best.values())


class _OutOfSteps(Exception):
    """The limit of steps is reached."""


class _Search:
    """Depth first, lines with few options first; three lower bounds, the dearer to compute the later asked."""

    def __init__(self, lines: list[list[Option]], freight_minor: Mapping[str, int], max_nodes: int) -> None:
        served = Counter(option.candidate.supplier_id for options in lines for option in options)
        self._freight = {one: freight_minor.get(one, 0) << _MINOR_SHIFT for one in served}
        # A supplier's freight spread over all lines it could serve: however many it gets, the shares never exceed it.
        self._share = {one: self._freight[one] // served[one] for one in served}
        self._order = sorted(range(len(lines)), key=lambda at: (len(lines[at]), at))
        self._lines = [sorted(lines[at], key=self._with_share) for at in self._order]
        self._rest_shared = _from_behind([min(map(self._with_share, options)) for options in self._lines])
        self._rest_bare = _from_behind([min(option.cost for option in options) for options in self._lines])
        self._max_nodes = max_nodes
        self.nodes = 0
        self.best, self.best_cost = self._first_answer()
        self.bound = self._rest_shared[0]

    def run(self) -> None:
        """Searches to the end, or until the steps are used up; `best` and `bound` hold what is known then."""
        try:
            self._descend([], 0, 0, frozenset())
        except _OutOfSteps:
            return
        self.bound = self.best_cost

    def in_line_order(self) -> tuple[Option, ...]:
        """The best choice, sorted as the lines came."""
        return tuple(option for _, option in sorted(zip(self._order, self.best, strict=True), key=lambda pair: pair[0]))

    def _with_share(self, option: Option) -> int:
        return option.cost + self._share[option.candidate.supplier_id]

    def _first_answer(self) -> tuple[list[Option], int]:
        """A good choice to prune by, and an answer whatever the limit of steps."""
        by_supplier = [{option.candidate.supplier_id: option for option in options} for options in self._lines]
        costs = [{supplier: option.cost for supplier, option in line.items()} for line in by_supplier]
        alone = {options[0].candidate.supplier_id for options in self._lines}
        good = good_suppliers(costs, self._freight, alone)
        chosen = [min((line[one] for one in good if one in line), key=lambda one: one.cost) for line in by_supplier]
        used = {option.candidate.supplier_id for option in chosen}
        return chosen, sum(option.cost for option in chosen) + sum(self._freight[one] for one in used)

    def _paid(self, option: Option, used: AbstractSet[str]) -> int:
        supplier = option.candidate.supplier_id
        return option.cost + (0 if supplier in used else self._freight[supplier])

    def _descend(self, chosen: list[Option], paid: int, shared: int, used: frozenset[str]) -> None:
        """`paid`: prices and freight so far; `shared`: prices and shares of freight so far."""
        depth = len(chosen)
        if depth == len(self._lines):
            self.best, self.best_cost = list(chosen), paid  # only reached below the best
            return
        for option in self._lines[depth]:
            self.nodes += 1
            if self.nodes > self._max_nodes:
                raise _OutOfSteps
            now_paid, now_shared = paid + self._paid(option, used), shared + self._with_share(option)
            now_used = used | {option.candidate.supplier_id}
            if self._may_win(depth + 1, now_paid, now_shared, now_used):
                chosen.append(option)
                self._descend(chosen, now_paid, now_shared, now_used)
                chosen.pop()

    def _may_win(self, depth: int, paid: int, shared: int, used: frozenset[str]) -> bool:
        if max(paid + self._rest_bare[depth], shared + self._rest_shared[depth]) >= self.best_cost:
            return False
        floor = paid
        for options in self._lines[depth:]:
            floor += min(one.cost if one.candidate.supplier_id in used else self._with_share(one) for one in options)
        return floor < self.best_cost


def _from_behind(costs: list[int]) -> list[int]:
    """Sums of the tails: entry i is what the lines from i on cost at least; one more entry, 0, for the end."""
    return list(accumulate(reversed(costs), initial=0))[::-1]
