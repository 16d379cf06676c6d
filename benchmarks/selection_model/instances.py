"""Made-up questions that are hard in the way real ones are: full suppliers, freight, bundles, minimum orders, risk."""

import random
from itertools import product

from matchmaking.selection import Candidate, Constraints, Line, Problem, Supplier, evaluate


def instance(lines: int, offers: int, suppliers: int, seed: int) -> Problem:
    """`offers` drawn over all pairs of line and supplier; a supplier takes few lines before it is full."""
    draw = random.Random(seed)
    terms, level = {}, {}
    for at in range(suppliers):
        name = f"s{at:03d}"
        level[name] = draw.uniform(0.85, 1.25), draw.randint(930_000, 999_500), draw.randint(48, 480)
        terms[name] = Supplier(
            name,
            freight_minor=draw.randint(8_000, 60_000),
            capacity_h=draw.randint(15, 90),
            minimum_order_minor=draw.choice([0, 0, 30_000, 80_000, 200_000]),
            bundle_lines=3,
            bundle_bps=draw.choice([0, 300, 600, 600, 900]),
        )
    wanted = [f"line-{at:02d}" for at in range(lines)]
    size = {name: (draw.randint(40_000, 700_000), draw.randint(4, 30)) for name in wanted}
    pairs = list(product(wanted, terms))
    draw.shuffle(pairs)
    made = []
    for name, supplier in pairs[:offers]:
        price, reliability, lead = level[supplier]
        value, hours = size[name]
        made.append(
            Candidate(
                name,
                f"{name}-{supplier}",
                supplier,
                int(value * price * draw.uniform(0.85, 1.2)),
                lead + draw.randint(0, 240),
                hours=max(1, int(hours * draw.uniform(0.7, 1.4))),
                reliability_ppm=min(999_900, max(900_000, reliability + draw.randint(-15_000, 15_000))),
            )
        )
    limits = Constraints(max_lead_time_h=480, max_risk_micro=30_000 * lines, seed=str(seed))
    return Problem(tuple(Line(name, 1) for name in wanted), tuple(made), terms, limits)


def small(seed: int) -> Problem:
    """Small enough to try everything, with limits that bite and prices that tie."""
    draw = random.Random(seed)
    names = [f"s{at}" for at in range(draw.randint(1, 4))]
    lines = tuple(Line(f"l{at}", draw.randint(1, 9)) for at in range(draw.randint(1, 5)))
    terms = {
        name: Supplier(
            name,
            freight_minor=draw.choice([0, 7, 40, 200]),
            capacity_h=draw.choice([None, 3, 6, 10]),
            minimum_order_minor=draw.choice([0, 0, 60, 200]),
            bundle_lines=draw.choice([1, 2, 3]),
            bundle_bps=draw.choice([0, 333, 600, 2_500]),
        )
        for name in names
        if draw.random() < 0.9
    }
    made = tuple(
        Candidate(
            line.line_id,
            f"{line.line_id}-{name}-{at}",
            name,
            draw.randint(0, 60),
            draw.randint(0, 5),
            base_quantity=draw.choice([1, 1, 3]),
            minimum_quantity=draw.choice([1, 1, 1, 5]),
            hours=draw.randint(0, 4),
            reliability_ppm=draw.choice([1_000_000, 990_000, 950_000, 900_000]),
            certificates=frozenset(draw.sample(["iso", "ce"], draw.randint(0, 2))),
        )
        for line in lines
        for name in draw.sample(names, min(len(names), 3))
        for at in range(draw.choice([0, 1, 1, 1, 2]) if len(lines) < 4 else draw.choice([0, 1, 1, 1]))
    )
    limits = Constraints(
        max_lead_time_h=draw.choice([None, 3, 4, 5]),
        max_risk_micro=draw.choice([None, None, 0, 60_000, 150_000]),
        certificates=frozenset(draw.choice([[], [], ["iso"]])),
        seed=str(seed),
    )
    return Problem(lines, made, terms, limits)


def brute_force(problem: Problem) -> int | None:
    """The least total of all choices that the evaluator accepts."""
    offers = [[one for one in problem.candidates if one.line_id == line.line_id] for line in problem.lines]
    totals = []
    for picked in product(*offers):
        verdict = evaluate(problem, {one.line_id: one for one in picked})
        if not verdict.violations:
            totals.append(verdict.total_minor)
    return min(totals, default=None)
