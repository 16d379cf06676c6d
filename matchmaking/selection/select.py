"""The choice itself: filter by constraints, solve exactly, and say for each line why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from matchmaking.selection.model import (
    Candidate,
    Choice,
    Constraints,
    Line,
    NoFeasibleSelection,
    Relaxation,
    RunnerUp,
    Selection,
)
from matchmaking.selection.solver import Option, Solution, cost_of, minor_of, solve

_MIN_STEPS = 500  # a re-solve with fewer would often say nothing


def select(lines: Sequence[Line], offers: Sequence[Candidate], constraints: Constraints) -> Selection:
    """The cheapest choice of one offer for each line: Σ price + Σ freight of the suppliers used, in minor units.

    Among equals the faster one, then the one that the seed draws: the order of the input plays no part.
    Raises NoFeasibleSelection, ValueError for lines of the same id.
    """
    if len({line.line_id for line in lines}) != len(lines):
        raise ValueError("line ids must differ")
    options = [_options(line, offers, constraints) for line in lines]
    solution = solve(options, constraints.freight_minor, constraints.max_nodes)
    assert solution is not None  # noqa: S101 - every line has an option, _options sees to it
    total = minor_of(solution.cost)
    if constraints.max_total_minor is not None and total > constraints.max_total_minor:
        # If the search was cut, `total` is only the best known; the hint is then an amount that surely suffices.
        raise NoFeasibleSelection(None, {}, Relaxation("total_minor", total, constraints.max_total_minor))
    choices = tuple(_choice(at, lines, options, solution, constraints) for at in range(len(lines)))
    return Selection(
        choices=choices,
        total_minor=total,
        freight_minor=total - sum(choice.total_minor for choice in choices),
        lead_time_h=max((choice.candidate.lead_time_h for choice in choices), default=0),
        bound_minor=minor_of(solution.bound),
        proved=solution.bound == solution.cost,
        nodes=solution.nodes,
    )


def front(lines: Sequence[Line], offers: Sequence[Candidate], constraints: Constraints) -> tuple[Selection, ...]:
    """The choices among which more money buys an earlier delivery, the cheapest and slowest first; none is beaten
    in both. Empty if there is no choice at all.
    """
    found: list[Selection] = []
    limit = constraints.max_lead_time_h
    while True:
        try:
            best = select(lines, offers, replace(constraints, max_lead_time_h=limit))
        except NoFeasibleSelection:
            return tuple(found)
        if found and found[-1].total_minor == best.total_minor:
            found[-1] = best  # as cheap and faster
        else:
            found.append(best)
        if best.lead_time_h == 0:
            return tuple(found)
        limit = best.lead_time_h - 1


def _options(line: Line, offers: Sequence[Candidate], constraints: Constraints) -> list[Option]:
    """The candidates of `line` that keep the constraints. Raises NoFeasibleSelection if there is none."""
    mine = [candidate for candidate in offers if candidate.line_id == line.line_id]
    failures = {id(candidate): _failures(candidate, line, constraints) for candidate in mine}
    fit = [candidate for candidate in mine if not failures[id(candidate)]]
    if not fit:
        counts = Counter(reason for candidate in mine for reason in failures[id(candidate)])
        raise NoFeasibleSelection(line.line_id, counts, _relaxation(line, mine, failures, constraints))
    return [Option(candidate, cost_of(candidate, line.quantity, constraints.seed)) for candidate in fit]


def _failures(candidate: Candidate, line: Line, constraints: Constraints) -> tuple[str, ...]:
    checks = {
        "currency": candidate.currency != constraints.currency,
        "excluded": candidate.offer_id in constraints.excluded_offers
        or candidate.supplier_id in constraints.excluded_suppliers,
        "lead_time": constraints.max_lead_time_h is not None and candidate.lead_time_h > constraints.max_lead_time_h,
        "minimum_quantity": candidate.minimum_quantity > line.quantity,
    }
    return tuple(reason for reason, failed in checks.items() if failed)


def _relaxation(
    line: Line, mine: Sequence[Candidate], failures: Mapping[int, tuple[str, ...]], constraints: Constraints
) -> Relaxation | None:
    """The smallest single concession: first time, as it costs nothing, then quantity."""
    late = [one.lead_time_h for one in mine if failures[id(one)] == ("lead_time",)]
    if late and constraints.max_lead_time_h is not None:
        return Relaxation("lead_time_h", min(late), constraints.max_lead_time_h)
    few = [one.minimum_quantity for one in mine if failures[id(one)] == ("minimum_quantity",)]
    return Relaxation("quantity", min(few), line.quantity) if few else None


def _choice(
    at: int, lines: Sequence[Line], options: list[list[Option]], solution: Solution, constraints: Constraints
) -> Choice:
    """The choice for line `at`, explained by solving again with its offer forbidden."""
    line, chosen = lines[at], solution.options[at]
    others = [option for option in options[at] if option is not chosen]
    # All explanations together may take as many steps as the choice did.
    steps = max(_MIN_STEPS, constraints.max_nodes // len(lines))
    again = solve([*options[:at], others, *options[at + 1 :]], constraints.freight_minor, steps)
    total = chosen.candidate.total_minor(line.quantity)
    if again is None:
        return Choice(line.line_id, chosen.candidate, total, "the only offer that keeps the constraints", None)
    runner = again.options[at].candidate
    extra = max(0, minor_of(again.cost) - minor_of(solution.cost))
    cheaper_alone = min(option.candidate.total_minor(line.quantity) for option in options[at]) < total
    reason = "the best found within the limit of steps"
    if solution.bound == solution.cost:
        reason = _reason(chosen.candidate, runner, extra, cheaper_alone=cheaper_alone)
    runner_up = RunnerUp(runner.offer_id, runner.supplier_id, extra)
    return Choice(line.line_id, chosen.candidate, total, reason, runner_up)


def _reason(chosen: Candidate, runner: Candidate, extra_minor: int, *, cheaper_alone: bool) -> str:
    if extra_minor > 0:
        why = "cheapest with its freight" if cheaper_alone else "cheapest"
        extra = f"{extra_minor // 100}.{extra_minor % 100:02d} {chosen.currency}"
        return f"{why}: without it the whole costs {extra} more"
    if extra_minor == 0 and chosen.lead_time_h < runner.lead_time_h:
        return f"as cheap as the runner-up and {runner.lead_time_h - chosen.lead_time_h} h faster"
    return "as good as the runner-up; drawn by the seed"
