"""Products and prices."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr

from mobile_api.schemas.base import CalendarDate, Configuration, Hash, In, Instant, Minor, Out, Party


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
    """Something to choose.

    `choices` for a choice; minimum, maximum, step, unit for an integer; max_length, pattern for a text; format,
    required for a file, whose value is the digest that its upload answered.
    """

    id: str
    label: str
    type: Literal["choice", "integer", "text", "file"]
    help: str
    default: str | int
    choices: list[Choice] | None
    minimum: int | None
    maximum: int | None
    step: int | None
    unit: str | None
    max_length: int | None
    pattern: str | None
    format: Literal["svg", "stl"] | None
    required: bool | None


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


class ConfigurationRequest(In):
    """Values to try."""

    configuration: Configuration


Value = StrictStr | StrictBool | StrictInt | StrictFloat


class Violation(Out):
    """A rule that these values break: its words, the options it names and their values."""

    rule: str
    message: str
    options: list[str]
    values: dict[str, Value]


class Refusal(Out):
    """A machine that cannot make it: the feature, the limit and the value outside it."""

    operation: str
    machine: str
    feature: str
    message: str
    limit: str
    value: Value
    options: list[str]
    values: dict[str, Value]


class Change(Out):
    """An option to change, from `before` to `after`."""

    option: str
    label: str
    before: str | int
    after: str | int
    before_label: str
    after_label: str


class Repair(Out):
    """The changes that make the configuration valid, nearest first, and what the order would then cost."""

    changes: list[Change]
    total_minor: Minor
    currency: str


class PartLine(Out):
    """A bought line of the bill of materials of the whole order."""

    id: str
    label: str
    category: str
    quantity: int
    attributes: dict[str, str]


class RoutingStep(Out):
    """An operation: set-up minutes once, run seconds for each piece."""

    operation: str
    label: str
    machine: str
    setup_minutes: int
    run_seconds: int


class ConfigurationAnswer(Out):
    """What becomes of these values. `hash` names them: keccak-256 of the RFC 8785 form of template, version, values.

    `repairs_complete` is false where the search for repairs was cut short: there may be nearer ones.
    """

    valid: bool
    hash: Hash
    violations: list[Violation]
    manufacturability: list[Refusal]
    repairs: list[Repair]
    repairs_complete: bool
    bill_of_materials: list[PartLine]
    routing: list[RoutingStep]
    preview_svg: Annotated[str | None, Field(description="An SVG without scripts or references, or null.")]


class DesignFile(Out):
    """A file of the caller's. `digest` is the value of a file option; `facts` are what rules may ask of it."""

    digest: Hash
    format: Literal["svg", "stl"]
    size: int
    facts: dict[str, Value]


class DesignFileList(Out):
    """The caller's files, newest first."""

    items: list[DesignFile]


class QuoteRequest(In):
    """What it would cost."""

    configuration: Configuration
    deliver_by: CalendarDate


class QuoteInput(Out):
    """A number that a line's formula names."""

    name: str
    value: int


class QuoteLine(Out):
    """One line of a price; the lines, taxes among them, add up to the total, and each can be worked out again.

    Prices of before lines had formulas have label and amount alone.
    """

    label: str
    amount_minor: Annotated[int, Field(description="Cents; a discount is negative.")]
    code: Annotated[str, Field(description="Its name in `over`; a tax is `tax@` and its rate in basis points.")]
    formula: Annotated[str, Field(description="Whole-number arithmetic on the inputs; `//` rounds down.")]
    inputs: list[QuoteInput]
    tax_bps: int
    over: Annotated[list[str], Field(description="The codes of the lines whose sum the input `base_minor` is.")]
    explained: Annotated[str, Field(description="The line as a person checks it.")]


class Promise(Out):
    """How sure a day is, and what lateness costs: for each started day a share of the price, at most the cap."""

    probability_bps: int
    p50_day: CalendarDate
    p90_day: CalendarDate
    penalty_bps_per_day: int
    penalty_cap_bps: int


class QuoteDate(Out):
    """A date worth choosing: none is both later and neither cheaper nor surer than another."""

    day: CalendarDate
    total_minor: Minor
    probability_bps: int
    penalty_bps_per_day: int
    penalty_cap_bps: int
    recommended: bool


class Quote(Out):
    """A price and a date. The platform's fee is inside the total, never added."""

    kind: Literal["indicative", "firm"]
    version: int
    total_minor: Minor
    currency: str
    lines: list[QuoteLine]
    platform_fee_minor: Minor
    deliver_by: CalendarDate
    firm_until: Annotated[Instant | None, Field(description="Until then it can be confirmed, once it is firm.")]
    digest: str | None
    firm_by: Annotated[
        Instant | None, Field(description="By then the suppliers that are asked must have answered.")
    ] = None
    platform_fee: Annotated[QuoteLine | None, Field(description="How the fee inside the total is worked out.")] = None
    promise: Annotated[Promise | None, Field(description="What is promised of `deliver_by`.")] = None


class QuoteAnswer(Out):
    """An indicative price, the first day that could be promised, and the dates worth choosing, soonest first."""

    quote: Quote
    earliest_delivery: CalendarDate
    dates: list[QuoteDate]
    p50_day: Annotated[CalendarDate, Field(description="By its end the order is there with 50 % probability.")]
    p90_day: Annotated[CalendarDate, Field(description="By its end the order is there with 90 % probability.")]
    recommended: CalendarDate
