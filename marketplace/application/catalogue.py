"""Reads product templates from YAML files: a product is data, never code."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from marketplace.application.catalogue_costing import advertised, read_costing
from marketplace.application.catalogue_engineering import FormulaReader, check_defaults, whole_number
from marketplace.domain.errors import InvalidInput
from marketplace.domain.product import (
    BoughtLine,
    Choice,
    ChoiceOption,
    FileFormat,
    FileOption,
    IntegerOption,
    Module,
    ModuleKind,
    Option,
    Template,
    TextOption,
)
from marketplace.domain.supply_conditions import BPS
from marketplace.planning.expressions import Language
from marketplace.planning.lead_time import SECONDS_A_DAY
from marketplace.planning.machines import MachinesDiffer, machines_of

_SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Of libyaml where PyYAML has it: every process reads the templates when it starts."""


def load_catalogue(directory: Path) -> Mapping[str, Template]:
    """All templates of a folder (files with a `bill_of_materials`), by product id.

    Raises InvalidInput naming the file and the key that is wrong, and where two files claim one id.
    """
    catalogue: dict[str, Template] = {}
    for path in sorted(directory.glob("*.yaml")):
        data = yaml.load(path.read_text("utf-8"), Loader=_SAFE_LOADER)  # noqa: S506 - it is a safe one
        if not isinstance(data, dict) or "bill_of_materials" not in data:
            continue
        template = load_template(data, path.name)
        if template.id in catalogue:
            raise InvalidInput(path.name, f"the product id {template.id} is taken by another file")
        catalogue[template.id] = template
        try:
            machines_of(one for one in catalogue.values() if one.manufacturer == template.manufacturer)
        except MachinesDiffer as differ:
            raise InvalidInput(f"{path.name}: machines", str(differ)) from differ
    return catalogue


def load_template(data: Mapping[str, Any], name: str) -> Template:
    """The template in `data`. Raises InvalidInput; `name` says where the data came from."""
    try:
        modules = tuple(_module(module) for module in data["modules"])
        options = tuple(option for module in modules for option in module.options)
        _check_ids(modules, options, name)
        reader = FormulaReader(name, options, Language(options))
        engineering = reader.engineering(data)
        template = Template(
            id=str(data["id"]),
            version=whole_number(data["version"], "version"),
            name=str(data["name"]),
            summary=str(data["summary"]),
            currency=str(data["currency"]),
            manufacturer=str(data["manufacturer"]),
            amount_option=str(data["amount_option"]),
            lead_time_days=whole_number(data["lead_time_days"], "lead_time_days"),
            own_operation=str(data["own_operation"]),
            modules=modules,
            bought=tuple(_bought(line, reader) for line in data["bill_of_materials"]),
            seconds_per_piece=whole_number(data.get("seconds_per_piece", 0), "seconds_per_piece"),
            shift_seconds=whole_number(data.get("shift_seconds", 8 * 3600), "shift_seconds"),
            engineering=engineering,
            drawing=reader.drawing(data),
            costing=read_costing(reader, data),
            supplies_on_time_bps=whole_number(data.get("supplies_on_time_bps", 0), "supplies_on_time_bps"),
        )
    except KeyError as missing:
        raise InvalidInput(f"{name}: {missing.args[0]}", "is missing") from missing
    except (TypeError, ValueError) as wrong:
        raise InvalidInput(name, f"cannot be read as a product template: {wrong}") from wrong
    _check(template, name)
    return advertised(template, name)


def _check_ids(modules: Sequence[Module], options: Sequence[Option], name: str) -> None:
    if len(modules) != len({module.id for module in modules}):
        raise InvalidInput(f"{name}: modules", "two of them have the same id")
    if len(options) != len({option.id for option in options}):
        raise InvalidInput(f"{name}: modules", "two options have the same id")


def _check(template: Template, name: str) -> None:
    if not isinstance(template.option(template.amount_option), IntegerOption):
        raise InvalidInput(f"{name}: amount_option", "must name an integer option")
    if not 0 < template.shift_seconds <= SECONDS_A_DAY:
        raise InvalidInput(f"{name}: shift_seconds", "must be from 1 to a day's 86400")
    if not 0 <= template.supplies_on_time_bps < BPS:
        raise InvalidInput(f"{name}: supplies_on_time_bps", "must be from 0 to 9999 ten-thousandths")
    check_defaults(template, name)


def _module(data: Mapping[str, Any]) -> Module:
    return Module(
        id=str(data["id"]),
        kind=ModuleKind(data["kind"]),
        title=str(data["title"]),
        description=str(data["description"]),
        options=tuple(_option(option) for option in data["options"]),
        price_minor=whole_number(data.get("price_minor", 0), "price_minor"),
    )


def _option(data: Mapping[str, Any]) -> Option:
    shared = {"id": str(data["id"]), "label": str(data["label"]), "help": str(data.get("help", ""))}
    price_minor = whole_number(data.get("price_minor", 0), "price_minor")
    match data["type"]:
        case "choice":
            choices = tuple(
                Choice(
                    str(choice["value"]),
                    str(choice["label"]),
                    whole_number(choice.get("price_minor", 0), "price_minor"),
                )
                for choice in data["choices"]
            )
            return ChoiceOption(**shared, choices=choices, default=str(data["default"]))
        case "integer":
            return IntegerOption(
                **shared,
                minimum=whole_number(data["minimum"], "minimum"),
                maximum=whole_number(data["maximum"], "maximum"),
                step=whole_number(data["step"], "step"),
                unit=str(data["unit"]),
                default=whole_number(data["default"], "default"),
                price_minor=price_minor,
            )
        case "text":
            return TextOption(
                **shared,
                max_length=whole_number(data["max_length"], "max_length"),
                alphabet=str(data["alphabet"]),
                default=str(data.get("default", "")),
                price_minor=price_minor,
            )
        case "file":
            return FileOption(
                **shared,
                format=FileFormat(data["format"]),
                required=data.get("required", False) is True,
                price_minor=price_minor,
            )
        case other:
            raise ValueError(f"an option's type is choice, integer, text or file, not {other!r}")


def _bought(data: Mapping[str, Any], reader: FormulaReader) -> BoughtLine:
    place = f"bill_of_materials.{data['id']}"
    attributes = {
        str(attribute): reader.formula(given, "string", f"{place}.{attribute}")
        for attribute, given in data["attributes"].items()
    }
    quantity = data.get("quantity")
    return BoughtLine(
        str(data["id"]),
        str(data["label"]),
        str(data["category"]),
        attributes,
        None if quantity is None else reader.formula(quantity, "int", f"{place}.quantity"),
        _texts(data.get("certificates", ()), f"{place}.certificates"),
    )


def _texts(given: object, place: str) -> tuple[str, ...]:
    """A YAML list of words; one word alone would be read letter by letter."""
    if (
        not isinstance(given, Sequence)
        or isinstance(given, str)
        or not all(isinstance(one, str) and one for one in given)
    ):
        raise ValueError(f"{place} must be a list of texts")
    return tuple(given)
