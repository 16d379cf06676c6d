"""Split conformal quantiles: how far past estimates were off says how far the next one may be.

The n held-out residuals are sorted; the q-quantile is number ⌈q(n+1)⌉. If the next residual is exchangeable with them,
it is at most this one with probability at least q, whatever the model and the noise (Vovk, Gammerman, Shafer:
*Algorithmic Learning in a Random World*, 2005). Where that number is above n the data cannot say, and the prior's
widened quantile does.

For a group that was never seen, the groups are what is exchangeable: each of the k groups weighs 1/(k+1), shared by its
residuals, and the missing 1/(k+1) lies beyond all of them (Lee, Barber, Willett: *Distribution-free inference with
hierarchical data*, 2023). With each residual a group of its own this is the plain rule.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from statistics import NormalDist

BPS = 10_000
"""Basis points in a whole; quantile levels are basis points, so that ⌈q(n+1)⌉ is exact."""

ENOUGH = 9
"""The fewest residuals, or groups, that have a 90 % quantile: ⌈0.9 · 10⌉ = 9."""

OWN = 30
"""Residuals from which a family is judged by its own alone: below, ⌈q(n+1)⌉ costs more width than the family saves."""

WIDENED = 1.3
"""How much wider than the prior says its quantiles are taken: it has seen no data of ours."""

FURTHEST_LEVEL = 9_950
"""The highest level that the prior is asked for: a normal law has no end, a promise must."""

_NORMAL = NormalDist()


def rank(n: int, level_bps: int) -> int:
    """⌈q(n+1)⌉, at least 1. Above `n` there is no such residual."""
    if n < 0 or not 0 < level_bps < BPS:
        raise ValueError("a level is inside 1 to 9999 basis points, a number of residuals is not negative")
    return max(1, -(-level_bps * (n + 1) // BPS))


@dataclass(frozen=True, slots=True)
class Ladder:
    """Residuals in ascending order, and what share of `whole` lies at or below each; the rest lies beyond all."""

    residuals: tuple[float, ...]
    reached: tuple[int, ...]
    whole: int

    def quantile(self, level_bps: int) -> float | None:
        """The least residual up to which the shares add up to the level; None where they do not."""
        if not 0 < level_bps < BPS:
            raise ValueError("a level is inside 1 to 9999 basis points")
        place = bisect_left(self.reached, -(-level_bps * self.whole // BPS))
        return self.residuals[place] if place < len(self.residuals) else None


def plain(residuals: Sequence[float]) -> Ladder:
    """Each residual counts alike: the q-quantile is number ⌈q(n+1)⌉."""
    return Ladder(tuple(sorted(residuals)), tuple(range(1, len(residuals) + 1)), len(residuals) + 1)


def grouped(residuals: Sequence[tuple[str, float]]) -> Ladder:
    """Each group counts alike, with 1/(k+1), whatever its number of residuals."""
    sizes = Counter(group for group, _ in residuals)
    common = math.lcm(*sizes.values())  # so that shares are whole numbers and nothing is lost to rounding
    ordered = sorted(residuals, key=lambda one: one[1])
    reached = accumulate(common // sizes[group] for group, _ in ordered)
    return Ladder(tuple(value for _, value in ordered), tuple(reached), common * (len(sizes) + 1))


def prior_quantile(spread: float, level_bps: int) -> float:
    """The widened quantile of a normal prior with standard deviation `spread`; its median is 0."""
    return WIDENED * spread * _NORMAL.inv_cdf(min(level_bps, FURTHEST_LEVEL) / BPS)


@dataclass(frozen=True, slots=True)
class Residual:
    """By how much one held-out case was off: `seen` by the model that knew its groups.

    `new_family` and `new_machine` are by models that had not met its family, or its machine.
    """

    family: str
    machine: str
    seen: float
    new_family: float
    new_machine: float


@dataclass(frozen=True, slots=True)
class Novelty:
    """What of a case the model had never met."""

    family: bool = False
    machine: bool = False


FAMILIAR = Novelty()
"""Both were met before."""


@dataclass(frozen=True)
class Calibration:
    """The residuals of the held-out cases, oldest first, and the spread that the prior expects of one."""

    residuals: tuple[Residual, ...]
    prior_spread: float

    @cached_property
    def _sizes(self) -> Counter[str]:
        return Counter(one.family for one in self.residuals)

    @cached_property
    def _known(self) -> dict[tuple[str, str, tuple[int, ...]], tuple[float, ...]]:
        return {}  # worked out once a model, not once an estimate

    def basis(self, family: str, novelty: Novelty) -> str:
        """Which residuals speak for a case: `family`, `all`, `new family`, `new machine`, `new`, or `prior`."""
        if len(self.residuals) < ENOUGH:
            return "prior"
        if novelty.family or novelty.machine:
            return "new" if novelty.family and novelty.machine else f"new {'family' if novelty.family else 'machine'}"
        return "family" if self._sizes[family] >= OWN else "all"

    def quantile(self, level_bps: int, family: str, novelty: Novelty = FAMILIAR) -> float:
        """The residual that a case of this family stays below with probability `level_bps`."""
        return self.quantiles((level_bps,), family, novelty)[0]

    def quantiles(self, levels: Sequence[int], family: str, novelty: Novelty = FAMILIAR) -> tuple[float, ...]:
        """As `quantile`, for ascending levels: what comes out ascends too."""
        basis = self.basis(family, novelty)
        key = (basis, family if basis == "family" else "", tuple(levels))
        if key not in self._known:
            ladders = self._ladders(basis, family)
            self._known[key] = tuple(accumulate((self._at(ladders, level) for level in levels), max))
        return self._known[key]

    def _at(self, ladders: Sequence[Ladder], level: int) -> float:
        """What the most careful of the ladders says; above all residuals the prior, but no less than what was seen."""
        prior = prior_quantile(self.prior_spread, level)
        found = [(ladder.quantile(level), ladder.residuals[-1]) for ladder in ladders]
        return max((max(prior, last) if value is None else value for value, last in found), default=prior)

    def _ladders(self, basis: str, family: str) -> list[Ladder]:
        if basis == "prior":
            return []
        if basis == "family":
            return [plain([one.seen for one in self.residuals if one.family == family])]
        if basis == "all":
            return [plain([one.seen for one in self.residuals])]
        by_family = grouped([(one.family, one.new_family) for one in self.residuals])
        by_machine = grouped([(one.machine, one.new_machine) for one in self.residuals])
        return {"new family": [by_family], "new machine": [by_machine]}.get(basis, [by_family, by_machine])
