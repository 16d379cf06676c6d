"""A question for a quote as a JSON file, and its answer: suppliers, itemised price, dates, penalties. No database.

What does not fit is refused by its field's name. The same file has the same answer on every machine.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.verification.strict_json import parse
from marketplace.application.catalogue import load_catalogue
from marketplace.application.catalogue_engineering import facts_of_nothing
from marketplace.application.plan_book import changed, plan_minute
from marketplace.domain.configuration import configure, required_lines
from marketplace.domain.engineering import check_makeable
from marketplace.domain.errors import InvalidInput
from marketplace.domain.money import BPS
from marketplace.domain.price_document import document_of
from marketplace.domain.price_trace import explain
from marketplace.planning.calendar import WEEK
from marketplace.planning.distribution import DAY, Duration
from marketplace.planning.machines import Wanted, machines_of
from marketplace.planning.promise import BEFORE_ANY
from marketplace.planning.quotation import (
    DateOffer,
    Moment,
    Quotation,
    date_policy,
    quotation,
    supplied_minutes,
    usual_supplies,
)
from marketplace.planning.schedule import CannotPlan, Shop
from marketplace.ports.plans import Hold

if TYPE_CHECKING:
    from matchmaking.selection import Selection

MOST_BYTES = 32 * 1024 * 1024
MOST_HOLDS = 100_000
REQUIRED = {"product", "configuration", "now"}
OPTIONAL = {"deliver_by", "offers", "suppliers", "limits", "holds", "fee_bps", "penalty"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question comes to; `chosen` is None where the file has no offers."""

    wanted: Wanted
    quotation: Quotation
    chosen: "Selection | None"
    day: date


def answer(path: Path, catalogue: Path) -> Answer:
    """The answer to the question in a file, for a product of the catalogue folder.

    Raises ValueError naming the field, NoFeasibleSelection where no offers keep the limits.
    """
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path} is larger than {MOST_BYTES} bytes")
    try:
        return _answered(_question(parse(path.read_bytes())), catalogue)
    except InvalidInput as wrong:
        raise ValueError(f"{path}: {wrong}") from wrong
    except ValueError as wrong:
        raise ValueError(f"{path}: {wrong}") from wrong


