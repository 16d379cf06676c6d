"""A good choice soon: single lines are moved while that helps, then the choice is shaken and mended again.

Broken limits cost a penalty that grows until they are kept: that is the repair. Steps are counted, never timed, and
the only chance is a generator with a fixed seed: the same question, the same answer.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from matchmaking.selection.table import Ints, Table

_SHAKES = 40
_SWEEPS = 30
"""A bound that is hardly ever reached: each sweep must make the choice cheaper."""
_HARSHER = 12
"""Doublings of the penalty before a choice is given up as not to be mended."""


def improve(
    table: Table, options: Sequence[Sequence[int]], start: Ints, shakes: int = _SHAKES, enough: float = -math.inf
) -> Ints | None:
    """The best choice found from `start` among `options` (rows of the table, by line); None if none keeps the limits.

    `start` itself may break them, and may take offers beyond the options. A choice that costs `enough` or less is good
    enough: nothing is shaken then.
    """
    state = _State(table, start.tolist())
    best: list[int] | None = None
    cost = 0
    generator = random.Random(0)  # noqa: S311 - a reproducible shake, no secret
    for _ in range(shakes + 1):
        if state.mend(options):
            now = state.cost()
            if best is None or now < cost:
                best, cost = list(state.picks), now
        if best is not None:
            if cost <= enough:
                break
            state.set(best)
        state.shake(options, generator)
    return None if best is None else np.array(best, dtype=np.int64)


@dataclass(slots=True)
class _State:
    """A choice with its sums by supplier. Plain integers: one move touches two suppliers, too few for an array."""

    table: Table
    picks: list[int]
    hours: list[int] = field(init=False)
    value: list[int] = field(init=False)
    count: list[int] = field(init=False)
    risk: int = field(init=False)
    harsh: int = field(init=False)
    an_hour: int = field(init=False)
    a_risk: int = field(init=False)
    rows: list[tuple[int, int, int, int]] = field(init=False)
    terms: list[tuple[int, int, int, int, int]] = field(init=False)

    def __post_init__(self) -> None:
        table = self.table
        self.rows = list(
            zip(table.supplier.tolist(), table.price.tolist(), table.hours.tolist(), table.risk.tolist(), strict=True)
        )
        terms = (table.freight, table.capacity, table.minimum, table.bundle_lines, table.bundle_bps)
        self.terms = list(zip(*(one.tolist() for one in terms), strict=True))
        # What breaking a limit costs first: about what an hour, or a tenth of the allowed risk, is worth.
        worth, hours = sum(self.rows[pick][1] for pick in self.picks), sum(self.rows[pick][2] for pick in self.picks)
        self.an_hour, self.a_risk = 1 + worth // (1 + hours), 1 + worth // (10 * (table.max_risk or 0) + 1)
        self.set(self.picks)

    def set(self, picks: Sequence[int]) -> None:
        """Start again from `picks`."""
        self.picks = list(picks)
        self.hours, self.value, self.count = ([0] * len(self.terms) for _ in range(3))
        self.risk, self.harsh = 0, 1
        for pick in self.picks:
            self._add(pick, 1)

    def _add(self, pick: int, sign: int) -> None:
        supplier, price, hours, risk = self.rows[pick]
        self.hours[supplier] += sign * hours
        self.value[supplier] += sign * price
        self.count[supplier] += sign
        self.risk += sign * risk

    def _of(self, supplier: int) -> int:
        """What a supplier costs now, with the penalty for what it cannot do."""
        return self._charge(supplier, self.count[supplier], self.value[supplier], self.hours[supplier])

    def _charge(self, supplier: int, count: int, value: int, hours: int) -> int:
        """What it would cost with so many lines of that value, which take so many hours."""
        if not count:
            return 0
        freight, capacity, minimum, lines, bps = self.terms[supplier]
        cost = freight + value - (value * bps // 10_000 if count >= lines else 0)
        if value < minimum:
            cost += (minimum - value) * self.harsh
        if hours > capacity:
            cost += (hours - capacity) * self.an_hour * self.harsh
        return cost

    def _risky(self, more: int = 0) -> int:
        """The penalty for the risk now, and for so much of it besides."""
        most = self.table.max_risk
        risk = self.risk + more
        if most is None or risk <= most:
            return 0
        return (risk - most) * self.harsh * self.a_risk

    def cost(self) -> int:
        """What the whole costs, with penalties."""
        return sum(map(self._of, range(len(self.terms)))) + self._risky()

    def _kept(self) -> bool:
        return self.table.keeps(np.array(self.picks, dtype=np.int64))

    def mend(self, options: Sequence[Sequence[int]]) -> bool:
        """Moves single lines while that helps, harsher while a limit is broken; true if all are kept then."""
        for _ in range(_HARSHER):
            for _ in range(_SWEEPS):
                if not self._sweep(options):
                    break
            if self._kept():
                return True
            self.harsh *= 2
        return False

    def _sweep(self, options: Sequence[Sequence[int]]) -> bool:
        moved = False
        for line in range(len(self.picks)):
            moved |= self._best_move(line, options[line])
        return moved

    def _best_move(self, line: int, options: Sequence[int]) -> bool:
        """Gives the line to the option with which the whole is cheapest; true if that is another one."""
        old = self.picks[line]
        home = self.rows[old][0]
        before = self._of(home) + self._risky()
        self._add(old, -1)
        base = self._of(home)
        best, least = old, before - base
        # Asked of each option of each line in each sweep: the sums are not changed to and fro for the question.
        rows, count, value, taken, charge = self.rows, self.count, self.value, self.hours, self._charge
        for pick in options:
            supplier, price, hours, risk = rows[pick]
            lines, worth, busy = count[supplier], value[supplier], taken[supplier]
            extra = charge(supplier, lines + 1, worth + price, busy + hours) + self._risky(risk)
            if lines:
                extra -= charge(supplier, lines, worth, busy)
            if extra < least:
                best, least = pick, extra
        self._add(best, 1)
        self.picks[line] = best
        return best != old

    def shake(self, options: Sequence[Sequence[int]], generator: random.Random) -> None:
        """Closes one supplier, or fills one: its lines go to others, or others' lines to it."""
        self.harsh = 1
        if generator.random() < 0.5:  # as often one as the other
            closed = self.rows[generator.choice(self.picks)][0]
            for line, pick in enumerate(self.picks):
                others = [one for one in options[line] if self.rows[one][0] != closed]
                if self.rows[pick][0] == closed and others:
                    self._give(line, generator.choice(others[:4]))
            return
        line = generator.randrange(len(self.picks))
        opened = self.rows[generator.choice(options[line])][0] if options[line] else self.rows[self.picks[line]][0]
        for at, some in enumerate(options):
            for one in some:
                if self.rows[one][0] == opened:
                    self._give(at, one)

    def _give(self, line: int, pick: int) -> None:
        self._add(self.picks[line], -1)
        self._add(pick, 1)
        self.picks[line] = pick
