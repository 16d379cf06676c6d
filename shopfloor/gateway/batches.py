"""Signed batches: closing one at the gateway, and `verify_batch`, which the backend's ingest calls.

A batch covers the records first..last of a lane, leaves in that order. A record that the backend would not take
is sent as a tombstone, which carries the leaf and the payload hash: the batch's root and the agreement's chain
stay provable without the words.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import rfc8785

from shopfloor.gateway.evidence import MAX_EVENT_TEXT, EvidenceError, EvidenceEvent, MalformedEvent, parse_event
from shopfloor.gateway.merkle import merkle_proofs, merkle_root
from shopfloor.gateway.signing import Domain, GatewayKey, SignatureRefused, evidence_root_digest, recover
from shopfloor.strict_json import MAX_SAFE_INTEGER, JsonRefused, as_int, as_object, as_text, loads

MAX_BATCH = 256
NO_ROOT = "0x" + "00" * 32  # `previous` of the first batch

_HASH = re.compile(r"0x[0-9a-f]{64}")
_SIGNATURE = re.compile(r"0x[0-9a-f]{130}")


class WrongIdentity(EvidenceError):
    """A record belongs to another gateway, epoch, lane or place than the batch says."""


class BrokenChain(EvidenceError):
    """An event's `prev` is not the hash of the event before it: one was edited, dropped or moved."""


class WrongRoot(EvidenceError):
    """The Merkle root over the records is not the one that was signed."""


class WrongSequence(EvidenceError):
    """The batch does not follow the last one: its number or its previous root differ (equivocation)."""


class WrongSigner(EvidenceError):
    """The batch is not signed by the expected attestor."""


class UntrustedEvent(EvidenceError):
    """The event is genuine but may not count: bad quality, or a simulation where only production counts."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A record withheld: its place, leaf and payload hash, without its content."""

    gateway: str
    epoch: str
    lane: str
    seq: int
    agreement: str
    spec: str
    prev: str
    leaf: str
    hash: str

    def canonical(self) -> bytes:
        """The bytes that are sent in the event's place."""
        return rfc8785.dumps({"v": 1, "kind": "tombstone", **asdict(self)})


@dataclass(frozen=True, slots=True)
class SignedBatch:
    """A closed batch as it goes over the wire; roots and signature are 0x-hex."""

    first: int
    last: int
    root: str
    sequence: int
    previous: str
    signature: str

    def to_wire(self) -> dict[str, Any]:
        """The object of the ingest request."""
        return asdict(self)

    @classmethod
    def from_wire(cls, value: object) -> "SignedBatch":
        """Read it. Raises MalformedEvent."""
        try:
            raw = as_object(value, "batch")
            batch = cls(
                first=as_int(raw.get("first"), "first", 1, MAX_SAFE_INTEGER),
                last=as_int(raw.get("last"), "last", 1, MAX_SAFE_INTEGER),
                root=as_text(raw.get("root"), "root", pattern=_HASH),
                sequence=as_int(raw.get("sequence"), "sequence", 1, MAX_SAFE_INTEGER),
                previous=as_text(raw.get("previous"), "previous", pattern=_HASH),
                signature=as_text(raw.get("signature"), "signature", limit=132, pattern=_SIGNATURE),
            )
        except JsonRefused as error:
            raise MalformedEvent(str(error)) from error
        if not 0 <= batch.last - batch.first < MAX_BATCH:
            raise MalformedEvent(f"batch: 1 to {MAX_BATCH} records are allowed")
        return batch


@dataclass(frozen=True, slots=True)
class VerifiedEvent:
    """An event that may be believed, with the proof that makes it claimable on chain."""

    event: EvidenceEvent
    payload_hash: bytes
    leaf: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class VerifiedBatch:
    """`events` in order (tombstones left out); `heads` maps agreement → last payload hash (0x-hex)."""

    batch: SignedBatch
    events: tuple[VerifiedEvent, ...]
    heads: Mapping[str, str]


def sign_batch(
    key: GatewayKey, domain: Domain, *, first: int, leaves: Sequence[bytes], sequence: int, previous: str
) -> SignedBatch:
    """Close the records first..first+len(leaves)-1."""
    root = merkle_root(leaves)
    signature = key.sign_root(domain, root, sequence, bytes.fromhex(previous[2:]))
    return SignedBatch(
        first=first,
        last=first + len(leaves) - 1,
        root="0x" + root.hex(),
        sequence=sequence,
        previous=previous,
        signature="0x" + signature.hex(),
    )


def bury(event: EvidenceEvent) -> Tombstone:
    """The tombstone of `event`."""
    return Tombstone(
        gateway=event.gateway,
        epoch=event.epoch,
        lane=event.lane,
        seq=event.seq,
        agreement=event.agreement,
        spec=event.spec,
        prev=event.prev,
        leaf="0x" + event.leaf.hex(),
        hash="0x" + event.payload_hash.hex(),
    )