def _question(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise InvalidInput("the file", "must be an object")
    for name in sorted(REQUIRED - given.keys()):
        raise InvalidInput(name, "is missing")
    for name in sorted(given.keys() - REQUIRED - OPTIONAL):
        raise InvalidInput(ascii(name)[1:-1][:64], "is not known")
    return given


def _answered(question: Mapping[str, Any], folder: Path) -> Answer:
    now = _instant(question["now"])
    templates = load_catalogue(folder)
    if not isinstance(question["product"], str) or question["product"] not in templates:
        raise InvalidInput("product", f"must be one of {', '.join(sorted(templates))}")
    template = templates[question["product"]]
    if not isinstance(question["configuration"], dict):
        raise InvalidInput("configuration", "must be an object of values by option")
    configuration = configure(template, question["configuration"])
    files = facts_of_nothing(tuple(template.options()))
    wanted = Wanted(template, configuration, template.engineering.sheet({**configuration.values, **files}))
    check_makeable(template.engineering, wanted.sheet)
    chosen = _chosen(question, wanted)
    supplies = usual_supplies(wanted) if chosen is None else _supplies(chosen)
    own = {name: one for name, one in templates.items() if one.manufacturer == template.manufacturer}
    origin = plan_minute(now) // WEEK * WEEK
    shop = changed(Shop(machines_of(own.values()), {}), _holds(question.get("holds", []), _own_names(own)), origin)
    moment = Moment(now.date(), plan_minute(now) - origin)
    penalty = _object(question.get("penalty", {}), "penalty", {"day_bps", "cap_bps"})
    policy = date_policy(
        wanted,
        penalty_day_bps=_bps(penalty.get("day_bps", 100), "penalty.day_bps"),
        penalty_cap_bps=_bps(penalty.get("cap_bps", 1_000), "penalty.cap_bps"),
    )
    fee = _bps(question.get("fee_bps", 0), "fee_bps")
    try:
        found = quotation(wanted, shop, BEFORE_ANY, moment, supplies, policy, fee_bps=fee)
    except CannotPlan as full:
        raise InvalidInput("holds", f"leave no date to promise: {full}") from full
    day = _day(question["deliver_by"]) if "deliver_by" in question else found.recommended
    if day < moment.today:
        raise InvalidInput("deliver_by", f"must be from {moment.today}")
    return Answer(wanted, found, chosen, day)


def _own_names(templates: Mapping[str, Any]) -> frozenset[str]:
    """The machines of these templates."""
    return frozenset(machines_of(templates.values()))


def _chosen(question: Mapping[str, Any], wanted: Wanted) -> "Selection | None":
    """The cheapest whole of the file's offers, proved."""
    from matchmaking.selection import select  # noqa: PLC0415 - loads scipy, which a quote without offers needs not
    from matchmaking.selection.document import problem_of  # noqa: PLC0415

    if "offers" not in question:
        return None
    lines = [{"id": line.id, "quantity": line.quantity} for line in required_lines(wanted.template, wanted.sheet)]
    if not lines:
        raise InvalidInput("offers", "are for nothing: this configuration buys no parts")
    limits = {"currency": wanted.template.currency, **_object(question.get("limits", {}), "limits", None)}
    asked = {"lines": lines, "offers": question["offers"], "suppliers": question.get("suppliers", [])}
    return select(problem_of(json.dumps(asked | {"limits": limits})))


def _supplies(chosen: "Selection") -> tuple[Duration, ...]:
    latest: dict[str, int] = {}
    for one in chosen.choices:
        supplier = one.candidate.supplier_id
        latest[supplier] = max(latest.get(supplier, 0), one.candidate.lead_time_h)
    return tuple(supplied_minutes(hours * 60) for hours in latest.values())


def _holds(given: Any, machines: frozenset[str]) -> list[Hold]:
    """`{order, machine, from, to, minutes}`: an interval of a machine, and how many of its minutes are open."""
    if not isinstance(given, list) or len(given) > MOST_HOLDS:
        raise InvalidInput("holds", f"must be a list of at most {MOST_HOLDS}")
    found = []
    for number, one in enumerate(given):
        place = f"holds[{number}]"
        hold = _object(one, place, {"order", "machine", "from", "to", "minutes"})
        for name in ("order", "machine", "from", "to", "minutes"):
            if name not in hold:
                raise InvalidInput(f"{place}.{name}", "is missing")
        if not isinstance(hold["order"], str) or hold["machine"] not in machines:
            raise InvalidInput(f"{place}.machine", f"must be one of {', '.join(sorted(machines))}, order a text")
        begin, end = (plan_minute(_instant(hold[edge], f"{place}.{edge}")) for edge in ("from", "to"))
        if type(hold["minutes"]) is not int or not 0 < hold["minutes"] <= end - begin:
            raise InvalidInput(f"{place}.minutes", "must be a whole number, and no more than there are from from to to")
        found.append(Hold(hold["order"], ((hold["machine"], begin, end, hold["minutes"]),)))
    return found


def _object(given: Any, place: str, known: set[str] | None) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise InvalidInput(place, "must be an object")
    for name in sorted(given.keys() - (given.keys() if known is None else known)):
        raise InvalidInput(f"{place}.{ascii(name)[1:-1][:64]}", "is not known")
    return given


def _bps(given: Any, place: str) -> int:
    if type(given) is not int or not 0 <= given <= BPS:
        raise InvalidInput(place, f"must be a whole number of basis points from 0 to {BPS}")
    return given


def _instant(given: Any, place: str = "now") -> datetime:
    try:
        found = datetime.fromisoformat(given if isinstance(given, str) else "")
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not 1970 < found.year < 9000:
        raise InvalidInput(place, "must be an instant with its time zone, such as 2027-03-01T09:00:00+00:00")
    return found.astimezone(UTC)


def _day(given: Any) -> date:
    try:
        return date.fromisoformat(given if isinstance(given, str) else "")
    except ValueError:
        raise InvalidInput("deliver_by", "must be a date such as 2027-03-12") from None


def document(found: Answer) -> dict[str, Any]:
    """For scripts: `price.trace` is the form that is signed over."""
    quoted, offer = found.quotation, found.quotation.at(found.day)
    trace = offer.price.trace
    return {
        "product": found.wanted.template.id,
        "version": found.wanted.template.version,
        "deliver_by": found.day.isoformat(),
        "earliest": quoted.earliest.isoformat(),
        "recommended": quoted.recommended.isoformat(),
        "p50_day": quoted.p50_day.isoformat(),
        "p90_day": quoted.p90_day.isoformat(),
        "basis": quoted.basis,
        "chosen": _date(offer),
        "dates": [_date(one) for one in quoted.offers],
        "price": {
            "total_minor": offer.price.total_minor,
            "currency": offer.price.currency,
            "platform_fee_minor": offer.price.platform_fee_minor,
            "trace": None if trace is None else document_of(trace),
        },
        "suppliers": None if found.chosen is None else [_line(one) for one in found.chosen.choices],
        "slots": [
            {"machine": slot.machine, "day": slot.start // DAY, "minutes": slot.minutes}
            for slot in quoted.schedule.slots
        ],
    }


def _date(offer: DateOffer) -> dict[str, Any]:
    return {
        "day": offer.day.isoformat(),
        "total_minor": offer.price.total_minor,
        "probability_bps": offer.probability_bps,
        "penalty_bps_per_day": offer.penalty_bps_per_day,
        "penalty_cap_bps": offer.penalty_cap_bps,
    }


def _line(choice: Any) -> dict[str, Any]:
    one = choice.candidate
    return {
        "line": choice.line_id,
        "supplier": one.supplier_id,
        "offer": one.offer_id,
        "price_minor": choice.total_minor,
        "lead_time_h": one.lead_time_h,
        "reason": choice.reason,
    }


def words(found: Answer) -> list[str]:
    """For people."""
    offer, quoted = found.quotation.at(found.day), found.quotation
    trace = offer.price.trace
    lines = [] if trace is None else [*trace.lines, *trace.taxes, trace.platform_fee]
    told = [explain(line, offer.price.currency) for line in lines]
    told.append(f"Total {offer.price.total_minor / 100:.2f} {offer.price.currency} for {found.day}")
    for one in quoted.offers:
        mark = "  recommended" if one.day == quoted.recommended else ""
        total, sure = one.price.total_minor / 100, one.probability_bps / 100
        late = f"{one.penalty_bps_per_day / 100:g} % a day late, at most {one.penalty_cap_bps / 100:g} %"
        told.append(f"{one.day}  {total:>12.2f} {one.price.currency}  {sure:>6.2f} % sure  {late}{mark}")
    for choice in found.chosen.choices if found.chosen else ():
        told.append(f"{choice.line_id}: {choice.candidate.supplier_id}, {choice.reason}")
    return told
