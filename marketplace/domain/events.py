"""What has happened to an order (past tense). Each is one row, written in the transaction that changed the state."""

from dataclasses import dataclass, field
from datetime import date, datetime

from marketplace.domain.pricing import Price
from marketplace.domain.promise import DatePromise


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """The customer ordered; payer address and handover hash are fixed before anybody else signs."""

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
    at: datetime


@dataclass(frozen=True, slots=True)
class MatchPostponed:
    """No suppliers could be found just now; the order waits and says why."""

    reason: str
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class SupplyChoice:
    """One supplier and the lines it was chosen for; `reasons` says why for each line.

    `amount_minor` is what the supplier is paid: its goods with `freight_minor`, less `discount_minor`. `deliver_by` is
    a day that the supplier named itself, when it `countered`. `organisation_id` is who the supplier is here; choices
    of before have none, and are found by what an operator linked.
    """

    supplier_id: str
    supplier_name: str
    lines: tuple[str, ...]
    amount_minor: int
    lead_time_days: int
    reasons: tuple[str, ...] = ()
    deliver_by: date | None = None
    countered: bool = False
    freight_minor: int = 0
    discount_minor: int = 0
    organisation_id: str | None = None


@dataclass(frozen=True, slots=True)
class OrderMatched:
    """Suppliers for every bought line are known; the price is indicative until they have signed.

    `bench` are those who could take a choice's place, line set by line set, the next in rank first; `offers_digest` is
    the digest of both, as they were offered.
    """

    choices: tuple[SupplyChoice, ...]
    price: Price
    partial: bool
    bench: tuple[SupplyChoice, ...] = ()
    offers_digest: str | None = None
    promise: DatePromise | None = None


@dataclass(frozen=True, slots=True)
class DecisionAsked:
    """The manufacturer's rule does not cover this order: a person decides."""

    reason: str


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """The manufacturer takes the order: by its rule, or by a person."""

    by: str


@dataclass(frozen=True, slots=True)
class OrderRejected:
    """Nobody will make this order."""

    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class AgreementsDrafted:
    """The terms of the delivery and of every supply are fixed; `to_sign` lists "<agreement id>:<payer|payee>".

    Suppliers answer by `answer_by`. Under this delivery the supplies may cost `supplies_most_minor`, whoever makes
    them.
    """

    delivery_id: str
    supply_ids: tuple[str, ...]
    to_sign: tuple[str, ...]
    quote_digest: str
    firm_until: datetime
    answer_by: datetime | None = None
    supplies_most_minor: int = 0


@dataclass(frozen=True, slots=True)
class TermsSigned:
    """One party signed one agreement's terms."""

    agreement_id: str
    role: str
    party: str


@dataclass(frozen=True, slots=True)
class SupplierDeclined:
    """A supplier said no to the terms of a supply."""

    supplier_id: str
    supplier_name: str
    reason: str
    agreement_id: str = ""


@dataclass(frozen=True, slots=True)
class SupplierSilent:
    """A supplier has not answered in time."""

    agreement_id: str
    supplier_id: str
    supplier_name: str


@dataclass(frozen=True, slots=True)
class SupplierCountered:
    """A supplier would sign for another price or day. `refusal` says why that is not possible, or is None."""

    agreement_id: str
    supplier_id: str
    supplier_name: str
    amount_minor: int
    deliver_by: date
    reason: str
    refusal: str | None


@dataclass(frozen=True, slots=True)
class NextSupplierAsked:
    """The next in rank takes the place of a supplier who is out; the delivery's terms stay as they are."""

    agreement_id: str
    choice: SupplyChoice


@dataclass(frozen=True, slots=True)
class SupplyDrafted:
    """The terms of one supply are fixed anew, under the delivery as it is."""

    agreement_id: str
    place: int
    to_sign: tuple[str, ...]
    answer_by: datetime


@dataclass(frozen=True, slots=True)
class SearchReopened:
    """Nobody who is known can take the place of a supplier who is out: the search starts again without it."""

    reason: str


@dataclass(frozen=True, slots=True)
class QuoteIssued:
    """Everybody but the customer has signed: price and date are firm."""

    total_minor: int
    currency: str
    firm_until: datetime


