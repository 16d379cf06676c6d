"""The price of a configuration: itemised whole cents whose lines add up to the total by construction.

A template with a cost sheet is priced from what the order costs (`costing`), any other from its list prices; both
leave a trace that anybody can work out again (`price_trace`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from marketplace.domain.configuration import Configuration, required_lines
from marketplace.domain.cost_sheet import Costing, Figures
from marketplace.domain.costing import Bought, Costs, Material, Work, listed, trace
from marketplace.domain.engineering import routed
from marketplace.domain.errors import InvalidInput
from marketplace.domain.formula import Values
from marketplace.domain.money import BPS
from marketplace.domain.price_trace import PriceTrace
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
    """Itemised price of a whole order, taxes among its lines. `platform_fee_minor` is inside the total and shown,
    never added. `trace` says how it was worked out; only prices of before there were traces have none.
    """

    currency: str
    lines: tuple[PriceLine, ...]
    platform_fee_minor: int
    trace: PriceTrace | None = None

    @property
    def total_minor(self) -> int:
        """The sum of the lines."""
        return sum(line.amount_minor for line in self.lines)


def price(
    template: Template, configuration: Configuration, sheet: Values | None = None, *, fee_bps: int, rush_bps: int = 0
) -> Price:
    """The price of all pieces; `rush_bps` is the surcharge of the date.

    `sheet` is what a cost sheet's formulas read; list prices read nothing. Raises InvalidInput when the order would
    cost nothing or more than money can count, NotMakeable where a cost cannot be worked out.
    """
    values = configuration.values if sheet is None else sheet
    costs = _costs(template, template.costing, configuration, values, fee_bps, rush_bps) if template.costing else None
    try:
        if costs is None:
            found = listed(_pieces(template, configuration), template.currency, fee_bps)
        else:
            found = trace(costs, template.currency)
    except InvalidInput as wrong:
        raise InvalidInput("configuration", wrong.message) from wrong
    lines = tuple(PriceLine(line.label, line.amount_minor) for line in (*found.lines, *found.taxes))
    return Price(template.currency, lines, found.platform_fee.amount_minor, found)


def from_price_minor(template: Template) -> int:
    """From where a product is advertised: what the cheapest choice of every option costs a piece.

    With a cost sheet a piece alone costs more than one of many: it is what the least amount of the defaults costs.
    """
    if template.costing is not None:
        return template.costing.from_minor
    return sum(module.price_minor + sum(_least(option) for option in module.options) for module in template.modules)


def rush_ceiling_bps(template: Template, sheet: Values) -> int:
    """The surcharge of a date up to which every capable machine is booked; list prices have none."""
    return Figures(template.costing, sheet).figure("rush_bps") if template.costing else 0


def _costs(
    template: Template, costing: Costing, configuration: Configuration, values: Values, fee_bps: int, rush_bps: int
) -> Costs:
    sheet, steps = Figures(costing, values), routed(template.engineering, values)
    tax = sheet.figure("tax_bps")
    seconds = sum(step.run_seconds for step in steps) * configuration.amount
    run = Work(*sheet.work("run", -(-seconds // 60)))
    return Costs(
        setup=Work(*sheet.work("setup", sum(step.setup_minutes for step in steps))),
        programming=Work(*sheet.work("programming")),
        run_p50=run.minutes,
        run_p80=run.minutes * (BPS + sheet.figure("run.risk_bps")) // BPS,
        run_minor_per_hour=run.minor_per_hour,
        material=Material(*(sheet.figure(f"material.{name}") for name in ("grams", "minor_per_kg", "scrap_bps"))),
        finishing=Work(*sheet.work("finishing")),
        inspection=Work(*sheet.work("inspection")),
        freight_minor=sheet.figure("freight.minor"),
        margin_bps=sheet.figure("margin_bps"),
        rush_bps=rush_bps,
        discount_bps=sheet.figure("discount.bps"),
        tax_bps=tax,
        fee_bps=fee_bps,
        bought=tuple(_bought(template, sheet, tax)),
        discount_label=costing.discount_label,
    )


def _bought(template: Template, sheet: Figures, tax_bps: int) -> Iterator[Bought]:
    for line in required_lines(template, sheet.values):
        rate = sheet.costing.bought.get(line.id)
        if rate is not None:
            each = sheet.worked_out(rate.minor_per_piece, f"bought.{line.id}.minor_per_piece")
            tax = tax_bps if rate.tax_bps is None else sheet.worked_out(rate.tax_bps, f"bought.{line.id}.tax_bps")
            yield Bought(line.id, line.label, line.quantity, each, tax)


def _pieces(template: Template, configuration: Configuration) -> Iterator[Bought]:
    """List prices: each module's own, and each option's; tax is inside."""
    for module in template.modules:
        for code, label, each in _per_piece(module, configuration):
            yield Bought(code, label, configuration.amount, each, 0)


def _per_piece(module: Module, configuration: Configuration) -> Iterator[tuple[str, str, int]]:
    yield f"module:{module.id}", module.title, module.price_minor
    for option in module.options:
        yield f"option:{option.id}", *_option_price(option, configuration.values[option.id])


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
