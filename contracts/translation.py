"""Between plain values and the contracts' types: what the adapter needs of terms and events. Knows no business."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from contracts.bindings.agreement import Party, Reason
from contracts.deployer import AddressBook
from contracts.events import (
    NO_MILESTONE,
    AdvanceToSupply,
    Claimed,
    Credited,
    Delivered,
    Event,
    Opened,
    StateChanged,
    Withdrawn,
)
from contracts.terms import Kind, agreement_address

NAMES = {Party.PAYEE: "payee", Party.PAYER: "payer", Party.FEE_RECEIVER: "fee"}
MILESTONE_REASONS = frozenset({Reason.ADVANCE, Reason.CLAIM, Reason.APPROVAL, Reason.RETENTION})
PARTS_OF_A_LOG = 8
"""One log may say several things (who was credited what): each gets a number of its own, in order."""


@dataclass(frozen=True)
class Said:
    """One statement of a log: `part` orders the statements of the same log."""

    agreement_id: str
    name: str
    fields: dict[str, Any]
    part: int = 0


def address_of(book: AddressBook, identity: bytes, kind: Kind) -> str:
    """Where the agreement is or will be, checksummed."""
    implementation = book.delivery_implementation if kind == Kind.DELIVERY else book.supply_implementation
    return agreement_address(identity, factory=book.factory, implementation=implementation)


def is_ours(book: AddressBook, event: Event) -> bool:
    """Whether the log comes from the factory, or from the clone whose address follows from the id it names."""
    if isinstance(event, Opened | AdvanceToSupply):
        return event.place.address == book.factory
    return event.place.address in {address_of(book, event.id, kind) for kind in Kind}


def statements(event: Event, unit: int) -> Iterator[Said]:
    """What the event says, amounts in cents of `unit` token units."""
    match event:
        case Opened():
            yield Said(
                _hex(event.id), "opened", {"address": event.agreement.lower(), "transaction": event.place.tx_hash}
            )
        case AdvanceToSupply():
            fields = {"supply_id": _hex(event.supply_id), "amount_minor": event.amount // unit}
            yield Said(_hex(event.delivery_id), "advanced", fields)
        case Claimed():
            fields = {"milestone": event.milestone, "matures_at": event.matures_after + 1}
            yield Said(_hex(event.id), "claimed", fields)
        case Delivered():
            yield Said(_hex(event.id), "delivered", {"at": event.at, "penalty_minor": event.penalty // unit})
        case StateChanged():
            yield Said(_hex(event.id), "state", {"state": int(event.after)})
        case Withdrawn():
            fields = {"party": NAMES[event.party], "address": event.to.lower(), "amount_minor": event.amount // unit}
            yield Said(_hex(event.id), "withdrawn", fields)
        case Credited():
            yield from _credited(event, unit)


def _credited(event: Credited, unit: int) -> Iterator[Said]:
    identity = _hex(event.id)
    if event.reason in MILESTONE_REASONS and event.milestone != NO_MILESTONE:
        yield Said(identity, "paid_milestone", {"milestone": event.milestone})
    shares = (("payee", event.to_payee), ("fee", event.fee), ("payer", event.to_payer))
    for part, (party, amount) in enumerate(shares, start=1):
        if amount:
            yield Said(identity, "credited", {"party": party, "amount_minor": amount // unit}, part)


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
