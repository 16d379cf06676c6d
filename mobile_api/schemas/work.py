"""Signature requests, the shop floor, the inbox and devices."""

from typing import Annotated, Any, Literal

from pydantic import Field

from mobile_api.schemas.base import Address, In, Instant, Labelled, Minor, Name, Out, Reason, Text, TypedData
from mobile_api.schemas.orders import Side, Steps


class RequestedAgreement(Out):
    """The agreement of a signature request, in short."""

    id: str
    kind: Literal["delivery", "supply"]
    amount_minor: Minor
    currency: str
    payer: Side
    payee: Side
    deliver_by: Instant
    description: str


class SignatureRequest(Out):
    """Something an organisation is asked to sign, until the deadline."""

    id: str
    order_id: str
    purpose: Literal["terms", "accept", "delivered"]
    role: Literal["payer", "payee", "carrier"]
    status: Literal["open", "signed", "declined", "countered", "void"]
    agreement: RequestedAgreement
    typed_data: TypedData
    readable: list[Labelled]
    deadline: Instant
    note: str | None
    specification: Annotated[
        dict[str, Any] | None,
        Field(description="What `specHash` of the terms is the keccak of, in its RFC 8785 form; for terms only."),
    ]


class SignatureRequestList(Out):
    """What an organisation is asked to sign, oldest first."""

    items: list[SignatureRequest]


class Parameter(Out):
    """A job parameter."""

    id: str
    value: str
    unit: str


class Job(Out):
    """A job on the organisation's shop floor. `by_hand`: a person reports it, which is never evidence."""

    id: str
    order_id: str
    operation: str
    quantity: int
    parameters: list[Parameter]
    state: Literal["waiting", "dispatched", "running", "ended", "failed", "refused"]
    by_hand: bool
    due: Instant
    progress: Steps


class JobList(Out):
    """The organisation's jobs, newest first."""

    items: list[Job]


class JobReport(In):
    """What a person reports of a job."""

    kind: Literal["started", "step", "finished", "scrapped"]
    note: Reason = ""


class GatewayCreate(In):
    """A gateway, by the address whose key signs its evidence."""

    name: Name
    address: Address


class Gateway(Out):
    """A gateway. The secret is shown this once."""

    id: str
    name: str
    address: str
    secret: str


class Rule(In):
    """When orders are accepted without a person looking at them."""

    accept_automatically: Annotated[bool, Field(strict=True)]
    max_total_minor: Minor
    min_days: Annotated[int, Field(strict=True, ge=0, le=3650)]
    min_margin_bps: Annotated[
        int, Field(strict=True, ge=0, le=10_000, description="Of the price, after supplies and platform fee.")
    ] = 0
    most_open_orders: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] | None = None
    products: Annotated[
        list[Name], Field(default_factory=list, max_length=1_000, description="None named: all of them.")
    ]
    blocked_customers: Annotated[
        list[Name], Field(default_factory=list, max_length=10_000, description="Each by its `customer_id`.")
    ]
    known_customers_only: Annotated[bool, Field(strict=True, description="Whose orders were settled before.")] = False


class RuleAnswer(Out):
    """The rule as it is."""

    accept_automatically: bool
    max_total_minor: Minor
    min_days: int
    min_margin_bps: int
    most_open_orders: int | None
    products: list[str]
    blocked_customers: list[str]
    known_customers_only: bool


class InboxItem(Out):
    """A message."""

    id: str
    title: str
    body: str
    order_id: str
    at: Instant
    read: bool


class Inbox(Out):
    """Messages, newest first, and how many are unread."""

    items: list[InboxItem]
    unread: int


class PushKey(Out):
    """The key that a browser's push subscription is bound to (RFC 8292)."""

    vapid_public_key: str


class WebPushKeys(In):
    """What messages to this browser are encrypted with (RFC 8291), base64url."""

    p256dh: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{87}=?$")]
    auth: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22}(==)?$")]


class WebPushSubscription(In):
    """A browser's subscription."""

    kind: Literal["web_push"]
    endpoint: Annotated[Text, Field(max_length=2000, pattern=r"^https?://[!-~]+$")]
    keys: WebPushKeys


class FcmSubscription(In):
    """A phone's registration with Firebase Cloud Messaging."""

    kind: Literal["fcm"]
    token: Annotated[Text, Field(min_length=1, max_length=4096, pattern=r"^[!-~]+$")]


PushSubscription = Annotated[WebPushSubscription | FcmSubscription, Field(discriminator="kind")]


class Id(Out):
    """The id of what was made."""

    id: str


class Funds(Out):
    """Test money that is on its way to the caller's address."""

    amount_minor: Minor
