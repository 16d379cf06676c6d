"""A price at once, without an order: what it would cost, and how soon it can be there."""

from collections.abc import Mapping
from datetime import date, timedelta

from marketplace.application.browse_products import template_of
from marketplace.application.configure_product import Configured, makeable
from marketplace.application.context import Context
from marketplace.application.views import IndicativeQuote, InputView, LineView, QuoteView
from marketplace.domain.engineering import routed
from marketplace.domain.errors import InvalidInput
from marketplace.domain.parties import Account
from marketplace.domain.price_trace import TraceLine, explain
from marketplace.domain.pricing import Price, price
from marketplace.planning.lead_time import earliest_days

FURTHEST = timedelta(days=365)
"""Nobody can promise more than a year ahead."""


def earliest_delivery(found: Configured, today: date) -> date:
    """The first day that can be promised: by the routing's work where there is one, else by seconds a piece."""
    template, pieces = found.template, found.configuration.amount
    steps = routed(template.engineering, found.sheet)
    work = sum(step.setup_minutes * 60 + step.run_seconds * pieces for step in steps)
    days = earliest_days(
        1,
        base_days=template.lead_time_days,
        seconds_per_piece=work if steps else template.seconds_per_piece * pieces,
        shift_seconds=template.shift_seconds,
    )
    return today + timedelta(days=days)


def check_date(found: Configured, deliver_by: date, today: date) -> None:
    """Raises InvalidInput for a date that cannot be promised."""
    earliest = earliest_delivery(found, today)
    if not earliest <= deliver_by <= today + FURTHEST:
        raise InvalidInput("deliver_by", f"must be from {earliest} to {today + FURTHEST}: this product takes time")


def quote_view(price: Price, deliver_by: date) -> QuoteView:
    """An indicative quote."""
    return QuoteView(
        kind="indicative",
        version=1,
        total_minor=price.total_minor,
        currency=price.currency,
        lines=_lines(price),
        platform_fee_minor=price.platform_fee_minor,
        platform_fee=_traced(price.trace.platform_fee, price.currency) if price.trace else None,
        deliver_by=deliver_by,
        firm_until=None,
        digest=None,
    )


def _lines(price: Price) -> tuple[LineView, ...]:
    """With formula and inputs, so that the reader can work them out again; prices of before have none."""
    if price.trace is None:
        return tuple(LineView(line.label, line.amount_minor) for line in price.lines)
    return tuple(_traced(line, price.currency) for line in (*price.trace.lines, *price.trace.taxes))


def _traced(line: TraceLine, currency: str) -> LineView:
    return LineView(
        line.label,
        line.amount_minor,
        line.code,
        line.formula,
        tuple(InputView(name, value) for name, value in line.inputs),
        line.tax_bps,
        line.over,
        explain(line, currency),
    )


async def indicative_quote(
    ctx: Context, caller: Account, product_id: str, *, configuration: Mapping[str, object], deliver_by: date
) -> IndicativeQuote:
    """Price and earliest date. Raises NotFound, InvalidInput, NotMakeable, ChainUnavailable."""
    template = template_of(ctx, product_id)
    found = await makeable(ctx, template, configuration, caller.id)
    today = ctx.clock.now().date()
    check_date(found, deliver_by, today)
    fee_bps = (await ctx.chain.parameters()).fee_bps
    return IndicativeQuote(
        quote_view(price(template, found.configuration, found.sheet, fee_bps=fee_bps), deliver_by),
        earliest_delivery(found, today),
    )
