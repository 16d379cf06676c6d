"""What people are shown: plain values in the words of the HTTP interface, without anything that is not theirs."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from marketplace.application.quote_views import QuoteView


@dataclass(frozen=True, slots=True)
class PartyView:
    """An organisation by id and name."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class OrganisationView:
    """An organisation with its role."""

    id: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class AccountView:
    """A signed-in person."""

    id: str
    email: str
    display_name: str
    role: str
    organisation: OrganisationView | None
    address: str | None


@dataclass(frozen=True, slots=True)
class ChoiceView:
    """One variant."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class OptionView:
    """An option; `type` is choice, integer, text or file, and fields of other types are None."""

    id: str
    label: str
    type: str
    help: str
    default: str | int
    choices: tuple[ChoiceView, ...] | None = None
    minimum: int | None = None
    maximum: int | None = None
    step: int | None = None
    unit: str | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: str | None = None
    required: bool | None = None


@dataclass(frozen=True, slots=True)
class ModuleView:
    """A module with its options."""

    id: str
    kind: str
    title: str
    description: str
    options: tuple[OptionView, ...]


@dataclass(frozen=True, slots=True)
class ProductSummary:
    """A product in a list."""

    id: str
    name: str
    summary: str
    manufacturer: PartyView
    from_price_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class ProductView:
    """A product with all that can be chosen."""

    id: str
    name: str
    summary: str
    manufacturer: PartyView
    from_price_minor: int
    currency: str
    modules: tuple[ModuleView, ...]
    earliest_delivery_days: int


@dataclass(frozen=True, slots=True)
class LabelledValue:
    """A line of readable text."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class NextAction:
    """What the reader can do next, and until when."""

    action: str
    deadline: datetime | None


@dataclass(frozen=True, slots=True)
class ProgressView:
    """`done` of `of` steps."""

    done: int
    of: int
    label: str


@dataclass(frozen=True, slots=True)
class PaymentView:
    """Where the order's money is."""

    total_minor: int
    secured_minor: int
    released_minor: int


@dataclass(frozen=True, slots=True)
class ConfirmingView:
    """The chain has said something of the order that does not count yet: `blocks` of `of` stand over it."""

    blocks: int
    of: int


@dataclass(frozen=True, slots=True)
class SideView:
    """A party of an agreement."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class MilestoneView:
    """A part of the money, what releases it and who vouches for that."""

    code: int
    label: str
    amount_minor: int
    vouched_by: str
    state: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class PayoutView:
    """Money that left an agreement. `party` is payee, payer, fee, supply or successor."""

    party: str
    name: str
    address: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class AgreementView:
    """An agreement as its parties see it."""

    id: str
    kind: str
    address: str
    status: str
    payer: SideView
    payee: SideView
    amount_minor: int
    deliver_by: datetime
    description: str
    milestones: tuple[MilestoneView, ...]
    payouts: tuple[PayoutView, ...]


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order as the reader may see it."""

    id: str
    status: str
    title: str
    waiting_for: str | None
    next_action: NextAction | None
    product: PartyView
    manufacturer: PartyView
    customer_name: str | None
    customer_id: str | None
    configuration: tuple[LabelledValue, ...]
    amount: int
    deliver_by: date
    placed_at: datetime
    updated_at: datetime
    client_reference: str | None
    quote: QuoteView | None
    agreements: tuple[AgreementView, ...]
    progress: ProgressView | None
    payment: PaymentView | None
    confirming: ConfirmingView | None
    dispute: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Orders of a page; `next_cursor` is None on the last one."""

    items: tuple[OrderView, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class StepsView:
    """`done` of `of`."""

    done: int
    of: int


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """One thing that happened, in words, and who vouches for it. `order_id` routes it, people do not need it."""

    id: int
    order_id: str
    name: str
    title: str
    detail: str
    at: datetime
    vouched_by: str | None
    reported_by: str | None
    progress: StepsView | None


@dataclass(frozen=True, slots=True)
class ConfirmationView:
    """What the customer signs to order and pay, and the same in words."""

    agreement_id: str
    terms: dict[str, Any]
    permit: dict[str, Any]
    readable: tuple[LabelledValue, ...]
    total_minor: int
    currency: str
    deliver_by: date


@dataclass(frozen=True, slots=True)
class AcceptanceView:
    """What the customer signs to accept the goods, and the same in words."""

    typed_data: dict[str, Any]
    readable: tuple[LabelledValue, ...]


@dataclass(frozen=True, slots=True)
class RequestedAgreement:
    """The agreement of a signature request, in short."""

    id: str
    kind: str
    amount_minor: int
    currency: str
    payer: SideView
    payee: SideView
    deliver_by: datetime
    description: str


@dataclass(frozen=True, slots=True)
class SignatureRequestView:
    """Something an organisation is asked to sign."""

    id: str
    order_id: str
    purpose: str
    role: str
    status: str
    agreement: RequestedAgreement
    typed_data: dict[str, Any]
    readable: tuple[LabelledValue, ...]
    deadline: datetime
    note: str | None
    specification: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ParameterView:
    """A job parameter."""

    id: str
    value: str
    unit: str


@dataclass(frozen=True, slots=True)
class JobView:
    """A job on an organisation's shop floor."""

    id: str
    order_id: str
    operation: str
    quantity: int
    parameters: tuple[ParameterView, ...]
    state: str
    by_hand: bool
    due: datetime
    progress: StepsView


@dataclass(frozen=True, slots=True)
class GatewayView:
    """A gateway; `secret` is shown once, when it is made."""

    id: str
    name: str
    address: str
    secret: str | None
