"""What a template says of the making: rules between options, features, machines with their limits, a routing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from marketplace.domain.errors import Finding, NotMakeable
from marketplace.domain.formula import Formula, FormulaFailed, Scalar, Values


@dataclass(frozen=True, slots=True)
class Rule:
    """Options that go together only if `holds`; `message` says so in words a customer can act on."""

    id: str
    message: str
    holds: Formula


@dataclass(frozen=True, slots=True)
class Feature:
    """A property of the piece that follows from the options, such as a length of `unit`."""

    id: str
    label: str
    unit: str
    value: Formula


@dataclass(frozen=True, slots=True)
class Limit:
    """What a machine takes of one feature: a range, or some values."""

    feature: str
    minimum: int | None = None
    maximum: int | None = None
    one_of: tuple[str, ...] = ()

    def allows(self, value: Scalar) -> bool:
        """Whether the machine can do it."""
        if self.one_of:
            return value in self.one_of
        above = self.minimum is None or (isinstance(value, int) and value >= self.minimum)
        return above and (self.maximum is None or (isinstance(value, int) and value <= self.maximum))

    def words(self, unit: str) -> str:
        """As people read it: "at most 65000 µm"."""
        if self.one_of:
            return "one of " + ", ".join(self.one_of)
        ends = (("at least", self.minimum), ("at most", self.maximum))
        return " and ".join(f"{word} {end} {unit}".strip() for word, end in ends if end is not None)


@dataclass(frozen=True, slots=True)
class Machine:
    """A class of machines, its envelope, how many there are, and their shifts.

    A shift is a pair of minutes of the week, which begins on Monday at 00:00 UTC; without any the template's hold.
    """

    id: str
    label: str
    limits: tuple[Limit, ...]
    count: int = 1
    windows: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """A step of the routing on a machine of a class; `when` says which pieces need it."""

    id: str
    label: str
    machine: str
    setup_minutes: Formula
    run_seconds: Formula
    when: Formula | None = None


@dataclass(frozen=True, slots=True)
class Engineering:
    """All of it; `sheet` adds the features to values. A template that says nothing has no rules and no routing."""

    rules: tuple[Rule, ...] = ()
    features: tuple[Feature, ...] = ()
    machines: tuple[Machine, ...] = ()
    routing: tuple[Operation, ...] = ()
    sheet: Callable[[Values], Values] = dict

    def feature(self, feature_id: str) -> Feature:
        """By id; a template is only loaded if its limits name features that it has."""
        return next(feature for feature in self.features if feature.id == feature_id)

    def machine(self, machine_id: str) -> Machine:
        """By id; a template is only loaded if its routing names machines that it has."""
        return next(machine for machine in self.machines if machine.id == machine_id)


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that these values break."""

    rule: str
    message: str
    values: tuple[tuple[str, Scalar], ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A machine that cannot make this: its limit in words, and the value that lies outside it."""

    operation: str
    machine: str
    feature: str
    message: str
    limit: str
    value: Scalar
    values: tuple[tuple[str, Scalar], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of one order: minutes once, seconds for each piece."""

    operation: str
    label: str
    machine: str
    setup_minutes: int
    run_seconds: int


@dataclass(frozen=True, slots=True)
class Envelope:
    """One limit of a machine as a step of the routing meets it."""

    operation: Operation
    machine: Machine
    feature: Feature
    limit: Limit

    @property
    def options(self) -> frozenset[str]:
        """The options that decide whether it is kept."""
        asked = self.operation.when.options if self.operation.when else frozenset[str]()
        return asked | self.feature.value.options

    def refusal(self, values: Values) -> Refusal | None:
        """Why the machine cannot make it, if it cannot."""
        if not needed(self.operation, values):
            return None
        try:
            value = values[self.feature.id] if self.feature.id in values else self.feature.value(values)
        except FormulaFailed:
            value = "cannot be worked out"
        if self.limit.allows(value):
            return None
        limit = self.limit.words(self.feature.unit)
        shown = f"{value} {self.feature.unit}".strip()
        message = f"{self.machine.label} takes {limit} for {self.feature.label}, and this is {shown}"
        named = _named(self.options, values)
        return Refusal(self.operation.id, self.machine.id, self.feature.id, message, limit, value, named)


def envelopes(engineering: Engineering) -> Iterator[Envelope]:
    """Every limit that some operation has to keep, in the order of the routing."""
    for operation in engineering.routing:
        machine = engineering.machine(operation.machine)
        for limit in machine.limits:
            yield Envelope(operation, machine, engineering.feature(limit.feature), limit)


def violation(rule: Rule, values: Values) -> Violation | None:
    """The rule's complaint, if it has one; a rule that cannot be worked out is broken."""
    return None if _true(rule.holds, values) else Violation(rule.id, rule.message, _named(rule.holds.options, values))


def violations(engineering: Engineering, values: Values) -> tuple[Violation, ...]:
    """The rules that are broken, in the template's order."""
    return tuple(found for rule in engineering.rules if (found := violation(rule, values)))


def refusals(engineering: Engineering, values: Values) -> tuple[Refusal, ...]:
    """The limits that are passed, in the order of the routing."""
    return tuple(found for envelope in envelopes(engineering) if (found := envelope.refusal(values)))


def needed(operation: Operation, values: Values) -> bool:
    """Whether these pieces take this step; where that cannot be worked out, they do."""
    try:
        return operation.when is None or operation.when(values) is True
    except FormulaFailed:
        return True


def routed(engineering: Engineering, values: Values) -> tuple[Step, ...]:
    """The steps of one order. Raises NotMakeable where a time cannot be worked out."""
    return tuple(
        Step(
            operation.id,
            operation.label,
            operation.machine,
            counted(operation.setup_minutes, values, f"the set-up of {operation.label}"),
            counted(operation.run_seconds, values, f"the time of {operation.label}"),
        )
        for operation in engineering.routing
        if needed(operation, values)
    )


def counted(formula: Formula, values: Values, what: str) -> int:
    """A whole number from 0 on. Raises NotMakeable, naming the options."""
    try:
        found = formula(values)
    except FormulaFailed as failed:
        raise NotMakeable((Finding(_field(formula.options), f"{what} cannot be worked out: {failed}"),)) from failed
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= LARGEST:
        raise NotMakeable((Finding(_field(formula.options), f"{what} would be {found}, which cannot be"),))
    return found


LARGEST = 10**9
"""Pieces, minutes or seconds: a quantity above a thousand million is a mistake."""


def check_makeable(engineering: Engineering, values: Values) -> None:
    """Raises NotMakeable, naming the first option of every broken rule and of every passed limit."""
    broken = [Finding(_field(dict(found.values)), found.message) for found in violations(engineering, values)]
    passed = [
        Finding(_field(dict(found.values)), found.message, found.limit, found.value)
        for found in refusals(engineering, values)
    ]
    if broken or passed:
        raise NotMakeable((*broken, *passed))


def _true(formula: Formula, values: Values) -> bool:
    try:
        return formula(values) is True
    except FormulaFailed:
        return False


def _named(options: frozenset[str], values: Values) -> tuple[tuple[str, Scalar], ...]:
    return tuple((option, values[option]) for option in values if option in options)


def _field(options: frozenset[str] | dict[str, Scalar]) -> str:
    first = next(iter(options if isinstance(options, dict) else sorted(options)), None)
    return f"configuration.{first}" if first else "configuration"
