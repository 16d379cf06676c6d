"""What the repositories of one transaction keep, and how they are asked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from marketplace.domain.acceptance import AcceptanceRule
from marketplace.domain.agreement import Agreement
from marketplace.domain.effects import Effect
from marketplace.domain.events import Event
from marketplace.domain.evidence import ShopFloorEvent, SignedBatch
from marketplace.domain.order import Order
from marketplace.domain.parties import Account, Organisation
from marketplace.domain.production import Job
from marketplace.ports.push import PushAddress


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event row. `id` grows in commit order; `data` is the event as plain values."""

    id: int
    order_id: str
    name: str
    data: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """A message in a person's or organisation's inbox."""

    id: str
    party_id: str
    order_id: str
    title: str
    body: str
    at: datetime
    read: bool = False


@dataclass(frozen=True, slots=True)
class SignatureRequest:
    """Somebody is asked to sign. `purpose` is terms, accept or delivered; `typed_data` is what is signed."""

    id: str
    order_id: str
    agreement_id: str
    organisation_id: str
    purpose: str
    role: str
    signer: str
    typed_data: Mapping[str, Any]
    deadline: int
    status: str = "open"
    signature: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Gateway:
    """A shop-floor gateway. `address` signs evidence (the attestor); the secret only opens the door."""

    id: str
    organisation_id: str
    name: str
    address: str
    secret_hash: str


class Orders(Protocol):
    """Orders with their events and effects."""

    async def get(self, order_id: str) -> Order | None:
        """The order, or None."""
        ...

    async def hold(self, agreement_ids: Collection[str]) -> None:
        """Keep the orders of these agreements from other writers until the end of the transaction.

        Whoever writes several orders, or their agreements, asks for this first: all of them are taken in one order
        whoever asks, so that no two wait for one another.
        """
        ...

    async def save(self, order: Order, events: Sequence[Event], effects: Sequence[Effect], now: datetime) -> None:
        """Write state, event rows and outbox rows. Raises Conflict when somebody else wrote since it was read."""
        ...

    async def of_customer(self, customer_id: str, limit: int, before: str | None) -> Sequence[Order]:
        """A page of a customer's orders, newest first; `before` is the last id of the page above."""
        ...

    async def of_manufacturer(self, organisation_id: str, limit: int, before: str | None) -> Sequence[Order]:
        """A page of a manufacturer's orders, newest first."""
        ...

    async def of_party(self, organisation_id: str, limit: int, before: str | None) -> Sequence[Order]:
        """A page of the orders in which a supplier or carrier takes part, newest first."""
        ...

    async def standing(self, manufacturer_id: str, customer_id: str, without: str) -> tuple[int, int]:
        """How many of the manufacturer's orders beside `without` are open, and how many of this customer's with it are
        settled."""
        ...

    async def changed_at(self, order_id: str) -> datetime | None:
        """When the order's last event happened, or None."""
        ...

    async def events(self, order_id: str, after: int = 0) -> Sequence[StoredEvent]:
        """The events of an order with ids above `after`, in order."""
        ...

    async def all_events(self, after: int, limit: int) -> Sequence[StoredEvent]:
        """The events of all orders with ids above `after`, in order."""
        ...

    async def last_event_id(self) -> int:
        """The highest event id, or 0."""
        ...


class Agreements(Protocol):
    """Agreements and what the chain says of them."""

    async def get(self, agreement_id: str) -> Agreement | None:
        """The agreement, or None."""
        ...

    async def of_order(self, order_id: str) -> Sequence[Agreement]:
        """The delivery first, then the supplies; void drafts are left out."""
        ...

    async def save(self, agreement: Agreement) -> None:
        """Insert or replace."""
        ...


class Parties(Protocol):
    """Accounts, organisations, their rules, gateways and devices."""

    async def account(self, account_id: str) -> Account | None:
        """By id."""
        ...

    async def account_by_email(self, email: str) -> Account | None:
        """By e-mail address, whatever its case."""
        ...

    async def accounts_of(self, party_id: str) -> Sequence[Account]:
        """The people of an organisation, or the one person with this id."""
        ...

    async def organisation(self, organisation_id: str) -> Organisation | None:
        """By id."""
        ...

    async def names(self, party_ids: Collection[str]) -> Mapping[str, str]:
        """What the organisations and people with these ids are called; unknown ones are left out."""
        ...

    async def organisation_named(self, name: str) -> Organisation | None:
        """By its unique name."""
        ...

    async def organisation_in_registry(self, registry_party_id: str) -> Organisation | None:
        """By the id under which a registry names it, as an operator has linked it."""
        ...

    async def organisation_signing(self, address: str) -> Organisation | None:
        """By its signing address; of several with the same the oldest."""
        ...

    async def link(self, organisation_id: str, registry_party_id: str | None) -> None:
        """Say under which id registries name it; None takes it back. Raises Conflict where another one has the id."""
        ...

    async def organisations_of_kind(self, kind: str) -> Sequence[Organisation]:
        """All organisations of a role, oldest first."""
        ...

    async def add_account(self, account: Account) -> None:
        """Raises Conflict if the e-mail address or the organisation's name is taken."""
        ...

    async def set_password(self, account_id: str, password_hash: str) -> None:
        """From now on this password opens the account."""
        ...

    async def set_address(self, account: Account, address: str) -> None:
        """Set the signing address of the account, or of its organisation where it has one."""
        ...

    async def hold(self, party_id: str) -> None:
        """Whoever else holds the organisation, or the person without one, waits until this transaction ends."""
        ...

    async def rule(self, organisation_id: str) -> AcceptanceRule:
        """The acceptance rule, or the default."""
        ...

    async def set_rule(self, organisation_id: str, rule: AcceptanceRule) -> None:
        """Replace the rule."""
        ...

    async def gateway(self, gateway_id: str) -> Gateway | None:
        """By id."""
        ...

    async def gateway_by_address(self, address: str) -> Gateway | None:
        """By the address that signs its evidence."""
        ...

    async def gateways_of(self, organisation_id: str) -> Sequence[Gateway]:
        """Oldest first."""
        ...

    async def add_gateway(self, gateway: Gateway) -> None:
        """Raises Conflict if the address is known already."""
        ...

    async def revoke_token(self, jti: str, expires_at: datetime) -> None:
        """Never accept this token again."""
        ...

    async def is_revoked(self, jti: str) -> bool:
        """Whether the token was revoked."""
        ...

    async def bearer(self, account_id: str, jti: str) -> tuple[Account | None, bool]:
        """Whose token this is, and whether it was revoked: what every request asks."""
        ...


