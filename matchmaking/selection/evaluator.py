"""A second opinion on a plan: what it costs and which limits it breaks. Shares no arithmetic with the solver.

Prices are fractions until the line's total is rounded, risks come from decimal logarithms of fifty digits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from math import floor

from matchmaking.selection.model import Candidate, Line, Problem, Supplier

_PRECISE = Context(prec=50)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a plan comes to. `violations` names each broken limit as `limit: subject`; empty: the plan may be signed."""

    total_minor: int
    freight_minor: int
    discount_minor: int
    lead_time_h: int
    risk_micro: int
    violations: tuple[str, ...]


def evaluate(problem: Problem, plan: Mapping[str, Candidate]) -> Verdict:
    """The verdict on `plan`, which gives each line's id its offer."""
    found = _coverage(problem, plan)
    lines = {line.line_id: line for line in problem.lines}
    picked = {name: offer for name, offer in plan.items() if name in lines}
    for name, offer in picked.items():
        found += _misfits(problem, lines[name], offer)
    freight, discount, price = 0, 0, 0
    for supplier_id in sorted({offer.supplier_id for offer in picked.values()}):
        terms = problem.suppliers.get(supplier_id) or Supplier(supplier_id)
        mine = [(lines[name], offer) for name, offer in picked.items() if offer.supplier_id == supplier_id]
        value = sum(_price(line, offer) for line, offer in mine)
        price += value
        freight += terms.freight_minor
        if len(mine) >= terms.bundle_lines:
            discount += floor(Fraction(terms.bundle_bps, 10_000) * value)
        hours = sum(offer.hours for _, offer in mine)
        if terms.capacity_h is not None and hours > terms.capacity_h:
            found.append(f"capacity: {supplier_id} has {terms.capacity_h} h, not {hours}")
        if value < terms.minimum_order_minor:
            found.append(f"minimum_order: {supplier_id} wants {terms.minimum_order_minor}, not {value}")
    risk = sum(_risk(offer) for offer in picked.values())
    total = price + freight - discount
    limits = problem.constraints
    if limits.max_risk_micro is not None and risk > limits.max_risk_micro:
        found.append(f"risk: {risk} is above {limits.max_risk_micro}")
    if limits.max_total_minor is not None and total > limits.max_total_minor:
        found.append(f"total: {total} is above {limits.max_total_minor}")
    slowest = max((offer.lead_time_h for offer in picked.values()), default=0)
    return Verdict(total, freight, discount, slowest, risk, tuple(found))


def _coverage(problem: Problem, plan: Mapping[str, Candidate]) -> list[str]:
    """Every line once, by an offer that was made for it."""
    named = {one.offer_id for one in plan.values()}
    made = {one for one in problem.candidates if one.offer_id in named}
    wanted = {line.line_id for line in problem.lines}
    found = [f"line: {name} has no offer" for name in sorted(wanted - set(plan))]
    found += [f"line: {name} was not asked for" for name in sorted(set(plan) - wanted)]
    found += [f"offer: {one.offer_id} was not made" for one in plan.values() if one not in made]
    found += [f"offer: {one.offer_id} is not for {name}" for name, one in plan.items() if one.line_id != name]
    return found


def _misfits(problem: Problem, line: Line, offer: Candidate) -> list[str]:
    limits, name = problem.constraints, f"{offer.offer_id} of {offer.supplier_id}"
    found = []
    if offer.currency != limits.currency:
        found.append(f"currency: {name} asks for {offer.currency}")
    if offer.offer_id in limits.excluded_offers or offer.supplier_id in limits.excluded_suppliers:
        found.append(f"excluded: {name}")
    if limits.max_lead_time_h is not None and offer.lead_time_h > limits.max_lead_time_h:
        found.append(f"lead_time: {name} takes {offer.lead_time_h} h")
    if offer.minimum_quantity > line.quantity:
        found.append(f"minimum_quantity: {name} makes at least {offer.minimum_quantity}")
    missing = sorted((limits.certificates | line.certificates) - offer.certificates)
    return found + [f"certificate: {name} has no {one}" for one in missing]


def _price(line: Line, offer: Candidate) -> int:
    return floor(Fraction(offer.price_minor * line.quantity, offer.base_quantity) + Fraction(1, 2))


def _risk(offer: Candidate) -> int:
    chance = _PRECISE.divide(Decimal(offer.reliability_ppm), Decimal(1_000_000))
    return int((-_PRECISE.ln(chance) * 1_000_000).to_integral_value(ROUND_CEILING))