@dataclass(frozen=True, slots=True)
class QuoteConfirmed:
    """The customer signed last."""

    agreement_id: str


@dataclass(frozen=True, slots=True)
class AgreementsOpened:
    """All agreements opened in one transaction; the money is secured."""

    transaction: str
    refund_at: datetime


@dataclass(frozen=True, slots=True)
class ProductionStarted:
    """The first machine works on this order."""

    station: str


@dataclass(frozen=True, slots=True)
class ProductionProgressed:
    """A step on the shop floor, reported by a machine or by a person."""

    operation: str
    step: str
    station: str
    done: int
    of: int
    reported_by: str


@dataclass(frozen=True, slots=True)
class MilestoneProved:
    """Signed evidence for a milestone reached the chain."""

    agreement_id: str
    code: int
    amount_minor: int
    vouched_by: str


@dataclass(frozen=True, slots=True)
class SupplyDelivered:
    """A supplier's goods arrived, as the carrier's signature says. `all_arrived` once it was the last supply."""

    agreement_id: str
    supplier_name: str
    all_arrived: bool


@dataclass(frozen=True, slots=True)
class ProductionFailed:
    """A machine gave up or an inspection failed; people must look."""

    operation: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProductionFinished:
    """The manufacturer's last operation has ended well."""

    reported_by: str


@dataclass(frozen=True, slots=True)
class OrderShipped:
    """The parcel is on its way."""


@dataclass(frozen=True, slots=True)
class HandoverPresented:
    """Somebody holds the recipient's handover secret: it was shown to them. Once shown it harms nobody."""

    by: str
    secret: str


@dataclass(frozen=True, slots=True)
class OrderDelivered:
    """The chain recorded the delivery; lateness is fixed by that block."""

    at: datetime
    finalise_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryAccepted:
    """The customer signed that the goods are accepted."""

    signature: str


@dataclass(frozen=True, slots=True)
class DisputeOpened:
    """The customer signed that something is wrong. `photos` are digests, `since` is the agreement's state on chain."""

    reason: str
    photos: tuple[str, ...]
    since: int
    deadline: int
    signature: str


@dataclass(frozen=True, slots=True)
class DisputeRecorded:
    """The chain recorded the dispute: what was left is frozen, and the arbiter has until `decide_by`."""

    decide_by: datetime


@dataclass(frozen=True, slots=True)
class DisputeAnswered:
    """One side said more: `by` is customer or manufacturer, `photos` are digests."""

    by: str
    name: str
    text: str
    photos: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DisputeDecided:
    """The chain divided what was held; `why` says who decided. The fee is beside both parts."""

    why: str
    customer_minor: int
    manufacturer_minor: int
    fee_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class OrderSettled:
    """Every agreement of the order has ended and the money has gone where it belongs."""


@dataclass(frozen=True, slots=True)
class OrderRefunded:
    """What was left of the delivery's money went back to the customer."""


@dataclass(frozen=True, slots=True)
class OrderExpired:
    """A deadline passed before the order was confirmed; nobody owes anything."""

    waited_for: str


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """The customer withdrew before confirming; nobody owes anything."""

    reason: str = field(default="")


Event = (
    OrderPlaced
    | MatchPostponed
    | OrderMatched
    | DecisionAsked
    | OrderAccepted
    | OrderRejected
    | AgreementsDrafted
    | TermsSigned
    | SupplierDeclined
    | SupplierSilent
    | SupplierCountered
    | NextSupplierAsked
    | SupplyDrafted
    | SearchReopened
    | QuoteIssued
    | QuoteConfirmed
    | AgreementsOpened
    | ProductionStarted
    | ProductionProgressed
    | MilestoneProved
    | SupplyDelivered
    | ProductionFailed
    | ProductionFinished
    | OrderShipped
    | HandoverPresented
    | OrderDelivered
    | DeliveryAccepted
    | DisputeOpened
    | DisputeRecorded
    | DisputeAnswered
    | DisputeDecided
    | OrderSettled
    | OrderRefunded
    | OrderExpired
    | OrderCancelled
)
