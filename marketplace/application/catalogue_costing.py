"""Reads the cost sheet of a template file: rates, minutes and grams, each a formula over the same sheet as the routing.

A key that nothing reads is refused with its place: a misspelt rate would be a cost that nobody charges.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from marketplace.application.catalogue_engineering import FormulaReader, facts_of_nothing
from marketplace.domain.configuration import configure
from marketplace.domain.cost_sheet import FIGURES, RATES, BoughtRate, Costing
from marketplace.domain.errors import InvalidInput
from marketplace.domain.formula import Formula
from marketplace.domain.pricing import price
from marketplace.domain.product import ChoiceOption, IntegerOption, Template


def read_costing(reader: FormulaReader, data: Mapping[str, Any]) -> Costing | None:
    """The cost sheet, if the file has one. Raises InvalidInput naming the place."""
    given = data.get("costing")
    if given is None:
        return None
    sheet = _object(reader, given, "costing", {*FIGURES, *RATES, "bought"})
    figures: dict[str, Formula] = {}
    label = "Discount"
    for part, names in FIGURES.items():
        extra = {"label"} if part == "discount" else set()
        found = _object(reader, sheet.get(part, {}), f"costing.{part}", {*names, *extra})
        figures |= {f"{part}.{name}": _figure(reader, found[name], f"{part}.{name}") for name in names if name in found}
        label = str(found.get("label", label))
    figures |= {name: _figure(reader, sheet[name], name) for name in RATES if name in sheet}
    known = {str(line["id"]) for line in data["bill_of_materials"]}
    bought = _object(reader, sheet.get("bought", {}), "costing.bought", known)
    return Costing(figures, {line: _rate(reader, one, line) for line, one in bought.items()}, label)


def advertised(template: Template, name: str) -> Template:
    """The template with the price from which it is advertised: its defaults in the least amount, without a file.

    Raises InvalidInput where that has no price, as nobody could order it.
    """
    amount = template.option(template.amount_option)
    if template.costing is None or not isinstance(amount, IntegerOption):
        return template
    if any(_list_prices(template)):
        raise InvalidInput(
            f"{name}: costing", "stands beside a price_minor: a product has list prices or costs, not both"
        )
    configuration = configure(template, {amount.id: amount.minimum})
    values = {**configuration.values, **facts_of_nothing(tuple(template.options()))}
    try:
        least = price(template, configuration, template.engineering.sheet(values), fee_bps=0).total_minor
    except InvalidInput as wrong:
        raise InvalidInput(f"{name}: costing", f"gives the defaults no price: {wrong.message}") from wrong
    return replace(template, costing=replace(template.costing, from_minor=least))


def _list_prices(template: Template) -> Iterator[int]:
    for module in template.modules:
        yield module.price_minor
    for option in template.options():
        match option:
            case ChoiceOption():
                yield from (choice.price_minor for choice in option.choices)
            case _:
                yield option.price_minor


def _figure(reader: FormulaReader, given: object, place: str) -> Formula:
    return reader.formula(given, "int", f"costing.{place}")


def _rate(reader: FormulaReader, given: object, line: str) -> BoughtRate:
    place = f"bought.{line}"
    found = _object(reader, given, f"costing.{place}", {"minor_per_piece", "tax_bps"})
    if "minor_per_piece" not in found:
        raise InvalidInput(f"{reader.name}: costing.{place}.minor_per_piece", "is missing")
    tax = _figure(reader, found["tax_bps"], f"{place}.tax_bps") if "tax_bps" in found else None
    return BoughtRate(_figure(reader, found["minor_per_piece"], f"{place}.minor_per_piece"), tax)


def _object(reader: FormulaReader, given: object, place: str, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise InvalidInput(f"{reader.name}: {place}", "must be an object")
    for key in given:
        if key not in known:
            raise InvalidInput(f"{reader.name}: {place}.{key}", f"is not known; there are {', '.join(sorted(known))}")
    return given
