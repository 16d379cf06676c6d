"""What people are shown of a configuration: why it is not valid, what would mend it, how it is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ViolationView:
    """A broken rule: its words, the options it names and their values."""

    rule: str
    message: str
    options: tuple[str, ...]
    values: Mapping[str, str | int | bool | float]


@dataclass(frozen=True, slots=True)
class RefusalView:
    """A machine that cannot make it: the limit, and the value outside it."""

    operation: str
    machine: str
    feature: str
    message: str
    limit: str
    value: str | int | bool | float
    options: tuple[str, ...]
    values: Mapping[str, str | int | bool | float]


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One option to change: its value now and then, plain and as people read it."""

    option: str
    label: str
    before: str | int
    after: str | int
    before_label: str
    after_label: str


@dataclass(frozen=True, slots=True)
class RepairView:
    """Changes that make the configuration valid, and what the order would then cost."""

    changes: Sequence[ChangeView]
    total_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class PartLineView:
    """A bought line of the bill of materials."""

    id: str
    label: str
    category: str
    quantity: int
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StepView:
    """An operation of the routing: minutes once, seconds for each piece."""

    operation: str
    label: str
    machine: str
    setup_minutes: int
    run_seconds: int


@dataclass(frozen=True, slots=True)
class ConfigurationView:
    """What becomes of a configuration. Bill and routing are empty while it is not valid."""

    valid: bool
    hash: str
    violations: tuple[ViolationView, ...]
    manufacturability: tuple[RefusalView, ...]
    repairs: tuple[RepairView, ...]
    repairs_complete: bool
    bill_of_materials: tuple[PartLineView, ...]
    routing: tuple[StepView, ...]
    preview_svg: str | None


@dataclass(frozen=True, slots=True)
class DesignFileView:
    """A file that the caller has handed in."""

    digest: str
    format: str
    size: int
    facts: Mapping[str, str | int | bool | float]