class Inbox(Protocol):
    """Messages and devices."""

    async def add(self, message: InboxMessage) -> bool:
        """False if a message with this id is there already."""
        ...

    async def of(self, party_id: str, limit: int) -> Sequence[InboxMessage]:
        """Newest first."""
        ...

    async def get(self, message_id: str) -> InboxMessage | None:
        """By id."""
        ...

    async def mark_read(self, party_id: str, message_id: str) -> bool:
        """False if there is no such message for this party."""
        ...

    async def add_device(self, device_id: str, party_id: str, address: PushAddress) -> str:
        """Register a device and return its id; the same endpoint keeps the id it has."""
        ...

    async def device(self, device_id: str) -> PushAddress | None:
        """The device's address, or None once it is gone."""
        ...

    async def devices_of(self, party_id: str) -> Sequence[str]:
        """Ids of the devices of a party and of its people, oldest first."""
        ...

    async def remove_device(self, device_id: str, party_id: str | None = None) -> bool:
        """Forget a device (of this party)."""
        ...


class Signatures(Protocol):
    """Requests to sign."""

    async def add(self, request: SignatureRequest) -> None:
        """Insert; a request with this id stays as it is."""
        ...

    async def get(self, request_id: str) -> SignatureRequest | None:
        """By id."""
        ...

    async def save(self, request: SignatureRequest) -> None:
        """Replace."""
        ...

    async def of_organisation(self, organisation_id: str, *, open_only: bool) -> Sequence[SignatureRequest]:
        """Oldest first."""
        ...

    async def of_agreement(self, agreement_id: str) -> Sequence[SignatureRequest]:
        """All requests about an agreement."""
        ...


class Production(Protocol):
    """Jobs and what gateways reported."""

    async def add_job(self, job: Job) -> None:
        """Insert; a job with this id stays as it is."""
        ...

    async def job(self, job_id: str) -> Job | None:
        """By id."""
        ...

    async def jobs(self, job_ids: Collection[str]) -> Mapping[str, Job]:
        """By id; unknown ones are left out."""
        ...

    async def save_job(self, job: Job) -> None:
        """Replace."""
        ...

    async def jobs_of_agreement(self, agreement_id: str) -> Sequence[Job]:
        """In the order in which they run."""
        ...

    async def jobs_of_organisation(self, organisation_id: str, limit: int) -> Sequence[Job]:
        """Newest first."""
        ...

    async def add_events(self, events: Sequence[ShopFloorEvent]) -> Sequence[ShopFloorEvent]:
        """Gives those that were not stored already. Raises Conflict if an identity is taken by other bytes."""
        ...

    async def add_batch(self, batch: SignedBatch) -> bool:
        """False if it is stored already. Raises Conflict if its number or its first event is another batch's."""
        ...

    async def last_batch(self, gateway: str, epoch: str) -> SignedBatch | None:
        """The batch with the highest number of a gateway's epoch, or None before the first."""
        ...

    async def events_of(self, batch: SignedBatch) -> Sequence[ShopFloorEvent]:
        """The events that the batch covers, in order; those that are not stored are left out."""
        ...

    async def acknowledged(self, gateway: str, epoch: str, lane: str) -> int:
        """The highest sequence number up to which nothing is missing."""
        ...

    async def span(self, agreement_id: str) -> tuple[int, int] | None:
        """Instants in ms of the first and the last event of an agreement, or None before the first."""
        ...

    async def last_hash(self, agreement_id: str, gateway: str) -> str | None:
        """Payload hash of the newest event of this pair, or None before the first."""
        ...

    async def batch_with(self, agreement_id: str, code: int) -> tuple[SignedBatch, Sequence[ShopFloorEvent]] | None:
        """The first signed batch that holds an event of the agreement with this code, and all its events."""
        ...


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer kept under an Idempotency-Key, to be given again to the same request."""

    body_hash: str
    status: int
    content_type: str
    body: bytes


class Idempotency(Protocol):
    """Answers by (principal, route, key)."""

    async def get(self, principal: str, route: str, key: str) -> StoredAnswer | None:
        """The answer, or None."""
        ...

    async def put(self, principal: str, route: str, key: str, answer: StoredAnswer, now: datetime) -> bool:
        """Keep it; False, and the first one stays, where the name is taken. Waits for whoever is just taking it."""
        ...
