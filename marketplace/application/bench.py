"""Who could take the place of a chosen supplier: found while the offers are at hand, and kept with the order."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from marketplace.domain.configuration import RequiredLine
from marketplace.domain.events import SupplyChoice
from marketplace.ports.supplier_directory import Offer

LONGEST = 5
"""Behind each supply: more would hardly be asked before the quote lapses."""


def bench_of(
    choices: Sequence[SupplyChoice],
    lines: Sequence[RequiredLine],
    offers: Sequence[Offer],
    *,
    currency: str,
    latest_days: int,
) -> tuple[SupplyChoice, ...]:
    """For each choice the suppliers who deliver exactly its lines in time, the cheapest first, then the fastest.

    They take over whole: the number of supplies, and so the delivery's terms, stay as they are.
    """
    wanted = {line.id: line for line in lines}
    best = _best_offers(wanted, offers, currency, latest_days)
    found: list[SupplyChoice] = []
    for choice in choices:
        able = [
            _in_place(choice, mine, wanted)
            for supplier_id, mine in best.items()
            if supplier_id != choice.supplier_id and mine.keys() >= set(choice.lines)
        ]
        found += sorted(able, key=lambda one: (one.amount_minor, one.lead_time_days, one.supplier_id))[:LONGEST]
    return tuple(found)


def offers_document(choices: Sequence[SupplyChoice], bench: Sequence[SupplyChoice]) -> dict[str, Any]:
    """What was offered, as plain values: its digest is inside the quote, and so inside what everybody signs."""
    return {"choices": [_plain(one) for one in choices], "bench": [_plain(one) for one in bench]}


def _plain(choice: SupplyChoice) -> dict[str, Any]:
    return {
        "supplier_id": choice.supplier_id,
        "lines": list(choice.lines),
        "amount_minor": choice.amount_minor,
        "lead_time_days": choice.lead_time_days,
    }


def _best_offers(
    wanted: Mapping[str, RequiredLine], offers: Sequence[Offer], currency: str, latest_days: int
) -> Mapping[str, dict[str, Offer]]:
    """Supplier → line → its best offer that fits."""
    best: dict[str, dict[str, Offer]] = defaultdict(dict)
    for offer in offers:
        line = wanted.get(offer.line_id)
        if line is None or offer.currency != currency or offer.lead_time_days > latest_days:
            continue
        if offer.minimum_quantity > line.quantity:
            continue
        known = best[offer.supplier_id].get(line.id)
        if known is None or _rank(offer) < _rank(known):
            best[offer.supplier_id][line.id] = offer
    return best


def _rank(offer: Offer) -> tuple[int, int, str]:
    return offer.amount_minor, offer.lead_time_days, offer.id


def _in_place(choice: SupplyChoice, mine: Mapping[str, Offer], wanted: Mapping[str, RequiredLine]) -> SupplyChoice:
    taken = [mine[line] for line in choice.lines]
    return SupplyChoice(
        supplier_id=taken[0].supplier_id,
        supplier_name=taken[0].supplier_name,
        lines=choice.lines,
        amount_minor=sum(offer.amount_minor for offer in taken),
        lead_time_days=max(offer.lead_time_days for offer in taken),
        reasons=tuple(f"{wanted[offer.line_id].label}: next in rank" for offer in taken),
    )
