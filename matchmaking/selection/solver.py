"""The cheapest choice with a proof of how good it is: relaxation, local search, then the exact choice of bundles.

1. The linear relaxation bounds the cost; covers tighten it. It also says what each line is worth, and how much the
   bound grows if an offer is taken (*forced*).
2. Local search among the offers that are forced least gives a choice.
3. What is left between bound and choice, the *slack*, limits which bundles can be in a better choice. They are listed
   and chosen from exactly: first with little slack, for a better choice; then with all that one leaves.

Where suppliers are so roomy that their bundles cannot be listed, single offers are searched instead: then the
relaxation is tight by itself.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from matchmaking.selection.bound import Bound, Impossible, settled, tightened
from matchmaking.selection.bundles import bundles
from matchmaking.selection.exact import forbid, picks_of, search
from matchmaking.selection.local_search import improve
from matchmaking.selection.partition import LEAST_S, partition
from matchmaking.selection.program import program_of
from matchmaking.selection.table import Flags, Floats, Ints, Table

_SMALL = 1_500
"""So few columns are relaxed at once: a window would save nothing."""
_FIRST_SLACK = 0.001
"""The part of the cost by which a bundle may lift the bound to be listed first."""
_ROUNDS = 12
_GAIN = 5e-5
"""Rounds of covers, and the part of the bound that one must gain for another."""
_OPTIONS = 20
"""Offers a line that local search looks at."""
_FIRST_SEEN = 10
"""Offers a line that are relaxed first; the relaxation says which others it lacks."""
_TIMES = 50
"""Searches of single offers at most: choices within a cent a bundle of the best are few."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How far to go. Without `cpu` only steps are counted, so the answer is the same on every machine.

    `gap`: good enough, a part of the cost. `cpu` gives the processor's seconds since the start, by whatever clock the
    caller has; the work ends near `seconds` of them.
    """

    gap: float = 0.0
    nodes: int = 20_000
    shakes: int = 12
    seconds: float = math.inf
    cpu: Callable[[], float] | None = None

    def left(self) -> float:
        """Seconds of the processor that are left."""
        return math.inf if self.cpu is None else self.seconds - self.cpu()

    def limit(self) -> float | None:
        """What a solver may take."""
        return None if self.cpu is None else max(self.left(), 0.01)


@dataclass(frozen=True, slots=True)
class Answer:
    """`picks`: rows of the table by line. Nothing costs less than `bound`; `forced` as the bound says, by offer."""

    picks: Ints
    total: int
    bound: int
    forced: Floats


class OutOfBudget(Exception):
    """No choice was found in the time or the steps that were allowed, and none was proved impossible."""


def solve(table: Table, effort: Effort | None = None, hint: Floats | None = None) -> Answer | None:
    """The best choice found, None if there is none at all. Raises OutOfBudget if the budget ended before one.

    `hint`: by offer, how little it promised in a similar question.
    """
    if table.lines == 0:
        return Answer(np.zeros(0, dtype=np.int64), 0, 0, np.zeros(0))
    if len(np.unique(table.line)) < table.lines:
        return None
    return _Solving(table, effort or Effort()).run(hint)


class _Solving:
    def __init__(self, table: Table, effort: Effort) -> None:
        self._table, self._effort = table, effort
        self._program = program_of(table)
        self._picks: Ints | None = None
        self._total = 0
        self._floor: float = 0  # proved, in whole cents

    def run(self, hint: Floats | None) -> Answer | None:
        window = self._window(hint)
        try:
            bound = settled(self._program, window)
        except Impossible:
            return None
        self._raise_floor(bound.value)
        forced = self._by_offer(bound)
        options = self._options(forced)
        self._search_locally(bound, options, self._effort.shakes)
        bound = self._tightened(bound, window, options)
        if not self._good_enough():
            self._search_bundles(bound)
        if self._picks is None and math.isinf(self._floor):
            return None
        if self._picks is None:
            raise OutOfBudget("no choice was found within the budget: allow more")
        return Answer(self._picks, self._total, int(self._floor), forced)

    def _window(self, hint: Floats | None) -> Flags:
        """The columns to begin with: of each line the best by the hint, or the cheapest."""
        program, table = self._program, self._table
        if program.columns <= _SMALL:
            return np.ones(program.columns, dtype=bool)
        order = np.lexsort((table.price if hint is None else hint, table.line))
        starts = np.searchsorted(table.line[order], np.arange(table.lines))
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order)) - starts[table.line[order]]
        window: Flags = (rank < _FIRST_SEEN)[program.offer]
        return window

    def _good_enough(self) -> bool:
        """True if the gap is closed, or too little of the budget is left to begin anything."""
        if self._effort.left() < LEAST_S:
            return True
        return self._picks is not None and self._total - self._floor <= self._effort.gap * self._total

    def _take(self, picks: Ints | None) -> None:
        if picks is None or not self._table.keeps(picks):
            return
        total = self._table.total(picks)
        if self._picks is None or total < self._total:
            self._picks, self._total = picks, total
        self._floor = min(self._floor, self._total)

    def _raise_floor(self, value: float) -> None:
        """Costs are whole cents: what is above 99.01 is at least 100. An infinite value: nothing better is left."""
        known = math.ceil(value - _margin(value)) if math.isfinite(value) else value
        self._floor = max(self._floor, known)
        if self._picks is not None:
            self._floor = min(self._floor, self._total)

    def _by_offer(self, bound: Bound) -> Floats:
        forced = np.full(len(self._table.offers), np.inf)
        np.minimum.at(forced, self._program.offer, bound.forced)
        return forced

    def _options(self, forced: Floats) -> list[list[int]]:
        """By line, the offers that are forced least."""
        options: list[list[int]] = [[] for _ in range(self._table.lines)]
        for offer in np.lexsort((self._table.price, forced)):
            some = options[self._table.line[offer]]
            if len(some) < _OPTIONS:
                some.append(int(offer))
        return options

    def _search_locally(self, bound: Bound, options: list[list[int]], shakes: int) -> None:
        """From what the relaxation takes most of."""
        start = picks_of(self._program, np.arange(self._program.columns), bound.x)
        self._take(improve(self._table, options, start, shakes, self._enough()))

    def _enough(self) -> float:
        """The most that a choice may cost to be good enough: total − floor ≤ gap · total."""
        return self._floor / (1 - self._effort.gap) if self._effort.gap < 1 else math.inf

    def _tightened(self, bound: Bound, keep: Flags, options: list[list[int]]) -> Bound:
        """With covers, round by round; each round's relaxation is another place to search from."""
        for _ in range(_ROUNDS):
            if self._good_enough():
                return bound
            try:
                better = tightened(self._program, keep, bound)
            except Impossible:  # the covers leave nothing: whoever searches will find so
                return bound
            if better is None:
                return bound
            self._raise_floor(better.value)
            gained, bound = better.value - bound.value, better
            self._search_locally(bound, options, 0)
            if 0 < gained < _GAIN * abs(bound.value):
                return bound
        return bound

    def _search_bundles(self, bound: Bound) -> None:
        """Lists and chooses with growing slack, until the slack covers what is left of the gap."""
        slack = self._slack(bound, _FIRST_SLACK * abs(bound.value) + 1)
        while True:
            listed = bundles(self._table, bound.prices, slack + _margin(bound.value))
            if self._effort.left() < LEAST_S:
                return None
            if listed is None:
                return self._search_offers(bound)
            found = partition(
                self._table,
                listed,
                below=self._total - 1 if self._picks is not None else math.inf,
                enough=self._enough(),
                gap=self._effort.gap / 2,
                nodes=self._effort.nodes,
                limit=self._effort.limit,
            )
            covered = slack >= self._gap_to(bound)
            self._take(found.picks)
            self._raise_floor(found.bound if covered else min(found.bound, bound.value + slack))
            covered |= slack >= self._gap_to(bound)
            if self._good_enough() or (covered and math.isinf(slack)) or (covered and self._picks is not None):
                return None
            slack = self._slack(bound, 8 * slack if slack < abs(bound.value) else math.inf)

    def _gap_to(self, bound: Bound) -> float:
        """By how much a better choice may exceed the bound."""
        return math.inf if self._picks is None else max(self._total - 1 - bound.value, 0.0)

    def _slack(self, bound: Bound, wanted: float) -> float:
        return min(wanted, self._gap_to(bound))

    def _search_offers(self, bound: Bound) -> None:
        """Searches all offers that could be in a better choice.

        The program's discounts are not floored, so its cost of a choice is up to a cent a bundle too low. Where that
        hides whether something is better, what was found is forbidden and the rest is searched again.
        """
        for _ in range(_TIMES):
            keep = bound.forced <= self._gap_to(bound) + _margin(bound.value)
            found = search(
                self._program,
                keep,
                gap=self._effort.gap / 2,
                nodes=self._effort.nodes,
                seconds=self._effort.limit(),
            )
            self._take(found.picks)
            self._raise_floor(found.bound)
            if found.picks is None or self._good_enough():
                return
            forbid(self._program, found.picks)


def _margin(value: float) -> float:
    """Far above the error of the solvers, far below a cent unless millions are at stake."""
    return max(0.01, 1e-9 * abs(value))
