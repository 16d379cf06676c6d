"""Products and prices."""

from typing import Annotated, Literal

from pydantic import Field

from mobile_api.schemas.base import CalendarDate, Configuration, In, Instant, Minor, Out, Party


class ProductSummary(Out):
    """A product in a list."""

    id: str
    name: str
    summary: str
    manufacturer: Party
    from_price_minor: Minor
    currency: str


class ProductList(Out):
    """All products."""

    items: list[ProductSummary]


class Choice(Out):
    """One variant."""

    value: str
    label: str


class Option(Out):
    """Something to choose. `choices` for a choice; minimum, maximum, step, unit for an integer; the rest for a text."""

    id: str
    label: str
    type: Literal["choice", "integer", "text"]
    help: str
    default: str | int
    choices: list[Choice] | None
    minimum: int | None
    maximum: int | None
    step: int | None
    unit: str | None
    max_length: int | None
    pattern: str | None


class Module(Out):
    """A part of the product: in every piece, chosen from variants, or made for one person."""

    id: str
    kind: Literal["common", "customised", "personalised"]
    title: str
    description: str
    options: list[Option]


class Product(ProductSummary):
    """A product with all that can be chosen."""

    modules: list[Module]
    earliest_delivery_days: int


class QuoteRequest(In):
    """What it would cost."""

    configuration: Configuration
    deliver_by: CalendarDate


class QuoteLine(Out):
    """One line of a price; the lines add up to the total."""

    label: str
    amount_minor: Annotated[int, Field(description="Cents; a discount is negative.")]


class Quote(Out):
    """A price and a date. The platform's fee is inside the total, never added."""

    kind: Literal["indicative", "firm"]
    version: int
    total_minor: Minor
    currency: str
    lines: list[QuoteLine]
    platform_fee_minor: Minor
    deliver_by: CalendarDate
    firm_until: Instant | None
    digest: str | None


class QuoteAnswer(Out):
    """An indicative price, and the first day that could be promised."""

    quote: Quote
    earliest_delivery: CalendarDate
