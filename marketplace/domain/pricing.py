"""The price of a configuration: itemised whole cents whose lines add up to the total by construction."""

from dataclasses import dataclass

from marketplace.domain.configuration import Configuration
from marketplace.domain.errors import InvalidInput
from marketplace.domain.money import MAX_MINOR, share
from marketplace.domain.product import (
    ChoiceOption,
    FileOption,
    Module,
    Option,
    OptionValue,
    Template,
    TextOption,
)


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One line of a price: what it is for, and how much it is for all pieces."""

    label: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Price:
    """Itemised price of a whole order. `platform_fee_minor` is inside the total and shown, never added."""

    currency: str
    lines: tuple[PriceLine, ...]
    platform_fee_minor: int

    @property
    def total_minor(self) -> int:
        """The sum of the lines."""
        return sum(line.amount_minor for line in self.lines)


def price(template: Template, configuration: Configuration, *, fee_bps: int) -> Price:
    """The price of all pieces: a line for each module or option that costs something.

    Raises InvalidInput when the order would cost nothing or more than money can count.
    """
    lines = tuple(
        PriceLine(label, per_piece * configuration.amount)
        for module in template.modules
        for label, per_piece in _per_piece(module, configuration)
        if per_piece
    )
    total = sum(line.amount_minor for line in lines)
    if not 0 < total <= MAX_MINOR:
        raise InvalidInput("configuration", f"this order would cost {total} cents, which cannot be charged")
    return Price(template.currency, lines, share(total, fee_bps))


def from_price_minor(template: Template) -> int:
    """The least that one piece costs: the cheapest choice of every option."""
    return sum(module.price_minor + sum(_least(option) for option in module.options) for module in template.modules)


def _per_piece(module: Module, configuration: Configuration) -> list[tuple[str, int]]:
    own = [(module.title, module.price_minor)]
    return own + [_option_price(option, configuration.values[option.id]) for option in module.options]


def _option_price(option: Option, value: OptionValue) -> tuple[str, int]:
    match option:
        case ChoiceOption():
            choice = option.choice(str(value))
            return (f"{option.label}: {choice.label}", choice.price_minor) if choice else (option.label, 0)
        case TextOption():
            return f"{option.label}: “{value}”", option.price_minor if value else 0
        case FileOption():
            return option.label, option.price_minor if value else 0
        case _:
            return f"{option.label}: {value} {option.unit}", int(value) * option.price_minor


def _least(option: Option) -> int:
    match option:
        case ChoiceOption():
            return min(choice.price_minor for choice in option.choices)
        case TextOption():
            return 0
        case FileOption():
            return option.price_minor if option.required else 0
        case _:
            return option.minimum * option.price_minor
