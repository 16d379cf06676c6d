"""The plain choice: for each line the cheapest offer that is in time.

Without freight no offer's price depends on another one's, so line by line is as cheap as any choice of the whole.
"""

from collections.abc import Sequence
from hashlib import sha256

from marketplace.domain.configuration import RequiredLine
from marketplace.ports.selection import Chosen, NoSelection
from marketplace.ports.supplier_directory import Offer


class FakeSelection:
    """`Selection` line by line."""

    async def choose(
        self, lines: Sequence[RequiredLine], offers: Sequence[Offer], *, currency: str, latest_days: int, seed: str
    ) -> tuple[Chosen, ...]:
        """As the port says: among equally cheap offers the faster one, then the one that the seed draws."""
        return tuple(_cheapest(line, offers, currency, latest_days, seed) for line in lines)


def _cheapest(line: RequiredLine, offers: Sequence[Offer], currency: str, latest_days: int, seed: str) -> Chosen:
    mine = [offer for offer in offers if offer.line_id == line.id]
    fit = [
        offer
        for offer in mine
        if offer.currency == currency
        and offer.minimum_quantity <= line.quantity
        and offer.lead_time_days <= latest_days
    ]
    if not fit:
        raise NoSelection(f"no offer fits line {line.id!r}{_concession(line, mine, latest_days)}")
    best = min(fit, key=lambda offer: (offer.amount_minor, offer.lead_time_days, _draw(seed, offer)))
    return Chosen(line, best, f"the cheapest of {len(fit)} in time")


def _concession(line: RequiredLine, offers: Sequence[Offer], latest_days: int) -> str:
    """What would have to give, where one thing alone would help."""
    late = [offer.lead_time_days for offer in offers if offer.minimum_quantity <= line.quantity]
    if late:
        return f"; {min(late)} days would be needed instead of {latest_days}"
    large = [offer.minimum_quantity for offer in offers]
    return f"; {min(large)} pieces would be needed instead of {line.quantity}" if large else ""


def _draw(seed: str, offer: Offer) -> bytes:
    return sha256("\x1f".join((seed, offer.line_id, offer.supplier_id, offer.id)).encode()).digest()
