"""The order: what a customer sees of a lot of one."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from marketplace.domain.dispute import Dispute
from marketplace.domain.events import SupplyChoice
from marketplace.domain.pricing import Price
from marketplace.domain.promise import DatePromise

VACANT = ""
"""In the place of a supply's id: nobody has been asked to sign these parts yet."""


class Status(StrEnum):
    """Where an order is. Only `lifecycle.evolve` sets it."""

    PLACED = "placed"
    MATCHED = "matched"
    ACCEPTED = "accepted"
    SOURCING = "sourcing"
    QUOTED = "quoted"
    CONFIRMED = "confirmed"
    CONTRACTED = "contracted"
    IN_PRODUCTION = "in_production"
    PRODUCED = "produced"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    SETTLED = "settled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class Order:
    """State of one order. `to_sign` empties as parties sign; `version` counts the events that made this state.

    The supply of `choices[n]` is `supply_ids[n]`, or VACANT while its terms are being written. `firm_by` is when the
    suppliers that are asked must have answered.
    """

    id: str
    status: Status
    version: int
    customer_id: str
    manufacturer_id: str
    product_id: str
    product_version: int
    configuration: dict[str, str | int]
    amount: int
    deliver_by: date
    payer_address: str
    handover_hash: str
    client_reference: str
    placed_at: datetime
    choices: tuple[SupplyChoice, ...] = ()
    price: Price | None = None
    excluded_suppliers: tuple[str, ...] = ()
    waiting_reason: str | None = None
    delivery_id: str | None = None
    supply_ids: tuple[str, ...] = ()
    to_sign: tuple[str, ...] = ()
    quote_digest: str | None = None
    firm_until: datetime | None = None
    production_started: bool = False
    done: int = 0
    of: int = 0
    step: str = ""
    handed_over: bool = False
    accepted_by_customer: bool = False
    bench: tuple[SupplyChoice, ...] = ()
    offers_digest: str | None = None
    supplies_most_minor: int = 0
    searches: int = 0
    firm_by: datetime | None = None
    promise: DatePromise | None = None
    dispute: Dispute = Dispute.NONE
