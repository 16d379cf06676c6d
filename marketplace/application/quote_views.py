"""What people are shown of a price and its dates."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class InputView:
    """A number that a formula names."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class LineView:
    """One line of a price: `formula` of `inputs`; a share names in `over` the lines that it is a share of.

    `explained` is the same for people. A price of before there were traces has label and amount alone.
    """

    label: str
    amount_minor: int
    code: str = ""
    formula: str = ""
    inputs: tuple[InputView, ...] = ()
    tax_bps: int = 0
    over: tuple[str, ...] = ()
    explained: str = ""


@dataclass(frozen=True, slots=True)
class PromiseView:
    """How sure the day of a quote is, the days of 50 and 90 %, and what lateness costs in basis points of the price."""

    probability_bps: int
    p50_day: date
    p90_day: date
    penalty_bps_per_day: int
    penalty_cap_bps: int
    expected_penalty_bps: int
    basis: str


@dataclass(frozen=True, slots=True)
class DateView:
    """A date worth choosing: its price, how sure it is, what lateness costs."""

    day: date
    total_minor: int
    probability_bps: int
    penalty_bps_per_day: int
    penalty_cap_bps: int
    recommended: bool


@dataclass(frozen=True, slots=True)
class QuoteView:
    """A price and a date, indicative or firm. By `firm_by` the suppliers that are asked must have answered."""

    kind: str
    version: int
    total_minor: int
    currency: str
    lines: tuple[LineView, ...]
    platform_fee_minor: int
    deliver_by: date
    firm_until: datetime | None
    digest: str | None
    firm_by: datetime | None = None
    platform_fee: LineView | None = None
    promise: PromiseView | None = None


@dataclass(frozen=True, slots=True)
class IndicativeQuote:
    """A price without an order, and the dates that can be had, soonest first; one of them is recommended."""

    quote: QuoteView
    earliest_delivery: date
    dates: tuple[DateView, ...]
    p50_day: date
    p90_day: date
    recommended: date
