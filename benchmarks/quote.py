"""How long one quote takes of our own time: `python -m benchmarks.quote [--json]`.

A template of 50 options and 200 rules (`benchmarks.rules`), priced from what it costs; 500 suppliers who offer its
five bought lines; 3,000 orders in the finite calendars of 48 machines. One quote checks the rules, chooses the
suppliers, plans the order, and prices every date that is offered. Times are our own: what the work took of processors,
the least of three; `_wall_` keys are the wall's clock, on which whoever else uses the machine counts too.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeVar

from benchmarks import rules
from benchmarks.harness import Result, main
from marketplace.application.catalogue import load_template
from marketplace.domain.configuration import RequiredLine, configure, required_lines
from marketplace.domain.engineering import Engineering, check_makeable, refusals, violations
from marketplace.domain.errors import InvalidInput
from marketplace.domain.price_trace import recompute
from marketplace.domain.product import OptionValue, Template
from marketplace.planning.calendar import share_bps
from marketplace.planning.machines import Wanted, machines_of, routing_of
from marketplace.planning.promise import BEFORE_ANY
from marketplace.planning.quotation import Moment, Quotation, date_policy, quotation, supplied_minutes
from marketplace.planning.schedule import Shop
from matchmaking.selection import Candidate, Constraints, Line, Problem, Supplier, select

REQUIREMENTS = (45, 52)
ORDERS: Final = 3_000
SUPPLIERS: Final = 500
LINES: Final = 5
CLASSES, EACH = 6, 8
QUOTES, TRIES = 100, 3
DAYS: Final = 45
"""Over which the orders of others ask to begin."""
T = TypeVar("T")
POLICY: Final = {"penalty_day_bps": 100, "penalty_cap_bps": 1_000}


def template(seed: int = 1) -> Template:
    """The template of the rules' benchmark with costs, bought lines and six classes of machines."""
    data = rules.document(seed)
    for option in data["modules"][0]["options"]:
        option.pop("price_minor", None)
        if option["id"] == "n1":
            option["minimum"] = 1
    data["bill_of_materials"] = [
        {"id": f"part{number}", "label": f"Part {number}", "category": "urn:bench", "attributes": {}}
        for number in range(LINES)
    ]
    limits = data["machines"][0]["limits"]
    data["machines"] = [
        {"id": f"m{number}", "label": f"Machine {number}", "limits": limits if number == 0 else [], "count": EACH}
        for number in range(CLASSES)
    ]
    data["routing"] = [
        {
            "id": f"step{number}",
            "label": f"Step {number}",
            "machine": f"m{number}",
            "setup_minutes": 10 + number,
            "run_seconds": f"60 + n{2 * number + 1} * 2",
        }
        for number in range(CLASSES)
    ]
    work = {"minutes": "n3 / 4", "minor_per_hour": 4_200}
    data["costing"] = {
        "setup": {"minor_per_hour": 4_800},
        "run": {"minor_per_hour": 4_200, "risk_bps": 2_500},
        "programming": work,
        "finishing": work,
        "inspection": work,
        "material": {"grams": "n1 * 12", "minor_per_kg": 780, "scrap_bps": 1_500},
        "bought": {f"part{number}": {"minor_per_piece": 150, "tax_bps": 700 * number} for number in range(LINES)},
        "freight": {"minor": 900},
        "margin_bps": 1_800,
        "rush_bps": 2_500,
        "discount": {"bps": "n1 >= 50 ? 500 : 0"},
        "tax_bps": 1_900,
    }
    return load_template(data, "bench")


def offers(lines: Sequence[RequiredLine], draw: random.Random) -> Problem:
    """Each of the suppliers offers two of the lines, with a freight of its own."""
    found, suppliers = [], {}
    for number in range(SUPPLIERS):
        name = f"s{number}"
        suppliers[name] = Supplier(name, freight_minor=draw.randint(0, 1_500))
        for line in draw.sample(list(lines), min(2, len(lines))):
            price, lead = draw.randint(80, 260), draw.randint(24, 240)
            found.append(Candidate(line.id, f"{name}-{line.id}", name, price_minor=price, lead_time_h=lead))
    return Problem(
        tuple(Line(line.id, line.quantity) for line in lines),
        tuple(found),
        suppliers,
        Constraints(max_lead_time_h=200),
    )


@dataclass(frozen=True)
class Setting:
    """What stands around one quote."""

    template: Template
    shop: Shop
    problems: Mapping[int, Problem]


