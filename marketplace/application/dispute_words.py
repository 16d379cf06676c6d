"""What a dispute means, in words and euros: what is held, who decides, until when, and what silence does."""

from marketplace.application.views import LabelledValue
from marketplace.domain.agreement import Agreement, OnChain
from marketplace.domain.dispute import Dispute, Division, on_silence
from marketplace.domain.money import spell
from marketplace.domain.order import Order
from marketplace.domain.reactions import CUSTOMER

DAY_S, HOUR_S, MINUTE_S = 86_400, 3_600, 60


def readable(
    order: Order, delivery: Agreement, role: str, since: OnChain, delivered_at: int, held: int
) -> tuple[LabelledValue, ...]:
    """Rows for `role`; nothing before the delivery, and nothing once it is decided: then the figures speak."""
    if order.dispute is Dispute.DECIDED or held == 0 or not delivered_at:
        return ()
    currency = order.price.currency if order.price else ""
    silent = _divided(on_silence(delivery.terms, since, delivered_at, held), currency, role)
    rows = [
        ("Held until it is decided", spell(held, currency)),
        ("Who decides", "the independent arbiter that the agreement names: how much each side gets"),
        ("Time to decide", duration(delivery.terms.arbiter_window)),
        ("If the arbiter says nothing", silent),
    ]
    return tuple(LabelledValue(label, value) for label, value in rows)


def _divided(division: Division, currency: str, role: str) -> str:
    you, them = ("you", "the manufacturer") if role == CUSTOMER else ("the customer", "the manufacturer")
    parts = [(division.manufacturer_minor, them), (division.customer_minor, you)]
    return ", ".join(f"{spell(amount, currency)} to {who}" for amount, who in parts if amount)


def duration(seconds: int) -> str:
    """A window as people say it."""
    for unit, name in ((DAY_S, "day"), (HOUR_S, "hour"), (MINUTE_S, "minute")):
        if seconds >= unit:
            count = seconds // unit
            return f"{count} {name}" if count == 1 else f"{count} {name}s"
    return f"{seconds} seconds"
