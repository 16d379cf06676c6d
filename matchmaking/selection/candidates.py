"""From offers of the federation to candidates for a line: what fits, at an exact integer price."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from matchmaking.offers import MINOR_UNITS, Offer
from matchmaking.selection.model import PPM, Candidate, Line


def candidates_for(line: Line, offers: Iterable[Offer]) -> tuple[Candidate, ...]:
    """The offers that fit `line` and name a price. An offer that must be asked for a quote is no candidate.

    A price finer than a cent becomes whole cents for more pieces, so nothing is rounded before the total is.
    """
    return tuple(_candidate(line, offer) for offer in offers if not offer.asks_for_quote and fits(line, offer))


def fits(line: Line, offer: Offer) -> bool:
    """True if the offer is of the line's category and states each attribute's value among its own.

    An attribute that the offer does not state is not met: silence is no promise.
    """
    if line.category and line.category not in offer.categories:
        return False
    return all(_states(offer, name, wanted) for name, wanted in line.attributes.items())


def _states(offer: Offer, name: str, wanted: str) -> bool:
    if name in offer.numbers:
        try:
            return Decimal(wanted) in offer.numbers[name]
        except InvalidOperation:
            return False
    return wanted.casefold() in (text.casefold() for text in offer.texts.get(name, ()))


def _candidate(line: Line, offer: Offer) -> Candidate:
    price, currency = offer.price, offer.currency
    if price is None or currency is None:
        raise ValueError("an offer without a price is no candidate: ask for a quote")
    numerator, denominator = price.as_integer_ratio()
    return Candidate(
        line_id=line.line_id,
        offer_id=offer.item_id,
        supplier_id=offer.party.party_id,
        price_minor=numerator * MINOR_UNITS[currency],
        base_quantity=denominator * offer.base_quantity,
        currency=currency,
        minimum_quantity=offer.minimum_quantity,
        lead_time_h=offer.lead_time_h,
        hours=offer.conditions.hours(line.quantity),
        reliability_ppm=PPM if offer.conditions.reliability_ppm is None else offer.conditions.reliability_ppm,
        certificates=frozenset(offer.certificates),
    )
