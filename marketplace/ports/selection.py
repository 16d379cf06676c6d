"""Choosing suppliers for a whole bill of materials."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from marketplace.domain.configuration import RequiredLine
from marketplace.ports.supplier_directory import Offer


class NoSelection(Exception):
    """No choice of offers covers every line. The text names the line and what would have to give."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """One offer for one line, and why this one."""

    line: RequiredLine
    offer: Offer
    reason: str

    @property
    def amount_minor(self) -> int:
        """What the line costs."""
        return self.offer.amount_minor


class Selection(Protocol):
    """Port to the choice."""

    async def choose(
        self, lines: Sequence[RequiredLine], offers: Sequence[Offer], *, currency: str, latest_days: int, seed: str
    ) -> tuple[Chosen, ...]:
        """One offer for each line: least total cost within `latest_days`; ties by `seed`. Raises NoSelection."""
        ...
