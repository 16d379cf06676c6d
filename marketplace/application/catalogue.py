"""Reads product templates from YAML files: a product is data, never code."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from marketplace.domain.errors import InvalidInput
from marketplace.domain.product import (
    BoughtLine,
    Choice,
    ChoiceOption,
    IntegerOption,
    Module,
    ModuleKind,
    Option,
    Template,
    TextOption,
)
from marketplace.planning.lead_time import SECONDS_A_DAY


def load_catalogue(directory: Path) -> Mapping[str, Template]:
    """All templates of a folder (files with a `bill_of_materials`), by product id.

    Raises InvalidInput naming the file and the key that is wrong, and where two files claim one id.
    """
    catalogue: dict[str, Template] = {}
    for path in sorted(directory.glob("*.yaml")):
        data = yaml.safe_load(path.read_text("utf-8"))
        if not isinstance(data, dict) or "bill_of_materials" not in data:
            continue
        template = load_template(data, path.name)
        if template.id in catalogue:
            raise InvalidInput(path.name, f"the product id {template.id} is taken by another file")
        catalogue[template.id] = template
    return catalogue


def load_template(data: Mapping[str, Any], name: str) -> Template:
    """The template in `data`. Raises InvalidInput; `name` says where the data came from."""
    try:
        template = Template(
            id=str(data["id"]),
            version=_whole(data["version"], "version"),
            name=str(data["name"]),
            summary=str(data["summary"]),
            currency=str(data["currency"]),
            manufacturer=str(data["manufacturer"]),
            amount_option=str(data["amount_option"]),
            lead_time_days=_whole(data["lead_time_days"], "lead_time_days"),
            own_operation=str(data["own_operation"]),
            modules=tuple(_module(module) for module in data["modules"]),
            bought=tuple(_bought(line) for line in data["bill_of_materials"]),
            seconds_per_piece=_whole(data.get("seconds_per_piece", 0), "seconds_per_piece"),
            shift_seconds=_whole(data.get("shift_seconds", 8 * 3600), "shift_seconds"),
        )
    except KeyError as missing:
        raise InvalidInput(f"{name}: {missing.args[0]}", "is missing") from missing
    except (TypeError, ValueError) as wrong:
        raise InvalidInput(name, f"cannot be read as a product template: {wrong}") from wrong
    _check(template, name)
    return template


def _check(template: Template, name: str) -> None:
    if not isinstance(template.option(template.amount_option), IntegerOption):
        raise InvalidInput(f"{name}: amount_option", "must name an integer option")
    if not 0 < template.shift_seconds <= SECONDS_A_DAY:
        raise InvalidInput(f"{name}: shift_seconds", "must be from 1 to a day's 86400")
    ids = [option.id for option in template.options()]
    if len(ids) != len(set(ids)):
        raise InvalidInput(f"{name}: modules", "two options have the same id")
    for line in template.bought:
        for attribute, (option_id, values) in line.attributes.items():
            option = template.option(option_id)
            if not isinstance(option, ChoiceOption) or {choice.value for choice in option.choices} - set(values):
                where = f"{name}: bill_of_materials.{line.id}.{attribute}"
                raise InvalidInput(where, "must give a value for every choice of one choice option")


def _module(data: Mapping[str, Any]) -> Module:
    return Module(
        id=str(data["id"]),
        kind=ModuleKind(data["kind"]),
        title=str(data["title"]),
        description=str(data["description"]),
        options=tuple(_option(option) for option in data["options"]),
        price_minor=_whole(data.get("price_minor", 0), "price_minor"),
    )


def _option(data: Mapping[str, Any]) -> Option:
    shared = {"id": str(data["id"]), "label": str(data["label"]), "help": str(data.get("help", ""))}
    price_minor = _whole(data.get("price_minor", 0), "price_minor")
    match data["type"]:
        case "choice":
            choices = tuple(
                Choice(str(choice["value"]), str(choice["label"]), _whole(choice.get("price_minor", 0), "price_minor"))
                for choice in data["choices"]
            )
            return ChoiceOption(**shared, choices=choices, default=str(data["default"]))
        case "integer":
            return IntegerOption(
                **shared,
                minimum=_whole(data["minimum"], "minimum"),
                maximum=_whole(data["maximum"], "maximum"),
                step=_whole(data["step"], "step"),
                unit=str(data["unit"]),
                default=_whole(data["default"], "default"),
                price_minor=price_minor,
            )
        case "text":
            return TextOption(
                **shared,
                max_length=_whole(data["max_length"], "max_length"),
                alphabet=str(data["alphabet"]),
                default=str(data.get("default", "")),
                price_minor=price_minor,
            )
        case other:
            raise ValueError(f"an option's type is choice, integer or text, not {other!r}")


def _bought(data: Mapping[str, Any]) -> BoughtLine:
    attributes = {
        str(name): (str(rule["option"]), {str(key): str(value) for key, value in rule["values"].items()})
        for name, rule in data["attributes"].items()
    }
    return BoughtLine(str(data["id"]), str(data["label"]), str(data["category"]), attributes)


def _whole(value: object, key: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{key} must be a whole number, not below 0")
    return value
