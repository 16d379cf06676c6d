"""Evidence events: canonical bytes (RFC 8785), identity, and the hash chain of one agreement at one gateway.

payload hash = keccak256(canonical bytes); `prev` is the payload hash of the previous event of (agreement,
gateway), the first one's is the specification hash, so an edited, dropped or reordered event is named.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import rfc8785

from shopfloor.gateway.merkle import keccak256, leaf_hash
from shopfloor.strict_json import MAX_SAFE_INTEGER, JsonRefused, as_int, as_object, as_text, loads

MAX_EVENT_TEXT = 16_384
EVENT_CODES: Mapping[str, int] = {
    "job_accepted": 100,
    "job_refused": 110,
    "production_started": 200,
    "operation_finished": 300,
    "inspection_passed": 400,
    "inspection_failed": 410,
    "production_paused": 500,
    "production_finished": 600,
    "production_failed": 610,
    "shipped": 700,
    "delivered": 800,
}
MILESTONE_CODES = frozenset({400, 410, 600, 610})  # a batch closes at once at these

_HASH = re.compile(r"0x[0-9a-f]{64}")
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")
_EPOCH = re.compile(r"[0-9a-f]{1,32}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_LANE = re.compile(r"[st]")
_QUALITY = re.compile(r"good|uncertain|bad")
_REPORTER = re.compile(r"machine|person")
_MODE = re.compile(r"simulation|test|production")


class EvidenceError(ValueError):
    """Evidence that must not be believed; the subclasses say what is wrong with it."""


class MalformedEvent(EvidenceError):
    """Not an evidence event in canonical form; the message names the field, never the input."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What happened, before it has a place: `at` is milliseconds UTC, `value` maps names to decimal strings."""

    agreement: str
    spec: str
    order: str
    job: str
    station: str
    kind: str
    at: int
    mode: str
    value: Mapping[str, str]
    quality: str = "good"
    reported_by: str = "machine"


@dataclass(frozen=True, slots=True)
class EvidenceEvent:
    """One event in its place: identity is (gateway, epoch, lane, seq)."""

    gateway: str
    epoch: str
    lane: str
    seq: int
    agreement: str
    spec: str
    order: str
    job: str
    station: str
    kind: str
    code: int
    at: int
    quality: str
    reported_by: str
    mode: str
    value: Mapping[str, str]
    salt: str
    prev: str

    def canonical(self) -> bytes:
        """The RFC 8785 bytes that are hashed, stored and sent."""
        return rfc8785.dumps({"v": 1, **asdict(self), "value": dict(self.value)})

    @property
    def payload_hash(self) -> bytes:
        """keccak256 of the canonical bytes."""
        return keccak256(self.canonical())

    @property
    def leaf(self) -> bytes:
        """The leaf that the contracts check."""
        return leaf_hash(
            bytes.fromhex(self.agreement[2:]),
            bytes.fromhex(self.spec[2:]),
            self.code,
            self.at,
            self.payload_hash,
        )


def place(draft: Draft, *, gateway: str, epoch: str, lane: str, seq: int, salt: bytes, prev: str) -> EvidenceEvent:
    """Give `draft` its identity and its link. Raises MalformedEvent when it would not be valid evidence."""
    event = EvidenceEvent(
        gateway=gateway,
        epoch=epoch,
        lane=lane,
        seq=seq,
        code=EVENT_CODES.get(draft.kind, 0),
        salt="0x" + salt.hex(),
        prev=prev,
        **asdict(draft),
    )
    return parse_event(event.canonical())


def parse_event(text: str | bytes) -> EvidenceEvent:
    """Read one event. Raises MalformedEvent unless it is complete, well-typed and already canonical."""
    try:
        raw = as_object(loads(text, limit=MAX_EVENT_TEXT), "event")
        event = _checked(raw)
    except JsonRefused as error:
        raise MalformedEvent(str(error)) from error
    given = text.encode() if isinstance(text, str) else bytes(text)
    if event.canonical() != given:
        raise MalformedEvent("the text is not in the canonical form of RFC 8785")
    return event


def _checked(raw: Mapping[str, Any]) -> EvidenceEvent:
    expected = {"v", *EvidenceEvent.__dataclass_fields__}
    if set(raw) != expected:
        raise JsonRefused("event: the fields are not those of version 1")
    as_int(raw["v"], "v", 1, 1)
    kind = as_text(raw["kind"], "kind", pattern=_NAME)
    if EVENT_CODES.get(kind) != raw["code"]:
        raise JsonRefused("code: not the code of this kind")
    value = as_object(raw["value"], "value")
    if len(value) > 32:
        raise JsonRefused("value: more than 32 entries")
    return EvidenceEvent(
        gateway=as_text(raw["gateway"], "gateway", pattern=_ADDRESS),
        epoch=as_text(raw["epoch"], "epoch", pattern=_EPOCH),
        lane=as_text(raw["lane"], "lane", pattern=_LANE),
        seq=as_int(raw["seq"], "seq", 1, MAX_SAFE_INTEGER),
        agreement=as_text(raw["agreement"], "agreement", pattern=_HASH),
        spec=as_text(raw["spec"], "spec", pattern=_HASH),
        order=as_text(raw["order"], "order", pattern=_ID),
        job=as_text(raw["job"], "job", pattern=_ID),
        station=as_text(raw["station"], "station", limit=64, pattern=_ID),
        kind=kind,
        code=as_int(raw["code"], "code", 1, 2**16 - 1),
        at=as_int(raw["at"], "at", 0, MAX_SAFE_INTEGER),
        quality=as_text(raw["quality"], "quality", pattern=_QUALITY),
        reported_by=as_text(raw["reported_by"], "reported_by", pattern=_REPORTER),
        mode=as_text(raw["mode"], "mode", pattern=_MODE),
        value={as_text(k, "value", pattern=_NAME): as_text(v, "value", limit=256) for k, v in value.items()},
        salt=as_text(raw["salt"], "salt", pattern=_HASH),
        prev=as_text(raw["prev"], "prev", pattern=_HASH),
    )
