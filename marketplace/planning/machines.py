"""The machines of a manufacturer as its templates name them, and what an order asks of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from marketplace.domain.configuration import Configuration
from marketplace.domain.engineering import Machine as MachineClass
from marketplace.domain.engineering import routed
from marketplace.domain.formula import Values
from marketplace.domain.product import Template
from marketplace.planning.calendar import Calendar, Shifts
from marketplace.planning.schedule import Alternative, Machine, Routing

DAY = 24 * 60
OPENS = 8 * 60
"""Where nothing else is said, shifts begin at eight (UTC), every day."""


class MachinesDiffer(ValueError):
    """Two templates of one manufacturer do not say the same of a machine. The text names it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made: a configuration, and the sheet that its formulas read."""

    template: Template
    configuration: Configuration
    sheet: Values


def names_of(machine: MachineClass) -> tuple[str, ...]:
    """The names of the single machines of a class."""
    return tuple(f"{machine.id}#{number}" for number in range(1, machine.count + 1))


def machines_of(templates: Iterable[Template]) -> Mapping[str, Machine]:
    """Every machine of these templates with its calendar, empty. Raises MachinesDiffer."""
    found: dict[str, Machine] = {}
    told: dict[str, tuple[int, Shifts]] = {}
    for template in templates:
        for machine in _classes(template):
            shifts = Shifts(machine.windows) if machine.windows else one_shift(template.shift_seconds)
            if told.setdefault(machine.id, (machine.count, shifts)) != (machine.count, shifts):
                raise MachinesDiffer(f"the machine {machine.id} has another number or other shifts in another file")
            found |= {name: Machine("", Calendar(shifts)) for name in names_of(machine)}
    return found


def one_shift(seconds: int) -> Shifts:
    """One shift of so many seconds on every day."""
    minutes = max(1, seconds // 60)
    opens = min(OPENS, DAY - minutes)
    return Shifts(tuple((day * DAY + opens, day * DAY + opens + minutes) for day in range(7)))


def _classes(template: Template) -> Iterable[MachineClass]:
    """Those of the file; a template without a routing works at one place, which its own operation names."""
    return template.engineering.machines if template.engineering.routing else (_bench(template),)


def _bench(template: Template) -> MachineClass:
    return MachineClass(template.own_operation, template.own_operation, ())


def work_seconds(wanted: Wanted) -> int:
    """The manufacturer's own work of all pieces."""
    pieces, steps = wanted.configuration.amount, routed(wanted.template.engineering, wanted.sheet)
    if not steps:
        return wanted.template.seconds_per_piece * pieces
    return sum(step.setup_minutes * 60 + step.run_seconds * pieces for step in steps)


def routing_of(wanted: Wanted, ready: int) -> Routing:
    """The operations of an order in minutes, each on any machine of its class. Raises ValueError for too much work."""
    template, pieces = wanted.template, wanted.configuration.amount
    work = [
        (template.engineering.machine(step.machine), step.setup_minutes * 60 + step.run_seconds * pieces)
        for step in routed(template.engineering, wanted.sheet)
    ] or [(_bench(template), template.seconds_per_piece * pieces)]
    operations = tuple(
        tuple(Alternative(name, max(1, -(-seconds // 60))) for name in names_of(machine)) for machine, seconds in work
    )
    return Routing(operations, ready)
