"""A configuration is one customer's values for a template's options: an instance with a hash, never a SKU."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from marketplace.domain.engineering import counted
from marketplace.domain.errors import Finding, InvalidInput, NotMakeable
from marketplace.domain.formula import FormulaFailed, Values
from marketplace.domain.product import (
    BoughtLine,
    ChoiceOption,
    FileOption,
    IntegerOption,
    Option,
    OptionValue,
    Template,
    TextOption,
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """Every option of the template with its value, in the template's order."""

    product_id: str
    values: Mapping[str, OptionValue]
    amount: int


@dataclass(frozen=True, slots=True)
class RequiredLine:
    """What must be bought for one order: `quantity` pieces of `category` with these attributes.

    Whoever offers them must state each of `certificates`.
    """

    id: str
    label: str
    category: str
    quantity: int
    attributes: Mapping[str, str]
    certificates: tuple[str, ...] = ()

    def certified(self, stated: Iterable[str]) -> bool:
        """True if all certificates are among the stated ones, however they are written: `iso  9001` is `ISO 9001`."""
        return set(map(certificate_key, self.certificates)) <= set(map(certificate_key, stated))


def certificate_key(certificate: str) -> str:
    """What two spellings of one certificate have in common."""
    return " ".join(certificate.casefold().split())


def configure(template: Template, values: Mapping[str, object]) -> Configuration:
    """The configuration of `template` with `values`; options that are not named take their default.

    Raises InvalidInput, naming the option, for an unknown option or a value outside its range.
    """
    for name in values:
        if template.option(name) is None:
            known = ", ".join(option.id for option in template.options())
            raise InvalidInput(f"configuration.{_shown(name)}", f"unknown option; this product has {known}")
    checked = {option.id: _checked(option, values.get(option.id, option.default)) for option in template.options()}
    amount = checked[template.amount_option]
    if not isinstance(amount, int):
        raise InvalidInput(f"configuration.{template.amount_option}", "must count pieces")
    return Configuration(product_id=template.id, values=checked, amount=amount)


def _shown(name: str) -> str:
    """`name` as an error may repeat it: a stranger chose it, and an answer must stay short and encodable."""
    longest = 64  # far above the ids of any template
    return name if name.isprintable() and len(name) <= longest else ascii(name)[1:-1][:longest]


def _checked(option: Option, value: object) -> OptionValue:
    field = f"configuration.{option.id}"
    match option:
        case ChoiceOption():
            if not isinstance(value, str) or option.choice(value) is None:
                raise InvalidInput(field, "must be one of " + ", ".join(choice.value for choice in option.choices))
            return value
        case IntegerOption():
            return _whole_number(option, field, value)
        case FileOption():
            return _digest(option, field, value)
        case _:
            return _text(option, field, value)


def _whole_number(option: IntegerOption, field: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput(field, f"must be a whole number of {option.unit}")
    if not option.minimum <= value <= option.maximum or (value - option.minimum) % option.step:
        raise InvalidInput(
            field,
            f"must be from {option.minimum} to {option.maximum} {option.unit} in steps of {option.step}",
        )
    return value


def _digest(option: FileOption, field: str, value: object) -> str:
    if value == "" and not option.required:
        return ""
    if not isinstance(value, str) or not re.fullmatch("0x[0-9a-f]{64}", value):
        raise InvalidInput(field, f"must be the digest of an uploaded {option.format} file")
    return value


def _text(option: TextOption, field: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > option.max_length:
        raise InvalidInput(field, f"must be a text of at most {option.max_length} characters")
    strange = sorted(set(value) - set(option.alphabet))
    if strange:
        raise InvalidInput(field, f"may hold only these characters: {option.alphabet}")
    return value


def required_lines(template: Template, values: Values) -> tuple[RequiredLine, ...]:
    """The bought part of the bill of materials of one order, from its values and features; lines of none are left out.

    Raises NotMakeable where a quantity or an attribute cannot be worked out.
    """
    lines = (_required(template, line, values) for line in template.bought)
    return tuple(line for line in lines if line.quantity)


def _required(template: Template, line: BoughtLine, values: Values) -> RequiredLine:
    attributes = {}
    for name, formula in line.attributes.items():
        try:
            attributes[name] = str(formula(values))
        except FormulaFailed as failed:
            message = f"{name} of {line.label} cannot be worked out: {failed}"
            raise NotMakeable((Finding(f"configuration.{min(formula.options)}", message),)) from failed
    quantity = int(values[template.amount_option])
    if line.quantity is not None:
        quantity = counted(line.quantity, values, f"the number of {line.label}")
    return RequiredLine(line.id, line.label, line.category, quantity, attributes, line.certificates)


def spell_out(template: Template, configuration: Configuration) -> tuple[tuple[str, str], ...]:
    """(label, value) pairs as people read them."""
    return tuple((option.label, _spelled(option, configuration.values[option.id])) for option in template.options())


def _spelled(option: Option, value: OptionValue) -> str:
    match option:
        case ChoiceOption():
            choice = option.choice(str(value))
            return choice.label if choice else str(value)
        case TextOption():
            return str(value) or "none"
        case FileOption():
            return f"{option.format.upper()} {str(value)[:10]}…" if value else "none"
        case _:
            return f"{value} {option.unit}".strip()