def parse_record(text: str | bytes) -> EvidenceEvent | Tombstone:
    """Read a record of a lane. Raises MalformedEvent."""
    try:
        raw = as_object(loads(text, limit=MAX_EVENT_TEXT), "record")
    except JsonRefused as error:
        raise MalformedEvent(str(error)) from error
    if raw.get("kind") != "tombstone":
        return parse_event(text)
    fields = set(Tombstone.__dataclass_fields__)
    if set(raw) != fields | {"v", "kind"} or raw["v"] != 1:
        raise MalformedEvent("tombstone: the fields are not those of version 1")
    try:
        stone = Tombstone(
            gateway=as_text(raw["gateway"], "gateway", limit=42),
            epoch=as_text(raw["epoch"], "epoch", limit=32),
            lane=as_text(raw["lane"], "lane", limit=1),
            seq=as_int(raw["seq"], "seq", 1, MAX_SAFE_INTEGER),
            **{k: as_text(raw[k], k, pattern=_HASH) for k in ("agreement", "spec", "prev", "leaf", "hash")},
        )
    except JsonRefused as error:
        raise MalformedEvent(str(error)) from error
    given = text.encode() if isinstance(text, str) else bytes(text)
    if stone.canonical() != given:
        raise MalformedEvent("the text is not in the canonical form of RFC 8785")
    return stone


def verify_batch(
    batch: SignedBatch,
    records: Sequence[str],
    *,
    attestor: str,
    epoch: str,
    lane: str,
    domain: Domain,
    expected_sequence: int,
    expected_previous: str,
    heads: Mapping[str, str],
    modes: frozenset[str],
) -> VerifiedBatch:
    """Believe a batch, or raise the EvidenceError that says why not.

    `records` are the event texts first..last in order; `attestor` is the agreement's (0x, any case); `heads` maps
    agreement → hash of its last known event at this gateway (absent: none yet); `modes` are the execution modes
    that may count (a devchain may add "simulation").
    """
    if len(records) != batch.last - batch.first + 1:
        raise WrongIdentity("the batch does not cover the given records")
    if (batch.sequence, batch.previous) != (expected_sequence, expected_previous):
        raise WrongSequence(f"batch {expected_sequence} with the last root as previous was expected")
    parsed = [parse_record(text) for text in records]
    for offset, record in enumerate(parsed):
        identity = (record.gateway, record.epoch, record.lane, record.seq)
        if identity != (attestor.lower(), epoch, lane, batch.first + offset):
            raise WrongIdentity(f"record {batch.first + offset} carries another identity")
    leaves = [r.leaf if isinstance(r, EvidenceEvent) else bytes.fromhex(r.leaf[2:]) for r in parsed]
    if "0x" + merkle_root(leaves).hex() != batch.root:
        raise WrongRoot("the root over the records is not the signed one")
    _check_signer(batch, attestor.lower(), domain)
    new_heads = _check_chain(parsed, heads)
    return VerifiedBatch(batch=batch, events=_believed(parsed, leaves, modes), heads=new_heads)


def _check_signer(batch: SignedBatch, attestor: str, domain: Domain) -> None:
    digest = evidence_root_digest(
        domain, bytes.fromhex(batch.root[2:]), batch.sequence, bytes.fromhex(batch.previous[2:])
    )
    try:
        signer = recover(digest, bytes.fromhex(batch.signature[2:]))
    except SignatureRefused as error:
        raise WrongSigner(str(error)) from error
    if signer != attestor:
        raise WrongSigner("another key than the attestor's signed the batch")


def _check_chain(parsed: Sequence[EvidenceEvent | Tombstone], heads: Mapping[str, str]) -> dict[str, str]:
    current = dict(heads)
    for record in parsed:
        if record.prev != current.get(record.agreement, record.spec):
            raise BrokenChain(f"record {record.seq} does not follow the last event of its agreement")
        own = record.hash if isinstance(record, Tombstone) else "0x" + record.payload_hash.hex()
        current[record.agreement] = own
    return {a: h for a, h in current.items() if heads.get(a) != h}


def _believed(
    parsed: Sequence[EvidenceEvent | Tombstone], leaves: Sequence[bytes], modes: frozenset[str]
) -> tuple[VerifiedEvent, ...]:
    believed = []
    for record, leaf, proof in zip(parsed, leaves, merkle_proofs(leaves), strict=True):
        if isinstance(record, Tombstone):
            continue
        if record.quality != "good":
            raise UntrustedEvent(f"record {record.seq}: the quality is not good")
        if record.mode not in modes:
            raise UntrustedEvent(f"record {record.seq}: the execution mode may not count here")
        believed.append(VerifiedEvent(record, record.payload_hash, leaf, proof))
    return tuple(believed)
