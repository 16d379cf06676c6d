"""A price at once, without an order: what it would cost, and by which dates it can be there."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, timedelta

from marketplace.application.browse_products import template_of
from marketplace.application.configure_product import makeable
from marketplace.application.context import Context
from marketplace.application.planned import maker_of, plan
from marketplace.application.quote_views import DateView, IndicativeQuote, InputView, LineView, PromiseView, QuoteView
from marketplace.domain.errors import InvalidInput
from marketplace.domain.parties import Account
from marketplace.domain.price_trace import TraceLine, explain
from marketplace.domain.pricing import Price
from marketplace.domain.promise import DatePromise
from marketplace.planning.quotation import DateOffer, Quotation

FURTHEST = timedelta(days=365)
"""Nobody can promise more than a year ahead."""


def check_date(quoted: Quotation, deliver_by: date, today: date) -> None:
    """Raises InvalidInput for a date that cannot be promised."""
    if not quoted.earliest <= deliver_by <= today + FURTHEST:
        raise InvalidInput(
            "deliver_by", f"must be from {quoted.earliest} to {today + FURTHEST}: this product takes time"
        )


def quote_view(price: Price, deliver_by: date, promise: DatePromise | None) -> QuoteView:
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
        promise=None if promise is None else PromiseView(**asdict(promise)),
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
    """Price, and the dates worth choosing from. Raises NotFound, InvalidInput, NotMakeable, ChainUnavailable."""
    template = template_of(ctx, product_id)
    found = await makeable(ctx, template, configuration, caller.id)
    fee_bps = (await ctx.chain.parameters()).fee_bps
    quoted = (await plan(ctx, found, await maker_of(ctx, template), fee_bps=fee_bps)).quotation
    check_date(quoted, deliver_by, ctx.clock.now().date())
    return IndicativeQuote(
        quote_view(quoted.at(deliver_by).price, deliver_by, quoted.promise(deliver_by)),
        quoted.earliest,
        tuple(_date(one, quoted) for one in quoted.offers),
        quoted.p50_day,
        quoted.p90_day,
        quoted.recommended,
    )


def _date(offer: DateOffer, quoted: Quotation) -> DateView:
    return DateView(
        offer.day,
        offer.price.total_minor,
        offer.probability_bps,
        offer.penalty_bps_per_day,
        offer.penalty_cap_bps,
        offer.day == quoted.recommended,
    )
