"""A product template: common, customised and personalised modules, whose options a customer sets.

The open-architecture product of the literature: *common* modules are in every piece, *customised* ones are chosen
from variants, *personalised* ones are made for one person. A template is data (a file), never code.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from marketplace.domain.cost_sheet import Costing
from marketplace.domain.engineering import Engineering
from marketplace.domain.formula import Formula


class ModuleKind(StrEnum):
    """How often a module is shared between customers."""

    COMMON = "common"
    CUSTOMISED = "customised"
    PERSONALISED = "personalised"


@dataclass(frozen=True, slots=True)
class Choice:
    """One variant of a choice option; `price_minor` is per piece."""

    value: str
    label: str
    price_minor: int = 0


@dataclass(frozen=True, slots=True)
class ChoiceOption:
    """Pick one of `choices`."""

    id: str
    label: str
    choices: tuple[Choice, ...]
    default: str
    help: str = ""

    def choice(self, value: str) -> Choice | None:
        """The choice with this value, or None."""
        return next((choice for choice in self.choices if choice.value == value), None)


@dataclass(frozen=True, slots=True)
class IntegerOption:
    """A whole number of `unit` from `minimum` to `maximum` in steps; `price_minor` is per unit and piece."""

    id: str
    label: str
    minimum: int
    maximum: int
    step: int
    unit: str
    default: int
    price_minor: int = 0
    help: str = ""


@dataclass(frozen=True, slots=True)
class TextOption:
    """A text of at most `max_length` characters out of `alphabet`; `price_minor` per piece when it is not empty."""

    id: str
    label: str
    max_length: int
    alphabet: str
    default: str = ""
    price_minor: int = 0
    help: str = ""


class FileFormat(StrEnum):
    """What a customer may hand in: a drawing of paths, or a solid of triangles."""

    SVG = "svg"
    STL = "stl"


@dataclass(frozen=True, slots=True)
class FileOption:
    """A design of the customer's own, by the digest of its file; `price_minor` per piece when there is one."""

    id: str
    label: str
    format: FileFormat
    required: bool = False
    price_minor: int = 0
    help: str = ""
    default: str = ""


Option = ChoiceOption | IntegerOption | TextOption | FileOption
OptionValue = str | int


@dataclass(frozen=True, slots=True)
class Module:
    """A part of the product; `price_minor` is its own price per piece, beside its options."""

    id: str
    kind: ModuleKind
    title: str
    description: str
    options: tuple[Option, ...]
    price_minor: int = 0


@dataclass(frozen=True, slots=True)
class BoughtLine:
    """A line of the bill of materials that is bought: what the registry is asked for.

    `quantity` counts the pieces of one order: by default as many as are ordered. Only offers that state each of
    `certificates` are taken.
    """

    id: str
    label: str
    category: str
    attributes: Mapping[str, Formula]
    quantity: Formula | None = None
    certificates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """A part of the preview: an element of the drawing, its style, numbers and texts that follow the options.

    A `design` is the customer's own file, drawn into the rectangle.
    """

    element: str
    style: str
    attributes: Mapping[str, Formula]
    when: Formula | None = None
    option: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """The preview of a product: `width` by `height` units, and shapes from the back to the front."""

    width: int
    height: int
    shapes: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A product as its manufacturer publishes it. `amount_option` names the option that counts the pieces.

    `lead_time_days` hold for one shift of own work; each piece takes `seconds_per_piece` of shifts of `shift_seconds`.
    `supplies_on_time_bps` is the least chance, in ten-thousandths, that all that is bought arrives as promised (0: not
    asked).
    """

    id: str
    version: int
    name: str
    summary: str
    currency: str
    manufacturer: str
    amount_option: str
    lead_time_days: int
    own_operation: str
    modules: tuple[Module, ...]
    bought: tuple[BoughtLine, ...]
    seconds_per_piece: int = 0
    shift_seconds: int = 8 * 3600
    engineering: Engineering = field(default_factory=Engineering)
    drawing: Drawing | None = None
    costing: Costing | None = None
    supplies_on_time_bps: int = 0

    def options(self) -> Iterator[Option]:
        """All options of all modules, in the order in which people read them."""
        for module in self.modules:
            yield from module.options

    def option(self, option_id: str) -> Option | None:
        """The option with this id, or None."""
        return next((option for option in self.options() if option.id == option_id), None)
