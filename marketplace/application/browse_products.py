"""What is on offer, and what can be chosen."""

from marketplace.application.context import Context
from marketplace.application.views import ChoiceView, ModuleView, OptionView, PartyView, ProductSummary, ProductView
from marketplace.domain.errors import NotFound
from marketplace.domain.parties import Role
from marketplace.domain.pricing import from_price_minor
from marketplace.domain.product import ChoiceOption, FileOption, IntegerOption, Module, Option, Template, TextOption


async def list_products(ctx: Context) -> tuple[ProductSummary, ...]:
    """Products whose manufacturer has joined."""
    makers = await _makers(ctx)
    return tuple(
        ProductSummary(
            id=template.id,
            name=template.name,
            summary=template.summary,
            manufacturer=makers[template.manufacturer],
            from_price_minor=from_price_minor(template),
            currency=template.currency,
        )
        for template in ctx.catalogue.values()
        if template.manufacturer in makers
    )


async def product(ctx: Context, product_id: str) -> ProductView:
    """One product with its modules and options. Raises NotFound."""
    template = ctx.catalogue.get(product_id)
    makers = await _makers(ctx)
    if template is None or template.manufacturer not in makers:
        raise NotFound("product")
    return ProductView(
        id=template.id,
        name=template.name,
        summary=template.summary,
        manufacturer=makers[template.manufacturer],
        from_price_minor=from_price_minor(template),
        currency=template.currency,
        modules=tuple(_module(module) for module in template.modules),
        earliest_delivery_days=template.lead_time_days,
    )


def template_of(ctx: Context, product_id: str) -> Template:
    """The template, or NotFound."""
    template = ctx.catalogue.get(product_id)
    if template is None:
        raise NotFound("product")
    return template


async def _makers(ctx: Context) -> dict[str, PartyView]:
    async with ctx.uow.read() as tx:
        organisations = await tx.parties.organisations_of_kind(Role.MANUFACTURER)
    return {organisation.name: PartyView(organisation.id, organisation.name) for organisation in organisations}


def _module(module: Module) -> ModuleView:
    options = tuple(_option(option) for option in module.options)
    return ModuleView(module.id, module.kind, module.title, module.description, options)


def _option(option: Option) -> OptionView:
    match option:
        case ChoiceOption():
            choices = tuple(ChoiceView(choice.value, choice.label) for choice in option.choices)
            return OptionView(option.id, option.label, "choice", option.help, option.default, choices=choices)
        case IntegerOption():
            return OptionView(
                option.id,
                option.label,
                "integer",
                option.help,
                option.default,
                minimum=option.minimum,
                maximum=option.maximum,
                step=option.step,
                unit=option.unit,
            )
        case TextOption():
            return OptionView(
                option.id,
                option.label,
                "text",
                option.help,
                option.default,
                max_length=option.max_length,
                pattern=_pattern(option.alphabet),
            )
        case FileOption():
            return OptionView(
                option.id,
                option.label,
                "file",
                option.help,
                option.default,
                format=option.format,
                required=option.required,
            )


def _pattern(alphabet: str) -> str:
    """A regular expression that browsers take (flag v escapes included) for texts out of `alphabet`."""
    escaped = "".join(f"\\u{ord(letter):04x}" if not letter.isalnum() else letter for letter in alphabet)
    return f"^[{escaped}]*$"
