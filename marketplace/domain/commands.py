"""What somebody wants to happen to an order (imperative). Chain, floor and clock speak through commands too."""

from dataclasses import dataclass
from datetime import date, datetime

from marketplace.domain.events import SupplyChoice
from marketplace.domain.pricing import Price
from marketplace.domain.promise import DatePromise


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """A customer orders a configured product for a date."""

    order_id: str
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


@dataclass(frozen=True, slots=True)
class PostponeMatch:
    """The search could not be answered; try again at `retry_at`."""

    reason: str
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class RecordMatch:
    """The search was answered and suppliers were chosen. `exception` is why a person must decide, or None."""

    choices: tuple[SupplyChoice, ...]
    price: Price
    partial: bool
    exception: str | None
    bench: tuple[SupplyChoice, ...] = ()
    offers_digest: str | None = None
    promise: DatePromise | None = None


@dataclass(frozen=True, slots=True)
class AcceptOrder:
    """A person at the manufacturer takes the order."""

    by: str


@dataclass(frozen=True, slots=True)
class RejectOrder:
    """The manufacturer, or the platform for want of suppliers, turns the order down."""

    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class DraftAgreements:
    """Terms were fixed and digests computed."""

    delivery_id: str
    supply_ids: tuple[str, ...]
    to_sign: tuple[str, ...]
    quote_digest: str
    firm_until: datetime
    answer_by: datetime | None = None
    supplies_most_minor: int = 0


@dataclass(frozen=True, slots=True)
class DraftSupply:
    """The terms of the supply at `place` of the order's choices were fixed, for `choice` and under `delivery_id`."""

    delivery_id: str
    place: int
    choice: SupplyChoice
    agreement_id: str
    to_sign: tuple[str, ...]
    answer_by: datetime


@dataclass(frozen=True, slots=True)
class RecordSignature:
    """A party's signature over an agreement's terms was checked."""

    agreement_id: str
    role: str
    party: str


@dataclass(frozen=True, slots=True)
class DeclineSupply:
    """A supplier does not sign the terms of this supply."""

    agreement_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class CounterSupply:
    """A supplier would sign this supply for another price or by another day; None is as it was asked."""

    agreement_id: str
    amount_minor: int | None
    deliver_by: date | None
    reason: str


@dataclass(frozen=True, slots=True)
class ConfirmQuote:
    """The customer's signature over the delivery's terms was checked."""

    agreement_id: str


@dataclass(frozen=True, slots=True)
class RecordOpened:
    """The chain says: all agreements are open. From `refund_at` on anybody may send the money back."""

    transaction: str
    refund_at: datetime


@dataclass(frozen=True, slots=True)
class RecordProgress:
    """The floor reports a step; `last` if it ended the manufacturer's own operation."""

    operation: str
    step: str
    station: str
    done: int
    of: int
    reported_by: str
    last: bool


@dataclass(frozen=True, slots=True)
class RecordFailure:
    """The floor reports that a job failed."""

    operation: str
    reason: str


@dataclass(frozen=True, slots=True)
class RecordClaim:
    """The chain says: evidence for a milestone was accepted."""

    agreement_id: str
    code: int
    amount_minor: int
    vouched_by: str


@dataclass(frozen=True, slots=True)
class RecordSupplyDelivered:
    """The chain says: a supply was delivered. `all_arrived` once it was the last one."""

    agreement_id: str
    supplier_name: str
    all_arrived: bool


@dataclass(frozen=True, slots=True)
class ShipOrder:
    """The manufacturer hands the parcel over for transport."""


@dataclass(frozen=True, slots=True)
class PresentHandover:
    """Somebody presents the recipient's secret, which matches the hash in the terms."""

    by: str
    secret: str


@dataclass(frozen=True, slots=True)
class RecordDelivered:
    """The chain says: delivered at `at` (block time). From `finalise_at` on anybody may settle."""

    at: datetime
    finalise_at: datetime


@dataclass(frozen=True, slots=True)
class AcceptDelivery:
    """The customer's acceptance signature was checked."""

    signature: str


@dataclass(frozen=True, slots=True)
class OpenDispute:
    """The customer's signature under a dispute of what stands in `since` was checked."""

    reason: str
    photos: tuple[str, ...]
    since: int
    deadline: int
    signature: str


@dataclass(frozen=True, slots=True)
class RecordDispute:
    """The chain says: the delivery is disputed, and the arbiter decides until `decide_by`."""

    decide_by: datetime


@dataclass(frozen=True, slots=True)
class AnswerDispute:
    """A side of the dispute says more; `by` is customer or manufacturer."""

    by: str
    name: str
    text: str
    photos: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecordDecision:
    """The chain says: what was held is divided; `why` is one of `dispute.Why`."""

    why: str
    customer_minor: int
    manufacturer_minor: int
    fee_minor: int


@dataclass(frozen=True, slots=True)
class RecordSettled:
    """The chain says: every agreement of the order has ended."""


@dataclass(frozen=True, slots=True)
class RecordRefunded:
    """The chain says: the delivery's money went back."""


@dataclass(frozen=True, slots=True)
class PassDeadline:
    """The clock says: a deadline has passed. `status` is the subject of its effect, see `reactions`."""

    status: str


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """The customer withdraws before confirming."""

    reason: str


Command = (
    PlaceOrder
    | PostponeMatch
    | RecordMatch
    | AcceptOrder
    | RejectOrder
    | DraftAgreements
    | DraftSupply
    | RecordSignature
    | DeclineSupply
    | CounterSupply
    | ConfirmQuote
    | RecordOpened
    | RecordProgress
    | RecordFailure
    | RecordClaim
    | RecordSupplyDelivered
    | ShipOrder
    | PresentHandover
    | RecordDelivered
    | AcceptDelivery
    | OpenDispute
    | RecordDispute
    | AnswerDispute
    | RecordDecision
    | RecordSettled
    | RecordRefunded
    | PassDeadline
    | CancelOrder
)
