"""Between plain values and the contracts' types: what the adapter needs of terms and events. Knows no business."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from contracts.bindings.agreement import Party, Reason
from contracts.deployer import AddressBook
from contracts.events import (
    NO_MILESTONE,
    AdvanceToPayee,
    AdvanceToSupply,
    Claimed,
    Contested,
    Credited,
    Delivered,
    Disputed,
    Event,
    FromFactory,
    Kept,
    Opened,
    Replaced,
    StateChanged,
    Withdrawn,
)
from contracts.terms import OPENED, Kind, agreement_address, unpack_milestones

NAMES = {Party.PAYEE: "payee", Party.PAYER: "payer", Party.FEE_RECEIVER: "fee"}
MILESTONE_REASONS = frozenset({Reason.CLAIM, Reason.APPROVAL, Reason.RETENTION})
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
    if isinstance(event, FromFactory):
        return event.place.address == book.factory
    return event.place.address in {address_of(book, event.id, kind) for kind in Kind}


def statements(event: Event, unit: int) -> Iterator[Said]:
    """What the event says, amounts in cents of `unit` token units."""
    if isinstance(event, FromFactory):
        yield from _of_opening(event, unit)
    elif isinstance(event, Credited):
        yield from _credited(event, unit)
    elif isinstance(event, Withdrawn | Kept | Replaced):
        yield _of_payment(event, unit)
    else:
        yield _of_work(event, unit)


def _of_work(event: StateChanged | Claimed | Contested | Delivered | Disputed, unit: int) -> Said:
    identity = _hex(event.id)
    match event:
        case Claimed():
            fields = {"milestone": event.milestone, "matures_at": event.matures_after + 1}
            return Said(identity, "claimed", fields)
        case Contested():
            return Said(identity, "contested", {"milestone": event.milestone})
        case Delivered():
            return Said(identity, "delivered", {"at": event.at, "penalty_minor": event.penalty // unit})
        case Disputed():
            return Said(identity, "disputed", {"by": event.by.lower(), "decide_by": event.decide_by})
        case StateChanged():
            return Said(identity, "state", {"state": int(event.after)})


def _of_payment(event: Withdrawn | Kept | Replaced, unit: int) -> Said:
    identity = _hex(event.id)
    match event:
        case Withdrawn():
            return Said(identity, "withdrawn", _payment(NAMES[event.party], event.to, event.amount // unit))
        case Kept():
            return Said(identity, "kept", {"party": NAMES[event.party], "amount_minor": event.amount // unit})
        case Replaced():
            carried = event.carried // unit
            fields: dict[str, Any] = {"successor_id": _hex(event.successor), "amount_minor": carried}
            return Said(identity, "replaced", fields)


def _of_opening(event: FromFactory, unit: int) -> Iterator[Said]:
    match event:
        case Opened():
            fields = {"address": event.agreement.lower(), "transaction": event.place.tx_hash}
            yield Said(_hex(event.id), "opened", fields)
            for index, lane in enumerate(unpack_milestones(event.terms.milestones)):
                if lane is not None and lane.event_code == OPENED:
                    yield Said(_hex(event.id), "paid_milestone", {"milestone": index}, 1)
        case AdvanceToSupply():
            advanced: dict[str, Any] = {"supply_id": _hex(event.supply_id), "amount_minor": event.amount // unit}
            yield Said(_hex(event.delivery_id), "advanced", advanced)
        case AdvanceToPayee():
            yield from _credits(_hex(event.id), event.amount, event.fee, 0, unit)
            if event.amount:
                yield Said(_hex(event.id), "withdrawn", _payment("payee", event.to, event.amount // unit), 4)


def _credited(event: Credited, unit: int) -> Iterator[Said]:
    identity = _hex(event.id)
    if event.reason in MILESTONE_REASONS and event.milestone != NO_MILESTONE:
        yield Said(identity, "paid_milestone", {"milestone": event.milestone})
    yield from _credits(identity, event.to_payee, event.fee, event.to_payer, unit)


def _credits(identity: str, to_payee: int, fee: int, to_payer: int, unit: int) -> Iterator[Said]:
    shares = (("payee", to_payee), ("fee", fee), ("payer", to_payer))
    for part, (party, amount) in enumerate(shares, start=1):
        if amount:
            yield Said(identity, "credited", {"party": party, "amount_minor": amount // unit}, part)


def _payment(party: str, address: str, amount_minor: int) -> dict[str, Any]:
    return {"party": party, "address": address.lower(), "amount_minor": amount_minor}


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
