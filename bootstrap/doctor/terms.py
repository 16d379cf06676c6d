"""What two parties signed: from the chain's 960 bytes, and from the database's JSON to the same bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_hash.auto import keccak

from bootstrap.doctor.abi import LANES, MEMBERS, WORD, raw, read_word
from bootstrap.doctor.failures import Unreadable

_LANE_BITS: Final = 32
_TYPE: Final = keccak(("Terms(" + ",".join(f"{kind} {name}" for name, kind in MEMBERS) + ")").encode())
_DOMAIN_TYPE: Final = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")


def _snake(name: str) -> str:
    return "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name)


COLUMNS: Final = {name: _snake(name) for name, _ in MEMBERS}
"""Member of the contract's struct → key of the stored JSON."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The members by name, and the bytes that they came from."""

    words: bytes
    members: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.members[name]

    @property
    def lanes(self) -> list[tuple[int, int]]:
        """(basis points, event code) of each milestone, up to the last one."""
        packed, found = int(self["milestones"]), []
        for _ in range(LANES):
            lane = packed & 0xFFFFFFFF
            found.append((lane >> 18, lane >> 2 & 0xFFFF))
            packed >>= _LANE_BITS
        while found and found[-1] == (0, 0):
            found.pop()
        return found

    def lane_of(self, code: int) -> int | None:
        """The milestone with this event code."""
        return next((index for index, (_, found) in enumerate(self.lanes) if found == code), None)


def read_terms(words: bytes) -> Terms:
    """The terms of a log. Raises Unreadable."""
    pieces = (words[at : at + WORD] for at in range(0, len(words), WORD))
    return Terms(words, {name: read_word(name, kind, one) for (name, kind), one in zip(MEMBERS, pieces, strict=True)})


def stored_terms(stored: Any) -> Terms:
    """The terms of a row, encoded as the contract has them. Raises Unreadable."""
    if not isinstance(stored, dict):
        raise Unreadable("terms", "object")
    words = b"".join(_word(name, kind, stored.get(COLUMNS[name])) for name, kind in MEMBERS)
    return read_terms(words)


def terms_id(words: bytes, chain_id: int, factory: str) -> str:
    """The EIP-712 digest of the terms, which is the agreement's id."""
    separator = keccak(
        _DOMAIN_TYPE
        + keccak(b"LotSizeOne")
        + keccak(b"1")
        + chain_id.to_bytes(WORD, "big")
        + raw(factory).rjust(WORD, b"\0")
    )
    return "0x" + keccak(b"\x19\x01" + separator + keccak(_TYPE + words)).hex()


def differences(stored: Terms, said: Terms) -> str:
    """The members that differ, in words."""
    found = [name for name, _ in MEMBERS if stored[name] != said[name]]
    return ", ".join(f"{name} {stored[name]} instead of {said[name]}" for name in found)


def _word(name: str, kind: str, value: Any) -> bytes:
    if name == "milestones":
        value = _packed(value)
    if kind.startswith("uint"):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << int(kind[4:]):
            raise Unreadable(f"terms.{COLUMNS[name]}", kind)
        return value.to_bytes(WORD, "big")
    try:
        found = raw(value) if isinstance(value, str) else b""
    except ValueError:
        found = b""
    if len(found) != (20 if kind == "address" else WORD):
        raise Unreadable(f"terms.{COLUMNS[name]}", kind)
    return found.rjust(WORD, b"\0")


def _packed(lanes: Any) -> int:
    if not isinstance(lanes, list) or len(lanes) > LANES:
        raise Unreadable("terms.milestones", "list of milestones")
    packed = 0
    for place, lane in enumerate(lanes):
        match lane:
            case {"bps": int(bps), "code": int(code), "who": int(who)} if (
                0 <= bps < 1 << 14 and 0 <= code < 1 << 16 and 0 <= who < 4
            ):
                packed |= (bps << 18 | code << 2 | who) << _LANE_BITS * place
            case _:
                raise Unreadable(f"terms.milestones[{place}]", "milestone")
    return packed
