"""The plain choice: every combination is tried, as far as it may still be the cheapest. For few lines and offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from marketplace.domain.configuration import RequiredLine
from marketplace.domain.supply_conditions import BPS, SupplyConditions
from marketplace.ports.selection import Chosen, Limit, NextBest, NoSelection, PassedOver, risk_limit, risk_of
from marketplace.ports.supplier_directory import Offer, conditions_of

_OWN_LIMITS: tuple[Limit, ...] = ("currency", "lead_time", "minimum_quantity", "certificate")
"""What may keep an offer out whatever else is chosen."""


class FakeSelection:
    """`Selection` by trying."""

    async def choose(
        self,
        lines: Sequence[RequiredLine],
        offers: Sequence[Offer],
        *,
        currency: str,
        latest_days: int,
        seed: str,
        on_time_bps: int = 0,
    ) -> tuple[Chosen, ...]:
        """As the port says: among equally cheap choices the faster one, line by line, then the one the seed draws."""
        limits = _Limits(currency, latest_days, risk_limit(on_time_bps))
        trying = _Trying(lines, offers, conditions_of(offers), limits, seed)
        best = trying.cheapest(())
        if best is None:
            raise NoSelection(trying.refusal())
        return tuple(trying.explained(best, at) for at in range(len(lines)))


@dataclass(frozen=True, slots=True)
class _Limits:
    currency: str
    latest_days: int
    most_risk: int | None

    def misfit(self, line: RequiredLine, offer: Offer) -> Limit | None:
        """What keeps the offer out whatever else is chosen."""
        if offer.currency != self.currency:
            return "currency"
        if offer.lead_time_days > self.latest_days:
            return "lead_time"
        if offer.minimum_quantity > line.quantity:
            return "minimum_quantity"
        return None if line.certified(offer.certificates) else "certificate"


@dataclass(frozen=True, slots=True)
class _Trying:
    lines: Sequence[RequiredLine]
    offers: Sequence[Offer]
    conditions: Mapping[str, SupplyConditions]
    limits: _Limits
    seed: str

    def cheapest(self, without: Sequence[Offer]) -> tuple[Offer, ...] | None:
        """One offer for each line, none of `without`; None if no combination keeps the limits."""
        options = [
            sorted(
                (one for one in self._for(line) if one not in without and self.limits.misfit(line, one) is None),
                key=lambda one: one.amount_minor,
            )
            for line in self.lines
        ]
        if not all(options):
            return None
        least = [min(map(self._net, some)) for some in options]
        best: list[tuple[int, tuple[Offer, ...]]] = []

        def extend(taken: tuple[Offer, ...], spent: int) -> None:
            if best and spent + sum(least[len(taken) :]) > best[0][0]:
                return
            if len(taken) < len(options):
                for one in options[len(taken)]:
                    extend((*taken, one), spent + self._net(one))
                return
            if self.broken(taken) is not None:
                return
            total = self.total(taken)
            if not best or (total, self._rank(taken)) < (best[0][0], self._rank(best[0][1])):
                best[:] = [(total, taken)]

        extend((), 0)
        return best[0][1] if best else None

    def _net(self, offer: Offer) -> int:
        """What the offer adds to the whole at least."""
        return offer.amount_minor * (BPS - self.conditions[offer.supplier_id].bundle_bps) // BPS

    def total(self, taken: Sequence[Offer]) -> int:
        """With freight and discounts."""
        return sum(
            self.conditions[name].charge([one.amount_minor for one in some]).amount_minor
            for name, some in _by_supplier(taken).items()
        )

    def broken(self, taken: Sequence[Offer]) -> Limit | None:
        """Which limit of the whole does not hold."""
        for name, some in _by_supplier(taken).items():
            goods = [one.amount_minor for one in some]
            refusal = self.conditions[name].refusal(goods, sum(one.hours for one in some))
            if refusal is not None:
                return refusal
        most = self.limits.most_risk
        return "risk" if most is not None and sum(map(risk_of, taken)) > most else None

    def explained(self, best: tuple[Offer, ...], at: int) -> Chosen:
        """The choice for line number `at`, and what stood beside it."""
        line, offer = self.lines[at], best[at]
        other = self.cheapest((offer,))
        following = None if other is None else NextBest(other[at], self.total(other) - self.total(best))
        fit = [one for one in self._for(line) if self.limits.misfit(line, one) is None]
        return Chosen(line, offer, f"the cheapest of {len(fit)} in time", following, self._passed_over(best, at))

    def _passed_over(self, best: tuple[Offer, ...], at: int) -> PassedOver | None:
        line, taken = self.lines[at], best[at]
        first = min(self._for(line), key=lambda one: (one.amount_minor, one is not taken, one.id))
        if first.amount_minor >= taken.amount_minor:
            return None
        limit = self.limits.misfit(line, first) or self.broken((*best[:at], first, *best[at + 1 :])) or "total"
        return PassedOver(first, limit)

    def refusal(self) -> str:
        """Which line nobody can deliver, and what would have to give, where one thing alone would help."""
        for line in self.lines:
            mine = self._for(line)
            out = {limit: [one for one in mine if self.limits.misfit(line, one) == limit] for limit in _OWN_LIMITS}
            if sum(map(len, out.values())) == len(mine):
                return f"no offer fits line {line.id!r}{_concession(line, out, self.limits.latest_days)}"
        return "no choice keeps all limits: capacity, minimum order or risk would have to give"

    def _for(self, line: RequiredLine) -> list[Offer]:
        return [one for one in self.offers if one.line_id == line.id]

    def _rank(self, taken: Sequence[Offer]) -> list[tuple[int, bytes]]:
        return [(one.lead_time_days, _draw(self.seed, one)) for one in taken]


def _by_supplier(taken: Sequence[Offer]) -> Mapping[str, list[Offer]]:
    found: dict[str, list[Offer]] = {}
    for one in taken:
        found.setdefault(one.supplier_id, []).append(one)
    return found


def _concession(line: RequiredLine, out: Mapping[Limit, Sequence[Offer]], latest_days: int) -> str:
    if out["lead_time"]:
        needed = min(one.lead_time_days for one in out["lead_time"])
        return f"; {needed} days would be needed instead of {latest_days}"
    if out["minimum_quantity"]:
        needed = min(one.minimum_quantity for one in out["minimum_quantity"])
        return f"; {needed} pieces would be needed instead of {line.quantity}"
    return f"; certificate {', '.join(line.certificates)} would have to be waived" if out["certificate"] else ""


def _draw(seed: str, offer: Offer) -> bytes:
    return sha256("\x1f".join((seed, offer.line_id, offer.supplier_id, offer.id)).encode()).digest()
