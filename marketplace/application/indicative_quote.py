"""A price at once, without an order: what it would cost, and how soon it can be there."""

from collections.abc import Mapping
from datetime import date, timedelta

from marketplace.application.browse_products import template_of
from marketplace.application.context import Context
from marketplace.application.views import IndicativeQuote, LineView, QuoteView
from marketplace.domain.configuration import configure
from marketplace.domain.errors import InvalidInput
from marketplace.domain.pricing import Price, price
from marketplace.domain.product import Template
from marketplace.planning.lead_time import earliest_days

FURTHEST = timedelta(days=365)
"""Nobody can promise more than a year ahead."""


def earliest_delivery(template: Template, pieces: int, today: date) -> date:
    """The first day that can be promised."""
    days = earliest_days(
        pieces,
        base_days=template.lead_time_days,
        seconds_per_piece=template.seconds_per_piece,
        shift_seconds=template.shift_seconds,
    )
    return today + timedelta(days=days)


def check_date(template: Template, pieces: int, deliver_by: date, today: date) -> None:
    """Raises InvalidInput for a date that cannot be promised."""
    earliest = earliest_delivery(template, pieces, today)
    if not earliest <= deliver_by <= today + FURTHEST:
        raise InvalidInput("deliver_by", f"must be from {earliest} to {today + FURTHEST}: this product takes time")


def quote_view(price: Price, deliver_by: date) -> QuoteView:
    """An indicative quote."""
    return QuoteView(
        kind="indicative",
        version=1,
        total_minor=price.total_minor,
        currency=price.currency,
        lines=tuple(LineView(line.label, line.amount_minor) for line in price.lines),
        platform_fee_minor=price.platform_fee_minor,
        deliver_by=deliver_by,
        firm_until=None,
        digest=None,
    )


async def indicative_quote(
    ctx: Context, product_id: str, *, configuration: Mapping[str, object], deliver_by: date
) -> IndicativeQuote:
    """Price and earliest date. Raises NotFound, InvalidInput, ChainUnavailable."""
    template = template_of(ctx, product_id)
    configured = configure(template, configuration)
    today = ctx.clock.now().date()
    check_date(template, configured.amount, deliver_by, today)
    fee_bps = (await ctx.chain.parameters()).fee_bps
    return IndicativeQuote(
        quote_view(price(template, configured, fee_bps=fee_bps), deliver_by),
        earliest_delivery(template, configured.amount, today),
    )
