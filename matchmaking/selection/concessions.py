"""Where nothing can be chosen: the smallest change that helps.

Each limit is a *knob* with steps from tight to loose. Looser never hurts, so bisection finds the first step that helps.
If no knob helps alone, all are loosened and each is tightened again as far as it goes: then none of them is too loose.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from matchmaking.selection.admission import admitted, by_line
from matchmaking.selection.model import Constraints, Line, Problem, Relaxation, RelaxationKind, Supplier
from matchmaking.selection.solver import Effort, OutOfBudget, solve
from matchmaking.selection.table import risk_micro, table_of

_ANY = Effort(gap=1.0, shakes=4)
"""Whatever choice there is, cheap or not."""


@dataclass(frozen=True, slots=True)
class _Knob:
    kind: RelaxationKind
    now: int
    steps: Sequence[int]
    loosened: Callable[[Problem, int], Problem]
    subject: str | None = None

    def relaxation(self, needed: int) -> Relaxation:
        return Relaxation(self.kind, needed, self.now, self.subject)


def concessions(problem: Problem) -> tuple[tuple[Relaxation, ...], bool]:
    """The changes that help, each alone; or with True those that help together. None help: empty."""
    bare = replace(problem, constraints=replace(problem.constraints, max_total_minor=None))
    knobs = [knob for knob in _knobs(bare) if len(knob.steps)]
    alone = tuple(found for knob in knobs if (found := _smallest(bare, knob)) is not None)
    if alone:
        return alone, False
    for knob in knobs:
        bare = knob.loosened(bare, knob.steps[-1])
    if not _possible(bare):
        return (), False
    needed = []
    for knob in knobs:
        if not _possible(knob.loosened(bare, knob.now)):
            found = _smallest(bare, knob)
            if found is not None:
                needed.append(found)
                bare = knob.loosened(bare, found.needed)
        else:
            bare = knob.loosened(bare, knob.now)
    return tuple(needed), True


def _smallest(problem: Problem, knob: _Knob) -> Relaxation | None:
    if not _possible(knob.loosened(problem, knob.steps[-1])):
        return None
    at = bisect_left(knob.steps, True, key=lambda step: _possible(knob.loosened(problem, step)))
    return knob.relaxation(knob.steps[at])


def _possible(problem: Problem) -> bool:
    try:
        return solve(table_of(problem, admitted(problem)), _ANY) is not None
    except OutOfBudget:
        return False


def _knobs(problem: Problem) -> Iterator[_Knob]:
    """What costs nothing first."""
    limits, offers = problem.constraints, by_line(problem)
    every = [one for some in offers.values() for one in some]
    if limits.max_lead_time_h is not None:
        most = limits.max_lead_time_h
        later = sorted({one.lead_time_h for one in every if one.lead_time_h > most})
        yield _Knob("lead_time_h", most, later, lambda p, step: _limited(p, max_lead_time_h=step))
    for name in sorted(limits.certificates.union(*(line.certificates for line in problem.lines))):
        yield _Knob("certificate", 1, (0,), _waiving(problem, name), name)
    for line in problem.lines:
        # Each quantity up to the largest least lot: one between two of them may come to a supplier's minimum order.
        most = max((one.minimum_quantity for one in offers[line.line_id]), default=0)
        larger = range(line.quantity + 1, most + 1)
        yield _Knob("quantity", line.quantity, larger, _ordering(line.line_id), line.line_id)
    if limits.max_risk_micro is not None:
        top = sum(max((risk_micro(one.reliability_ppm) for one in some), default=0) for some in offers.values())
        yield _Knob(
            "risk_micro",
            limits.max_risk_micro,
            range(limits.max_risk_micro + 1, top + 1),
            lambda p, step: _limited(p, max_risk_micro=step),
        )
    used = {one.supplier_id for one in every} & set(problem.suppliers)
    if any(problem.suppliers[one].capacity_h is not None for one in used):
        hours = sum(max((one.hours for one in some), default=0) for some in offers.values())
        yield _Knob("capacity_h", 0, range(1, hours + 1), _with_terms(problem.suppliers, _more_hours))
    least = max((problem.suppliers[one].minimum_order_minor for one in used), default=0)
    yield _Knob("minimum_order_minor", 0, range(1, least + 1), _with_terms(problem.suppliers, _smaller_orders))


def _limited(problem: Problem, **limits: int) -> Problem:
    changed: Constraints = replace(problem.constraints, **limits)  # type: ignore[arg-type]  # all of these are whole
    return replace(problem, constraints=changed)


def _waiving(given: Problem, name: str) -> Callable[[Problem, int], Problem]:
    """A certificate that some lines demand, or all: waived everywhere, or as `given`."""

    def loosened(problem: Problem, step: int) -> Problem:
        lines = [_demanding(line, name, step and name in before.certificates) for line, before in pairs(problem)]
        limits = problem.constraints
        wanted = step and name in given.constraints.certificates
        left = limits.certificates | {name} if wanted else limits.certificates - {name}
        return replace(problem, lines=tuple(lines), constraints=replace(limits, certificates=left))

    def pairs(problem: Problem) -> Iterator[tuple[Line, Line]]:
        return zip(problem.lines, given.lines, strict=True)

    return loosened


def _demanding(line: Line, name: str, wanted: object) -> Line:
    return replace(line, certificates=line.certificates | {name} if wanted else line.certificates - {name})


def _ordering(line_id: str) -> Callable[[Problem, int], Problem]:
    def loosened(problem: Problem, step: int) -> Problem:
        lines = tuple(replace(line, quantity=step) if line.line_id == line_id else line for line in problem.lines)
        return replace(problem, lines=lines)

    return loosened


def _with_terms(
    suppliers: Mapping[str, Supplier], give: Callable[[Supplier, Supplier, int], Supplier]
) -> Callable[[Problem, int], Problem]:
    """Counts from the terms that were given, so that a later step does not add to an earlier one."""

    def loosened(problem: Problem, step: int) -> Problem:
        changed = {name: give(terms, suppliers[name], step) for name, terms in problem.suppliers.items()}
        return replace(problem, suppliers=changed)

    return loosened


def _more_hours(terms: Supplier, given: Supplier, step: int) -> Supplier:
    return terms if given.capacity_h is None else replace(terms, capacity_h=given.capacity_h + step)


def _smaller_orders(terms: Supplier, given: Supplier, step: int) -> Supplier:
    return replace(terms, minimum_order_minor=max(0, given.minimum_order_minor - step))
