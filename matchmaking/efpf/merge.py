"""Offers of many sources become one list: one entry a (party, item), one ranking over all."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from matchmaking.efpf.query import SearchQuery
from matchmaking.offers import Offer
from matchmaking.words import words_of

_EVERYTHING = SearchQuery()


def merge(offers: Iterable[Offer], query: SearchQuery = _EVERYTHING) -> tuple[Offer, ...]:
    """Each (party id, item id) once, the newest answer winning, of two as new the signed one; where two sources name
    different prices the one kept says so (`price_conflict`). The order does not depend on the order of `offers`:
    those with a price, then by how many of the question's words they hold, signed before unsigned, the wanted currency
    before others, cheap before dear, fast before slow.
    """
    kept: dict[tuple[str, str], Offer] = {}
    prices: dict[tuple[str, str], set[tuple[object, ...]]] = {}
    for offer in offers:
        known = kept.get(offer.key)
        if known is None or _newness(offer) < _newness(known):
            kept[offer.key] = offer
        prices.setdefault(offer.key, set()).add((offer.price, offer.currency, offer.base_quantity))
    merged = (replace(offer, price_conflict=True) if len(prices[key]) > 1 else offer for key, offer in kept.items())
    words = frozenset(words_of(query.text))
    return tuple(sorted(merged, key=lambda offer: _rank(offer, words, query.currency)))


def _newness(offer: Offer) -> tuple[int, bool, str]:
    return (offer.age_s, offer.signed_by is None, offer.source_id)


def _rank(offer: Offer, words: frozenset[str], currency: str) -> tuple[bool, int, bool, bool, Fraction, int, object]:
    price = Fraction(0) if offer.price is None else Fraction(offer.price) / offer.base_quantity
    return (
        offer.asks_for_quote,
        -_relevance(offer, words),
        offer.signed_by is None,
        offer.currency != currency,
        price,
        offer.lead_time_h,
        offer.key,
    )


def _relevance(offer: Offer, words: frozenset[str]) -> int:
    """Two points for a word in the offer's name, one for a word elsewhere; every source is judged by this alone."""
    if not words:
        return 0
    name = words_of(offer.name)
    rest = words_of(
        " ".join((offer.party.legal_name, *offer.categories, *(v for vs in offer.texts.values() for v in vs)))
    )
    return sum(2 if _within(word, name) else int(_within(word, rest)) for word in words)


def _within(word: str, words: tuple[str, ...]) -> bool:
    return any(word in one for one in words)
