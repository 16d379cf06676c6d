"""Who could take the place of a chosen supplier: found while the offers are at hand, and kept with the order."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marketplace.domain.configuration import RequiredLine
from marketplace.domain.events import SupplyChoice
from marketplace.domain.supply_conditions import SupplyConditions
from marketplace.ports.selection import Chosen, risk_of
from marketplace.ports.supplier_directory import Offer, conditions_of

LONGEST = 5
"""Behind each supply: more would hardly be asked before the quote lapses."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an offer must fit. `risky`: a chance of being on time is demanded of the whole."""

    lines: Sequence[RequiredLine]
    currency: str
    latest_days: int
    risky: bool = False


def bench_of(
    choices: Sequence[SupplyChoice], chosen: Sequence[Chosen], wanted: Wanted, offers: Sequence[Offer]
) -> tuple[SupplyChoice, ...]:
    """For each choice the suppliers who deliver exactly its lines in time, the cheapest first, then the fastest.

    They take over whole: the number of supplies, and so the delivery's terms, stay as they are. Each is weighed by its
    cheapest offer for each line, and must take these as an order. Where the whole must arrive with a certain chance,
    nobody is riskier than who stands there now: so it holds whoever else is replaced.
    """
    best, stated = _best_offers(wanted, offers), conditions_of(offers)
    labels = {line.id: line.label for line in wanted.lines}
    taken = {one.line.id: one.offer for one in chosen}
    found: list[SupplyChoice] = []
    for choice in choices:
        most_risk = sum(risk_of(taken[line]) for line in choice.lines) if wanted.risky else None
        able = [
            _in_place([mine[line] for line in choice.lines], stated[supplier_id], labels)
            for supplier_id, mine in best.items()
            if supplier_id != choice.supplier_id
            and mine.keys() >= set(choice.lines)
            and _able([mine[line] for line in choice.lines], stated[supplier_id], most_risk)
        ]
        found += sorted(able, key=lambda one: (one.amount_minor, one.lead_time_days, one.supplier_id))[:LONGEST]
    return tuple(found)


def offers_document(choices: Sequence[SupplyChoice], bench: Sequence[SupplyChoice]) -> dict[str, Any]:
    """What was offered, as plain values: its digest is inside the quote, and so inside what everybody signs."""
    return {"choices": [_plain(one) for one in choices], "bench": [_plain(one) for one in bench]}


def supply_choice(taken: Sequence[Offer], conditions: SupplyConditions, reasons: tuple[str, ...]) -> SupplyChoice:
    """One supplier's offers as one supply, at what it charges for them together."""
    charge = conditions.charge([offer.amount_minor for offer in taken])
    return SupplyChoice(
        supplier_id=taken[0].supplier_id,
        supplier_name=taken[0].supplier_name,
        lines=tuple(offer.line_id for offer in taken),
        amount_minor=charge.amount_minor,
        lead_time_days=max(offer.lead_time_days for offer in taken),
        reasons=reasons,
        freight_minor=charge.freight_minor,
        discount_minor=charge.discount_minor,
        organisation_id=taken[0].organisation_id,
    )


def _plain(choice: SupplyChoice) -> dict[str, Any]:
    return {
        "supplier_id": choice.supplier_id,
        "lines": list(choice.lines),
        "amount_minor": choice.amount_minor,
        "freight_minor": choice.freight_minor,
        "discount_minor": choice.discount_minor,
        "lead_time_days": choice.lead_time_days,
    }


def _best_offers(wanted: Wanted, offers: Sequence[Offer]) -> Mapping[str, dict[str, Offer]]:
    """Supplier → line → its best offer that fits."""
    lines = {line.id: line for line in wanted.lines}
    best: dict[str, dict[str, Offer]] = defaultdict(dict)
    for offer in offers:
        line = lines.get(offer.line_id)
        if line is None or offer.currency != wanted.currency or offer.lead_time_days > wanted.latest_days:
            continue
        if offer.minimum_quantity > line.quantity or not line.certified(offer.certificates):
            continue
        known = best[offer.supplier_id].get(line.id)
        if known is None or _rank(offer) < _rank(known):
            best[offer.supplier_id][line.id] = offer
    return best


def _rank(offer: Offer) -> tuple[int, int, str]:
    return offer.amount_minor, offer.lead_time_days, offer.id


def _able(mine: Sequence[Offer], conditions: SupplyConditions, most_risk: int | None) -> bool:
    if most_risk is not None and sum(map(risk_of, mine)) > most_risk:
        return False
    return conditions.refusal([one.amount_minor for one in mine], sum(one.hours for one in mine)) is None


def _in_place(mine: Sequence[Offer], conditions: SupplyConditions, labels: Mapping[str, str]) -> SupplyChoice:
    return supply_choice(mine, conditions, tuple(f"{labels[one.line_id]}: next in rank" for one in mine))
