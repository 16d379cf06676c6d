"""The bytes of a signed EIP-1559 transaction, read as far as it matters here."""

from dataclasses import dataclass
from typing import Final

from eth_hash.auto import keccak

from bootstrap.doctor.abi import hexed
from bootstrap.doctor.failures import Unreadable

_MEMBERS: Final = 12
"""Of a signed payload: nine, and the three of its signature."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a transaction does. Every call of the platform carries data; without it a nonce is only used up."""

    chain_id: int
    nonce: int
    to: str
    value: int
    data: bytes

    @property
    def is_filler(self) -> bool:
        """Whether it only uses up its nonce."""
        return not self.data

    @property
    def call(self) -> bytes:
        """A digest of what it does: two transactions with the same one do the same."""
        return call_digest(self.to, self.value, self.data)


def call_digest(to: str, value: int, payload: bytes) -> bytes:
    """Whom is called, with how much money and what data."""
    return keccak(b"|".join([to.lower().encode(), str(value).encode(), payload]))


def read_transaction(payload: bytes) -> Sent:
    """The members of a type 2 transaction (EIP-1559). Raises Unreadable."""
    try:
        if payload[0] != 2:
            raise Unreadable("raw", "EIP-1559 transaction")
        members = _list(payload[1:])
        if len(members) != _MEMBERS:
            raise Unreadable("raw", "EIP-1559 transaction")
        chain_id, nonce, value = (int.from_bytes(members[place], "big") for place in (0, 1, 6))
        return Sent(chain_id, nonce, hexed(members[5]), value, members[7])
    except (IndexError, ValueError) as error:
        raise Unreadable("raw", "EIP-1559 transaction") from error


def _list(encoded: bytes) -> list[bytes]:
    """The members of an RLP list, nested lists as their bytes (Ethereum Yellow Paper, appendix B)."""
    start, length, is_list = _head(encoded, 0)
    if not is_list or start + length != len(encoded):
        raise ValueError("no list")
    found, at = [], start
    while at < start + length:
        begin, size, _ = _head(encoded, at)
        if begin + size > len(encoded):
            raise ValueError("too short")
        found.append(encoded[begin : begin + size])
        at = begin + size
    return found


def _head(encoded: bytes, at: int) -> tuple[int, int, bool]:
    """Where an item's bytes begin, how many there are, and whether it is a list."""
    first = encoded[at]
    if first < 0x80:
        return at, 1, False
    is_list = first >= 0xC0
    short = first - (0xC0 if is_list else 0x80)
    if short < 56:
        return at + 1, short, is_list
    width = short - 55
    return at + 1 + width, int.from_bytes(encoded[at + 1 : at + 1 + width], "big"), is_list
