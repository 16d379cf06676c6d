"""What the shop floor says, and how much of it counts as proof.

Event codes are one enumeration with a golden file (`tests/golden/event_codes.json`): terms name them, a job's
parameters carry them, gateways sign them. A code never changes its meaning.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class EventCode(IntEnum):
    """Codes of production events (uint16). 1 and 2 are reserved by the agreements themselves."""

    OPENED = 1
    RETAINED = 2
    JOB_ACCEPTED = 100
    JOB_REFUSED = 110
    PRODUCTION_STARTED = 200
    OPERATION_FINISHED = 300
    INSPECTION_PASSED = 400
    INSPECTION_FAILED = 410
    PRODUCTION_PAUSED = 500
    PRODUCTION_FINISHED = 600
    PRODUCTION_FAILED = 610
    SHIPPED = 700
    DELIVERED = 800


class Witness(IntEnum):
    """Whose signature a milestone asks for. The numbers are the contract's."""

    ATTESTOR = 0
    WITNESS = 1
    BOTH = 2
    PAYER = 3


class Source(StrEnum):
    """Who reported an event. Only a machine's events are evidence."""

    MACHINE = "machine"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class ShopFloorEvent:
    """One event of a gateway, verified: identity is (gateway, epoch, lane, seq).

    `body` is the RFC 8785 text that was hashed and signed; `payload_hash` its keccak-256. `at_ms` is the machine's
    clock in milliseconds since 1970: people see it, money never depends on it.
    """

    gateway: str
    epoch: str
    lane: str
    seq: int
    agreement_id: str
    spec_hash: str
    job_id: str
    kind: str
    code: int
    at_ms: int
    station: str
    value: dict[str, str]
    payload_hash: str
    body: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class SignedBatch:
    """Consecutive events of one lane under one signed Merkle root."""

    gateway: str
    epoch: str
    lane: str
    first: int
    last: int
    root: str
    sequence: int
    previous: str
    signature: str
