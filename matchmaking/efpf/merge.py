"""Offers of many sources become one list: one entry a (party, item), one ranking over all."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from matchmaking.offers import Offer


def merge(offers: Iterable[Offer]) -> tuple[Offer, ...]:
    """Each (party id, item id) once, the newest answer winning; where two sources name different prices the one
    kept says so (`price_conflict`). The order does not depend on the order of `offers`.
    """
    kept: dict[tuple[str, str], Offer] = {}
    prices: dict[tuple[str, str], set[tuple[object, ...]]] = {}
    for offer in offers:
        known = kept.get(offer.key)
        if known is None or (offer.age_s, offer.source_id) < (known.age_s, known.source_id):
            kept[offer.key] = offer
        prices.setdefault(offer.key, set()).add((offer.price, offer.currency, offer.base_quantity))
    merged = (replace(offer, price_conflict=True) if len(prices[key]) > 1 else offer for key, offer in kept.items())
    return tuple(sorted(merged, key=_rank))


def _rank(offer: Offer) -> tuple[bool, Fraction, int, tuple[str, str]]:
    price = Fraction(0) if offer.price is None else Fraction(offer.price) / offer.base_quantity
    return (offer.asks_for_quote, price, offer.lead_time_h, offer.key)
