"""Choosing suppliers for a whole bill of materials."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from marketplace.domain.configuration import RequiredLine
from marketplace.ports.supplier_directory import Offer

PPM = 1_000_000

Limit = Literal[
    "currency",
    "lead_time",
    "minimum_quantity",
    "certificate",
    "price",
    "capacity",
    "minimum_order",
    "risk",
    "total",
    "excluded",
]
"""What may keep an offer out. `total`: with it the whole would be dearer; `price`: more than can be counted."""


class NoSelection(Exception):
    """No choice of offers covers every line. The text names the line and what would have to give."""


@dataclass(frozen=True, slots=True)
class NextBest:
    """Who would deliver the line instead, and by how many cents the whole would be dearer; `proved`: by no less."""

    offer: Offer
    extra_minor: int
    proved: bool = True


@dataclass(frozen=True, slots=True)
class PassedOver:
    """An offer for the line that names a lower price than the chosen one, and which limit kept it out."""

    offer: Offer
    limit: Limit


@dataclass(frozen=True, slots=True)
class Chosen:
    """One offer for one line, and why this one; `next_best` is None where nobody else could deliver the line."""

    line: RequiredLine
    offer: Offer
    reason: str
    next_best: NextBest | None = None
    passed_over: PassedOver | None = None

    @property
    def amount_minor(self) -> int:
        """What the line costs, without freight and discount."""
        return self.offer.amount_minor


class Selection(Protocol):
    """Port to the choice."""

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
        """One offer for each line: least total cost within `latest_days`, with every supplier's freight and discount.

        Every supplier's minimum order and capacity hold (`conditions_of` the offers), and each offer has the
        certificates of its line. With `on_time_bps`, the chance that everything arrives as promised is at least so
        many ten-thousandths; an offer that states no reliability is then out: silence is no promise. Ties go to the
        faster offer, then by `seed`. Raises NoSelection.
        """
        ...


def risk_limit(on_time_bps: int) -> int | None:
    """The most that `risk_of` the chosen offers may add up to; None where no chance is demanded.

    Raises ValueError unless the chance is from 0 to 9999 ten-thousandths.
    """
    if not 0 <= on_time_bps < 10_000:
        raise ValueError("a chance is from 0 to 9999 ten-thousandths")
    return math.floor(-math.log(on_time_bps / 10_000) * PPM) if on_time_bps else None


def risk_of(offer: Offer) -> int:
    """−ln of the offer's reliability in millionths, rounded up; silence is taken for the worst that can be said."""
    return math.ceil(-math.log((offer.reliability_ppm or 1) / PPM) * PPM)