def setting(orders: int = ORDERS, seed: int = 7) -> Setting:
    """The calendars, filled by the search itself, and what is offered for each amount."""
    made, draw = template(), random.Random(seed)
    shop = Shop(machines_of([made]), {})
    for number, values in enumerate(makeable(made, min(orders, 100), seed)):
        wanted = wanted_of(made, values)
        for copy in range(number, orders, min(orders, 100)):
            routing = routing_of(wanted, draw.randint(0, DAYS * 1_440))
            shop = shop.hold(shop.insert(routing), str(copy), None)
    amounts = {int(values["n1"]) for values in makeable(made, QUOTES, seed + 1)}
    problems = {}
    for amount in sorted(amounts):
        lines = required_lines(made, {**configure(made, {}).values, "n1": amount})
        problems[amount] = offers(lines, random.Random(seed + 2))
    return Setting(made, shop, problems)


def makeable(made: Template, count: int, seed: int) -> list[Mapping[str, OptionValue]]:
    """Configurations that break no rule: the defaults with another amount and another number or two."""
    draw, found = random.Random(seed), []
    while len(found) < count:
        values = dict(configure(made, {}).values)
        values |= {"n1": draw.randint(1, 20), f"n{draw.randrange(1, rules.OPTIONS, 2)}": draw.randint(5, 25)}
        try:
            check_makeable(made.engineering, made.engineering.sheet(configure(made, values).values))
        except InvalidInput:
            continue
        found.append(values)
    return found


def wanted_of(made: Template, values: Mapping[str, OptionValue]) -> Wanted:
    """As a use case makes it."""
    configuration = configure(made, values)
    return Wanted(made, configuration, made.engineering.sheet(configuration.values))


def quoted(around: Setting, values: Mapping[str, OptionValue]) -> Quotation:
    """One quote, from the customer's values to the last date's price."""
    wanted = wanted_of(around.template, values)
    check_makeable(around.template.engineering, wanted.sheet)
    chosen = select(around.problems[wanted.configuration.amount])
    supplies = [supplied_minutes(one.candidate.lead_time_h * 60) for one in chosen.choices]
    policy = date_policy(wanted, **POLICY)
    return quotation(wanted, around.shop, BEFORE_ANY, Moment(date(2027, 3, 1), 600), supplies, policy, fee_bps=200)


def run() -> Result:
    """The figures."""
    around = setting()
    asked = makeable(around.template, QUOTES, 8)
    result = Result(figures={}, bounds={"quote_p95_ms_wanted": 300.0, "rules_p95_ms_wanted": 20.0})
    whole = _times(lambda values: _checked(quoted(around, values)), asked)
    _told(result.figures, "quote", whole)
    drawn = rules.drawn(around.template, QUOTES, 2)
    engineering = around.template.engineering
    checked = _times(lambda values: _explained(engineering, values), drawn)
    _told(result.figures, "rules", checked)
    amounts = [int(values["n1"]) for values in asked]
    chosen = _times(lambda amount: select(around.problems[amount]), amounts)
    _told(result.beside, "selection", chosen)
    wanted = [routing_of(wanted_of(around.template, values), 5_000) for values in asked]
    _told(result.beside, "insert", _times(around.shop.insert, wanted))
    taken = [machine.calendar.booked(0, DAYS * 1_440) for machine in around.shop.machines.values()]
    result.figures["booked"] = share_bps(taken) / 10_000
    result.figures["orders"] = float(len({one for m in around.shop.machines.values() for one in m.calendar.holders}))
    result.ratios["quote_to_selection"] = result.figures["quote_p50_ms"] / max(result.beside["selection_p50_ms"], 1e-6)
    return result


def _explained(engineering: Engineering, values: Mapping[str, OptionValue]) -> int:
    sheet = engineering.sheet(values)
    return len(violations(engineering, sheet)) + len(refusals(engineering, sheet))


def _checked(found: Quotation) -> None:
    for offer in found.offers:
        if offer.price.trace is None or recompute(offer.price.trace):
            raise SystemExit("a price cannot be worked out again")


def _told(into: dict[str, float], name: str, times: Sequence[tuple[float, float]]) -> None:
    for share in (50, 95):
        for kind, which in (("", 1), ("wall_", 0)):
            ordered = sorted(one[which] for one in times)
            into[f"{name}_{kind}p{share}_ms"] = ordered[-(-len(ordered) * share // 100) - 1]


def _times(work: Callable[[T], object], given: Sequence[T]) -> list[tuple[float, float]]:
    """(wall, processor) milliseconds of each, the least of its tries."""
    work(given[0])  # the first one pays for what is made once
    return [
        (min(wall for wall, _ in tries), min(cpu for _, cpu in tries))
        for tries in ([_time(work, one) for _ in range(TRIES)] for one in given)
    ]


def _time(work: Callable[[T], object], one: T) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work(one)
    return (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3


if __name__ == "__main__":
    main("quote", run)
