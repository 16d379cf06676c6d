"""A dispute about a delivery: how long one may be opened, what it freezes, and what the arbiter's silence means.

The same rules as the contracts' (`docs/agreements.md`), in cents, for words on a screen. The contracts decide.
"""

from dataclasses import dataclass
from enum import StrEnum

from marketplace.domain.agreement import OnChain, Terms
from marketplace.domain.money import share

DAY_S = 86_400


class Dispute(StrEnum):
    """Where an order's dispute is: what the customer has signed, what the chain has recorded, what was decided."""

    NONE = "none"
    SENT = "sent"
    OPEN = "open"
    DECIDED = "decided"


class Why(StrEnum):
    """What has divided the money that was disputed; `share` is what both parties have signed."""

    VERDICT = "verdict"
    SILENCE = "silence"
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class Division:
    """Who gets how many cents; the platform's fee is inside the manufacturer's part."""

    customer_minor: int
    manufacturer_minor: int


def last_second(terms: Terms, since: OnChain, delivered_at: int) -> int:
    """The last second in which the customer may dispute what stands in `since`. Raises ValueError for other states."""
    windows = {
        OnChain.DELIVERED: delivered_at + terms.accept_window,
        OnChain.RETAINED: delivered_at + terms.retention_window,
    }
    if since not in windows:
        raise ValueError(f"what is {since.name.lower()} cannot be disputed as a delivery")
    return windows[since]


def penalty_minor(terms: Terms, delivered_at: int) -> int:
    """What lateness costs: so much of the price for each day begun, up to the cap."""
    days = -(-max(delivered_at - terms.deliver_by, 0) // DAY_S)
    return share(terms.amount_minor, min(days * terms.penalty_bps_per_day, terms.penalty_cap_bps))


def on_silence(terms: Terms, since: OnChain, delivered_at: int, held_minor: int) -> Division:
    """How `held_minor` is divided if the arbiter says nothing: lateness first, then the share that the terms name."""
    late = min(penalty_minor(terms, delivered_at), held_minor) if since is OnChain.DELIVERED else 0
    maker = share(held_minor - late, terms.timeout_bps)
    return Division(held_minor - maker, maker)
