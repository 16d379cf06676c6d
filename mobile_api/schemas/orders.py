"""Orders, their agreements and what happens to them."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from mobile_api import pagination
from mobile_api.schemas.base import (
    Address,
    CalendarDate,
    Configuration,
    Hash,
    In,
    Instant,
    Labelled,
    Minor,
    Out,
    Party,
    Reason,
    Signature,
    Text,
    TypedData,
    Uuid,
)
from mobile_api.schemas.products import Quote

Status = Literal[
    "placed",
    "matched",
    "accepted",
    "sourcing",
    "quoted",
    "confirmed",
    "contracted",
    "in_production",
    "produced",
    "shipped",
    "delivered",
    "settled",
    "rejected",
    "expired",
    "cancelled",
    "changed",
    "disputed",
    "refunded",
]
ReportedBy = Literal["machine", "person"]


class OrderCreate(In):
    """An order. `handover_hash` is the keccak-256 of the secret that only the customer's device can derive.

    With `expected_total_minor`, what the customer was shown, another price is refused (409, `price-changed`): an order
    that waited on a phone without a connection never becomes one at a price that nobody has seen.
    """

    product_id: Annotated[Text, Field(min_length=1, max_length=80)]
    configuration: Configuration
    deliver_by: CalendarDate
    payer_address: Address
    handover_hash: Hash
    client_reference: Uuid
    expected_total_minor: Minor | None = None


class NextAction(Out):
    """What the reader can do next."""

    action: Literal["confirm", "accept_delivery", "decide", "sign", "ship", "show_handover_code"] | None
    deadline: Instant | None


class Progress(Out):
    """`done` of `of` steps."""

    done: int
    of: int
    label: str


class Payment(Out):
    """Where the order's money is."""

    secured_minor: Minor
    released_minor: Minor
    total_minor: Minor


class Confirming(Out):
    """The chain has said something of the order that is not final yet: `blocks` of `of` stand over it."""

    blocks: int
    of: int


class Side(Out):
    """A party of an agreement."""

    name: str
    address: str


class Milestone(Out):
    """A part of the money, what releases it and who vouches for that."""

    code: int
    label: str
    amount_minor: Minor
    vouched_by: str
    state: Literal["waiting", "proved", "contested", "paid"]
    at: Instant | None


class Payout(Out):
    """Money that left an agreement."""

    party: Literal["payee", "payer", "fee", "supply", "successor"]
    name: str
    address: str
    amount_minor: Minor


class Agreement(Out):
    """An agreement on the chain, as its parties see it. `deliver_by` is the instant of the terms."""

    id: str
    kind: Literal["delivery", "supply"]
    address: str
    status: Literal[
        "drafted",
        "signed",
        "open",
        "delivered",
        "retained",
        "settled",
        "refunded",
        "disputed",
        "resolved",
        "void",
    ]
    payer: Side
    payee: Side
    amount_minor: Minor
    deliver_by: Instant
    description: str
    milestones: list[Milestone]
    payouts: list[Payout]


class Order(Out):
    """An order as the reader may see it."""

    id: str
    status: Status
    title: str
    waiting_for: str | None
    next_action: NextAction | None
    product: Party
    manufacturer: Party
    customer_name: str | None
    customer_id: Annotated[str | None, Field(description="For the manufacturer, whose rule may name it.")]
    configuration: list[Labelled]
    amount: int
    deliver_by: CalendarDate
    placed_at: Instant
    updated_at: Instant
    client_reference: str | None
    quote: Quote | None
    agreements: list[Agreement]
    progress: Progress | None
    payment: Payment | None
    confirming: Confirming | None
    dispute: Annotated[
        Literal["none", "sent", "open", "decided"] | None,
        Field(description="Of the delivery, for its two sides: see GET /v1/orders/{id}/dispute."),
    ]


class OrderPage(Out):
    """A page of orders, newest first; `next_cursor` asks for the one below."""

    items: list[Order]
    next_cursor: str | None

    @field_validator("next_cursor", mode="before")
    @classmethod
    def _opaque(cls, cursor: Any) -> Any:
        return pagination.opaque(cursor)


class Steps(Out):
    """`done` of `of`."""

    done: int
    of: int


class TimelineItem(Out):
    """One thing that happened, in words, and who vouches for it: never more than is proved."""

    id: int
    name: str
    title: str
    detail: str
    at: Instant
    vouched_by: str | None
    reported_by: ReportedBy | None
    progress: Steps | None


class Timeline(Out):
    """All that happened, oldest first."""

    items: list[TimelineItem]


class Confirmation(Out):
    """What the customer signs to order and pay, and the same in words."""

    agreement_id: str
    terms: TypedData
    permit: TypedData
    readable: list[Labelled]
    total_minor: Minor
    currency: str
    deliver_by: CalendarDate


class ConfirmRequest(In):
    """The two signatures that order and pay."""

    terms_signature: Signature
    permit_signature: Signature


class Acceptance(Out):
    """What the customer signs to accept the goods, and the same in words."""

    typed_data: TypedData
    readable: list[Labelled]


class SignatureBody(In):
    """A signature."""

    signature: Signature


class Decision(In):
    """A manufacturer's answer to an order that the rule leaves to a person."""

    decision: Literal["accept", "reject"]
    reason: Reason = ""


class Handover(In):
    """The secret from the recipient's phone, 32 bytes."""

    secret: Hash


class ReasonBody(In):
    """Why, in the person's own words."""

    reason: Reason = ""


class CounterBody(In):
    """Other terms under which a supplier would sign; what is left out is as it was asked."""

    amount_minor: Annotated[Minor, Field(ge=1)] | None = None
    deliver_by: CalendarDate | None = None
    reason: Reason = ""


class Empty(In):
    """An empty object; the body may be left out altogether."""
