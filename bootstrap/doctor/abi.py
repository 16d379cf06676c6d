"""The contracts' events and terms as their interfaces declare them, read byte by byte.

Written from `contracts/src/interfaces` and `contracts/src/types`; topic hashes are computed from the signatures here.
All members of all events are static words of 32 bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_hash.auto import keccak

from bootstrap.doctor.failures import Unreadable

WORD: Final = 32

STATES: Final = ("open", "delivered", "retained", "disputed", "settled", "refunded", "resolved")
"""`State`, by number."""
ENDED: Final = frozenset({"settled", "refunded", "resolved"})
PARTIES: Final = ("payee", "payer", "fee")
"""`Party`, by number."""
PAYS_A_MILESTONE: Final = frozenset({1, 2, 4})
"""`Reason` Claim, Approval and Retention: the credit pays the milestone that it names."""
DIVISIONS: Final = {8: "verdict", 9: "silence", 10: "share"}
"""`Reason` Resolution, Timeout and Split: what was left is divided, and by whom."""
NO_MILESTONE: Final = 255
ADVANCE, RETENTION = 1, 2
"""Event codes that the contracts pay by themselves: at the opening, and after the retention window."""
LANES: Final = 8

_TERMS: Final = (
    "uint8 kind,uint8 supplyCount,address payer,address payee,address attestor,address witness,address carrier,"
    "address arbiter,address token,uint96 unit,uint96 amount,uint256 milestones,uint40 fundBy,uint40 deliverBy,"
    "uint32 grace,uint32 contestWindow,uint32 acceptWindow,uint32 retentionWindow,uint32 arbiterWindow,"
    "uint16 penaltyBpsPerDay,uint16 penaltyCapBps,uint16 feeBps,uint16 cancelBps,uint8 cancelUntil,uint16 timeoutBps,"
    "bytes32 handover,bytes32 parent,bytes32 replaces,bytes32 specHash,bytes32 salt"
)
MEMBERS: Final = tuple((part.split()[1], part.split()[0]) for part in _TERMS.split(","))
"""(name, type) of the members of `Terms`, in order."""
TERMS_BYTES: Final = WORD * len(MEMBERS)
_TERMS_TUPLE: Final = "(" + ",".join(kind for _, kind in MEMBERS) + ")"

_EVENTS: Final = {
    "Opened": "bytes32 indexed id,address indexed agreement,bytes32 indexed parent,Terms terms",
    "AdvanceToSupply": "bytes32 indexed id,bytes32 indexed supply,uint256 amount",
    "AdvanceToPayee": "bytes32 indexed id,address indexed to,uint256 amount,uint256 fee",
    "StateChanged": "bytes32 indexed id,uint8 before,uint8 after",
    "Claimed": "bytes32 indexed id,uint256 indexed milestone,uint256 maturesAfter,bytes32 payloadHash",
    "Contested": "bytes32 indexed id,uint256 indexed milestone",
    "Delivered": "bytes32 indexed id,uint256 at,uint256 penalty",
    "Disputed": "bytes32 indexed id,address indexed by,uint8 before,uint256 decideBy",
    "Credited": (
        "bytes32 indexed id,uint8 indexed reason,uint256 milestone,uint256 toPayee,uint256 fee,uint256 toPayer"
    ),
    "Withdrawn": "bytes32 indexed id,uint8 indexed party,address indexed to,uint256 amount",
    "Kept": "bytes32 indexed id,uint8 indexed party,uint256 amount",
    "Replaced": "bytes32 indexed id,bytes32 indexed successor,uint256 carried",
}
FROM_FACTORY: Final = frozenset({"Opened", "AdvanceToSupply", "AdvanceToPayee"})


@dataclass(frozen=True, slots=True)
class Shape:
    """How an event is laid out: (name, type) of its topics behind the first, and of its data."""

    name: str
    topics: tuple[tuple[str, str], ...]
    data: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """One log, read. Addresses and words are lower-case 0x-hex, numbers int, `terms` bytes."""

    name: str
    block: int
    index: int
    block_hash: str
    tx: str
    address: str
    fields: Mapping[str, Any]

    @property
    def where(self) -> str:
        """For people."""
        return f"block {self.block}, transaction {self.tx}"


def _shape(name: str, declared: str) -> tuple[bytes, Shape]:
    parts = [part.split() for part in declared.split(",")]
    kinds = ",".join(_TERMS_TUPLE if part[0] == "Terms" else part[0] for part in parts)
    topics = tuple((part[-1], part[0]) for part in parts if part[1] == "indexed")
    data = tuple((part[-1], part[0]) for part in parts if part[1] != "indexed")
    return keccak(f"{name}({kinds})".encode()), Shape(name, topics, data)


SHAPES: Final[Mapping[bytes, Shape]] = dict(_shape(name, declared) for name, declared in _EVENTS.items())
"""First topic → how to read the rest."""


def selector(signature: str) -> bytes:
    """The first four bytes of a call; `Terms` in the signature stands for the struct."""
    return keccak(signature.replace("Terms", _TERMS_TUPLE).encode())[:4]


def fields_of(shape: Shape, topics: list[bytes], data: bytes) -> dict[str, Any]:
    """The members of a log, `topics` without the first. Raises Unreadable where they are not laid out like that."""
    size = sum(TERMS_BYTES if kind == "Terms" else WORD for _, kind in shape.data)
    if len(topics) != len(shape.topics) or len(data) != size:
        raise Unreadable(f"a log {shape.name}", "log of these contracts")
    at, found = 0, dict[str, Any]()
    for (name, kind), topic in zip(shape.topics, topics, strict=True):
        found[name] = read_word(name, kind, topic)
    for name, kind in shape.data:
        width = TERMS_BYTES if kind == "Terms" else WORD
        piece = data[at : at + width]
        found[name] = piece if kind == "Terms" else read_word(name, kind, piece)
        at += width
    return found


def read_word(name: str, kind: str, word: bytes) -> int | str:
    """A static member. Raises Unreadable where it has bits beyond its type."""
    if kind == "bytes32":
        return hexed(word)
    if kind == "address":
        if any(word[:12]):
            raise Unreadable(name, kind)
        return hexed(word[12:])
    number = int.from_bytes(word, "big")
    if number >> int(kind.removeprefix("uint")):
        raise Unreadable(name, kind)
    return number


def hexed(raw: bytes) -> str:
    """Lower-case 0x-hex."""
    return "0x" + raw.hex()


def raw(text: str) -> bytes:
    """The bytes of 0x-hex. Raises ValueError."""
    return bytes.fromhex(text.removeprefix("0x"))
