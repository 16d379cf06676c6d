"""Between plain values and the contracts' types: what the adapter needs of terms and events. Knows no business."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from contracts import evidence
from contracts.bindings.agreement import Evidence, Party, Reason
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
from contracts.terms import (
    OPENED,
    Kind,
    Milestone,
    Terms,
    Witnessed,
    agreement_address,
    pack_milestones,
    unpack_milestones,
)

NAMES = {Party.PAYEE: "payee", Party.PAYER: "payer", Party.FEE_RECEIVER: "fee"}
MILESTONE_REASONS = frozenset({Reason.CLAIM, Reason.APPROVAL, Reason.RETENTION})
DIVISIONS = {Reason.RESOLUTION: "verdict", Reason.TIMEOUT: "silence", Reason.SPLIT: "share"}
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


def opened_terms(book: AddressBook, events: Iterable[Event], agreement_id: str) -> Terms | None:
    """The terms in the log that opened this agreement, where it is among `events`."""
    openings = (event for event in events if isinstance(event, Opened) and is_ours(book, event))
    return next((opened.terms for opened in openings if hexed(opened.id) == agreement_id), None)


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
    identity = hexed(event.id)
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
    identity = hexed(event.id)
    match event:
        case Withdrawn():
            return Said(identity, "withdrawn", _payment(NAMES[event.party], event.to, event.amount // unit))
        case Kept():
            return Said(identity, "kept", {"party": NAMES[event.party], "amount_minor": event.amount // unit})
        case Replaced():
            carried = event.carried // unit
            fields: dict[str, Any] = {"successor_id": hexed(event.successor), "amount_minor": carried}
            return Said(identity, "replaced", fields)


def _of_opening(event: FromFactory, unit: int) -> Iterator[Said]:
    match event:
        case Opened():
            fields = {"address": event.agreement.lower(), "transaction": event.place.tx_hash}
            yield Said(hexed(event.id), "opened", fields)
            for index, lane in enumerate(unpack_milestones(event.terms.milestones)):
                if lane is not None and lane.event_code == OPENED:
                    yield Said(hexed(event.id), "paid_milestone", {"milestone": index}, 1)
        case AdvanceToSupply():
            advanced: dict[str, Any] = {"supply_id": hexed(event.supply_id), "amount_minor": event.amount // unit}
            yield Said(hexed(event.delivery_id), "advanced", advanced)
        case AdvanceToPayee():
            yield from _credits(hexed(event.id), event.amount, event.fee, 0, unit)
            if event.amount:
                yield Said(hexed(event.id), "withdrawn", _payment("payee", event.to, event.amount // unit), 4)


def _credited(event: Credited, unit: int) -> Iterator[Said]:
    identity = hexed(event.id)
    if event.reason in MILESTONE_REASONS and event.milestone != NO_MILESTONE:
        yield Said(identity, "paid_milestone", {"milestone": event.milestone})
    if event.reason in DIVISIONS:
        shares = (("payee", event.to_payee), ("fee", event.fee), ("payer", event.to_payer))
        amounts = {f"{party}_minor": amount // unit for party, amount in shares}
        yield Said(identity, "divided", {"why": DIVISIONS[event.reason], **amounts})
    yield from _credits(identity, event.to_payee, event.fee, event.to_payer, unit)


def _credits(identity: str, to_payee: int, fee: int, to_payer: int, unit: int) -> Iterator[Said]:
    shares = (("payee", to_payee), ("fee", fee), ("payer", to_payer))
    for part, (party, amount) in enumerate(shares, start=1):
        if amount:
            yield Said(identity, "credited", {"party": party, "amount_minor": amount // unit}, part)


def _payment(party: str, address: str, amount_minor: int) -> dict[str, Any]:
    return {"party": party, "address": address.lower(), "amount_minor": amount_minor}


def hexed(value: bytes) -> str:
    """Bytes as 0x-hex."""
    return "0x" + value.hex()


def unhexed(value: str | None) -> bytes:
    """0x-hex as bytes; nothing as no bytes."""
    return bytes.fromhex((value or "").removeprefix("0x"))


def packed(agreed: Any) -> Terms:
    """Terms as the contracts count and pack them, from an object with the same members in plain values.

    Raises:
        ValueError: a member does not fit its field.
    """
    values: dict[str, Any] = {}
    for field in fields(Terms):
        value = getattr(agreed, field.name)
        if field.name == "milestones":
            value = pack_milestones([Milestone(item.bps, int(item.code), Witnessed(int(item.who))) for item in value])
        elif field.name == "kind":
            value = Kind(int(value))
        elif field.type is bytes or field.type == "bytes":
            value = unhexed(value)
        values[field.name] = value
    return Terms(**values)


def unpacked(agreed: Terms) -> dict[str, Any]:
    """Terms in plain values: addresses in small letters, milestones as (share, event code, witness)."""
    values: dict[str, Any] = {}
    for field in fields(Terms):
        value = getattr(agreed, field.name)
        if field.name == "milestones":
            lanes = unpack_milestones(value)
            value = [(lane.bps, lane.event_code, int(lane.witnessed)) for lane in lanes if lane is not None]
        elif isinstance(value, bytes):
            value = hexed(value)
        elif isinstance(value, str):
            value = value.lower()
        values[field.name] = value
    return values


def evidence_of(proof: Any) -> Evidence:
    """A proof as the contracts take it; `leaves` are (agreement id, spec hash, code, at_ms, payload hash), in hex."""
    leaves = [
        evidence.leaf(unhexed(agreement_id), unhexed(spec), code, at_ms, unhexed(payload))
        for agreement_id, spec, code, at_ms, payload in proof.leaves
    ]
    *_, at_ms, payload = proof.leaves[proof.index]
    return Evidence(
        at_ms=at_ms,
        payload_hash=unhexed(payload),
        proof=evidence.merkle_proof(leaves, proof.index),
        root=unhexed(proof.root),
        sequence=proof.sequence,
        previous=unhexed(proof.previous),
        signature=unhexed(proof.signature),
    )
