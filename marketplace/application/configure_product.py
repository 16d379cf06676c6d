"""Try a configuration: is it valid, can it be made, of what and by which route, and what would mend it.

The same checks stand before every price and every order; here they explain themselves instead of refusing.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketplace.application.browse_products import template_of
from marketplace.application.configuration_views import (
    ChangeView,
    ConfigurationView,
    PartLineView,
    RefusalView,
    RepairView,
    StepView,
    ViolationView,
)
from marketplace.application.context import Context
from marketplace.application.design_files import Designs, designs_of
from marketplace.domain.configuration import Configuration, configure, required_lines, spell_out
from marketplace.domain.engineering import Refusal, Violation, check_makeable, refusals, routed, violations
from marketplace.domain.errors import InvalidInput
from marketplace.domain.formula import Values
from marketplace.domain.parties import Account
from marketplace.domain.pricing import price
from marketplace.domain.product import OptionValue, Template
from marketplace.planning.preview import draw
from marketplace.planning.repairs import Repair, constraints_of, search

MOST_REPAIRS = 3
"""Nobody compares more than three ways out on a phone."""


@dataclass(frozen=True, slots=True)
class Configured:
    """A configuration and all that its formulas may read."""

    template: Template
    configuration: Configuration
    designs: Designs
    sheet: Values


async def configured(
    ctx: Context, template: Template, values: Mapping[str, object], account_id: str, *, anew: bool = True
) -> Configured:
    """The configuration with its features. `anew` ones may only name files that this account holds.

    Raises InvalidInput, naming the option, for a value that may not be chosen or a file that is not there.
    """
    configuration = configure(template, values)
    designs = await designs_of(ctx, template, configuration.values, account_id if anew else None)
    return Configured(template, configuration, designs, _sheet(template, configuration.values, designs))


async def makeable(ctx: Context, template: Template, values: Mapping[str, object], account_id: str) -> Configured:
    """A new configuration that breaks no rule and that the machines can make. Raises InvalidInput, NotMakeable."""
    configuration = configure(template, values)
    designs = await designs_of(ctx, template, configuration.values, account_id)

    def tried() -> Values:
        sheet = _sheet(template, configuration.values, designs)
        _check(template, sheet)
        return sheet

    # What a file is like stands in the file: only what follows from the values alone is known again by them.
    asked = (template.id, template.version, frozenset(configuration.values.items()))
    sheet = tried() if designs.files else ctx.sheets.of(asked, tried)
    return Configured(template, configuration, designs, sheet)


async def try_configuration(
    ctx: Context, caller: Account, product_id: str, *, values: Mapping[str, object]
) -> ConfigurationView:
    """What becomes of these values. Raises NotFound, and InvalidInput for a value that may not be chosen at all."""
    template = template_of(ctx, product_id)
    found = await configured(ctx, template, values, caller.id)
    broken = violations(template.engineering, found.sheet)
    passed = refusals(template.engineering, found.sheet)
    valid = not broken and not passed
    lines, steps = (
        (required_lines(template, found.sheet), routed(template.engineering, found.sheet)) if valid else ((), ())
    )
    mended, complete = ((), True) if valid else await asyncio.to_thread(_repairs, found)
    return ConfigurationView(
        valid=valid,
        hash=configuration_hash(ctx, template, found.configuration),
        violations=tuple(_violation(one) for one in broken),
        manufacturability=tuple(_refusal(one) for one in passed),
        repairs=mended,
        repairs_complete=complete,
        bill_of_materials=tuple(
            PartLineView(line.id, line.label, line.category, line.quantity, dict(line.attributes)) for line in lines
        ),
        routing=tuple(
            StepView(
                step.operation,
                step.label,
                template.engineering.machine(step.machine).label,
                step.setup_minutes,
                step.run_seconds,
            )
            for step in steps
        ),
        preview_svg=_preview(found),
    )


def configuration_hash(ctx: Context, template: Template, configuration: Configuration) -> str:
    """The name of a configuration: keccak of the RFC 8785 form of template, version and values. It is no SKU."""
    named = {"template": template.id, "version": template.version, "values": dict(configuration.values)}
    return ctx.chain.keccak(ctx.canonical(named))


def _sheet(template: Template, values: Mapping[str, OptionValue], designs: Designs) -> Values:
    return template.engineering.sheet({**values, **designs.facts(template, values)})


def _check(template: Template, sheet: Values) -> None:
    """Raises NotMakeable."""
    check_makeable(template.engineering, sheet)
    required_lines(template, sheet)
    routed(template.engineering, sheet)


def _preview(found: Configured) -> str | None:
    drawing = found.template.drawing
    if drawing is None:
        return None
    said = ", ".join(value for _, value in spell_out(found.template, found.configuration))
    return draw(drawing, found.sheet, found.designs.sketches(found.template, found.configuration.values), said)


def _repairs(found: Configured) -> tuple[tuple[RepairView, ...], bool]:
    """The nearest repairs, each of them checked like an order: fewest changes, then the smallest, then the cheapest."""
    template, values = found.template, found.configuration.values
    answer = search(
        tuple(template.options()),
        constraints_of(template.engineering),
        values,
        lambda changed: _sheet(template, changed, found.designs),
    )
    able: list[tuple[tuple[int, int, int], RepairView]] = []
    for repair in answer.repairs:
        cost = _cost(found, repair)
        if cost is not None:
            view = RepairView(_changes(template, values, repair), cost, template.currency)
            able.append(((len(repair.changes), repair.distance, cost), view))
    able.sort(key=lambda one: one[0])  # stable: ties stay in the order of the search
    return tuple(view for _, view in able[:MOST_REPAIRS]), answer.complete


def _cost(found: Configured, repair: Repair) -> int | None:
    """What the order would cost after this repair, or None if it would not stand after all."""
    template = found.template
    try:
        mended = configure(template, {**found.configuration.values, **repair.changes})
        sheet = _sheet(template, mended.values, found.designs)
        _check(template, sheet)
        return price(template, mended, sheet, fee_bps=0).total_minor
    except InvalidInput:
        return None


def _changes(template: Template, values: Mapping[str, OptionValue], repair: Repair) -> Sequence[ChangeView]:
    before = dict(zip(values, spell_out(template, configure(template, values)), strict=True))
    mended = configure(template, {**values, **repair.changes})
    after = dict(zip(mended.values, spell_out(template, mended), strict=True))
    return tuple(
        ChangeView(
            option, before[option][0], values[option], mended.values[option], before[option][1], after[option][1]
        )
        for option in values
        if option in repair.changes
    )


def _violation(found: Violation) -> ViolationView:
    return ViolationView(found.rule, found.message, tuple(name for name, _ in found.values), dict(found.values))


def _refusal(found: Refusal) -> RefusalView:
    return RefusalView(
        found.operation,
        found.machine,
        found.feature,
        found.message,
        found.limit,
        found.value,
        tuple(name for name, _ in found.values),
        dict(found.values),
    )
