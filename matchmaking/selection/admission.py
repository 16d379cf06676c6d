"""Which offers may be chosen at all: each is held against the limits that concern it alone."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from matchmaking.selection.model import MOST_MINOR, Candidate, Constraints, Line, Problem

Admitted = Mapping[str, list[Candidate]]
"""By line id, what may be chosen."""


def admitted(problem: Problem) -> Admitted:
    """The offers of each line that keep every limit of their own; a line without any has an empty list."""
    lines = {line.line_id: line for line in problem.lines}
    found: dict[str, list[Candidate]] = {name: [] for name in lines}
    for one in problem.candidates:
        line = lines.get(one.line_id)
        if line is not None and not misfits(one, line, problem.constraints):
            found[one.line_id].append(one)
    return found


def misfits(candidate: Candidate, line: Line, limits: Constraints) -> tuple[str, ...]:
    """What speaks against the offer, however the other lines are chosen."""
    checks = {
        "currency": candidate.currency != limits.currency,
        "excluded": candidate.offer_id in limits.excluded_offers or candidate.supplier_id in limits.excluded_suppliers,
        "lead_time": limits.max_lead_time_h is not None and candidate.lead_time_h > limits.max_lead_time_h,
        "minimum_quantity": candidate.minimum_quantity > line.quantity,
        "certificate": not limits.certificates | line.certificates <= candidate.certificates,
        "price": candidate.total_minor(line.quantity) > MOST_MINOR,
    }
    return tuple(reason for reason, failed in checks.items() if failed)


def failures(problem: Problem, line: Line) -> Counter[str]:
    """How many offers of `line` failed for which reason."""
    mine = (one for one in problem.candidates if one.line_id == line.line_id)
    return Counter(reason for one in mine for reason in misfits(one, line, problem.constraints))


def by_line(problem: Problem) -> Mapping[str, list[Candidate]]:
    """All offers of each line that was asked for, admitted or not."""
    found: dict[str, list[Candidate]] = defaultdict(list)
    for one in problem.candidates:
        found[one.line_id].append(one)
    return {line.line_id: found[line.line_id] for line in problem.lines}
