"""What two parties sign: the terms, their EIP-712 form, the agreement's id and its address.

Loads no node and no HTTP client: a signer on a small machine uses this module and `contracts.signers` alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Final

from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from contracts.eip712 import (
    FieldError,
    TypedData,
    Value,
    address_bytes,
    digest,
    from_json,
    members,
    to_json,
    typed,
    word,
)

ZERO_ADDRESS: Final = "0x" + "00" * 20
ZERO_WORD: Final = bytes(32)
NEVER: Final = 255
"""`cancel_until` of terms under which the payer may not cancel."""

DOMAIN_NAME: Final = "LotSizeOne"
DOMAIN_VERSION: Final = "1"


class Kind(IntEnum):
    """Which of the two contracts."""

    DELIVERY = 1
    SUPPLY = 2


class Witnessed(IntEnum):
    """Whose signature proves a milestone."""

    ATTESTOR = 0
    WITNESS = 1
    BOTH = 2
    PAYER = 3


class What(IntEnum):
    """What an `Action` signature consents to."""

    ACCEPT = 1
    CONTEST = 2
    APPROVE = 3
    CANCEL = 4
    DISPUTE = 5
    DELIVERED = 6
    REVOKE = 7
    RESOLVE = 8
    NOVATE = 9


OPENED: Final = 1
"""Event code of the advance, credited when the agreement opens."""
RETAINED: Final = 2
"""Event code of the share that is kept back at acceptance."""


@dataclass(frozen=True)
class Milestone:
    """One lane of `Terms.milestones`: a share in basis points and the event that releases it."""

    bps: int
    event_code: int
    witnessed: Witnessed = Witnessed.ATTESTOR

    def __post_init__(self) -> None:
        if not 0 <= self.bps <= 10_000:
            raise FieldError(f"a share is 0..10000 basis points, not {self.bps}")
        if not 0 < self.event_code < 2**16:
            raise FieldError(f"an event code is 1..65535, not {self.event_code}")

    def pack(self) -> int:
        """The 32 bits of the lane: bps << 18 | event code << 2 | witnessed."""
        return self.bps << 18 | self.event_code << 2 | self.witnessed


def pack_milestones(milestones: Iterable[Milestone]) -> int:
    """Up to eight milestones as one word, the first in the lowest 32 bits.

    Raises:
        FieldError: more than eight, or more than 100 %.
    """
    lanes = list(milestones)
    if len(lanes) > 8 or sum(lane.bps for lane in lanes) > 10_000:
        raise FieldError("at most eight milestones, together at most 10000 basis points")
    return sum(lane.pack() << 32 * index for index, lane in enumerate(lanes))


def unpack_milestones(word: int) -> tuple[Milestone | None, ...]:
    """The eight lanes of a word; None where a lane is empty."""
    lanes = [(word >> 32 * index) & 0xFFFFFFFF for index in range(8)]
    return tuple(Milestone(lane >> 18, (lane >> 2) & 0xFFFF, Witnessed(lane & 3)) if lane else None for lane in lanes)


@dataclass(frozen=True)
class Terms:
    """The 30 members of the contract's `Terms`, in its order; see `contracts/src/types/AgreementTypes.sol`.

    Addresses are checksummed strings, words are 32 bytes, amounts are token units, times are seconds since 1970.

    Raises:
        FieldError: a value does not fit its Solidity type.
    """

    kind: Kind
    supply_count: int
    payer: str
    payee: str
    attestor: str
    witness: str
    carrier: str
    arbiter: str
    token: str
    unit: int
    amount: int
    milestones: int
    fund_by: int
    deliver_by: int
    grace: int
    contest_window: int
    accept_window: int
    retention_window: int
    arbiter_window: int
    penalty_bps_per_day: int
    penalty_cap_bps: int
    fee_bps: int
    cancel_bps: int
    cancel_until: int
    timeout_bps: int
    handover: bytes
    parent: bytes
    replaces: bytes
    spec_hash: bytes
    salt: bytes

    def __post_init__(self) -> None:
        for (name, kind), field in zip(members("Terms"), fields(self), strict=True):
            value = getattr(self, field.name)
            word(name, kind, value)
            if kind == "address":
                object.__setattr__(self, field.name, to_checksum_address(value))
        if self.kind not in set(Kind):
            raise FieldError(f"kind is 1 or 2, not {self.kind}")
        object.__setattr__(self, "kind", Kind(self.kind))

    def as_tuple(self) -> tuple[int | str | bytes, ...]:
        """The members as eth-abi encodes them."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def as_message(self) -> dict[str, int | str]:
        """The members under their Solidity names, fit for JSON."""
        return {name: to_json(kind, value) for (name, kind), value in self._members()}

    def _members(self) -> Iterable[tuple[tuple[str, str], Value]]:
        return zip(members("Terms"), self.as_tuple(), strict=True)

    @classmethod
    def from_message(cls, message: Mapping[str, int | str]) -> "Terms":
        """The terms of such a message.

        Raises:
            FieldError: a member is missing, unknown, or does not fit.
        """
        expected = members("Terms")
        if message.keys() != {name for name, _ in expected}:
            raise FieldError("these are not the members of Terms")
        return cls(*(from_json(name, kind, message[name]) for name, kind in expected))

    @classmethod
    def from_tuple(cls, values: Iterable[Any]) -> "Terms":
        """The terms as eth-abi decodes them."""
        return cls(*values)


def typed_data(terms: Terms, chain_id: int, factory: str) -> TypedData:
    """What the parties sign."""
    values = dict(zip((name for name, _ in members("Terms")), terms.as_tuple(), strict=True))
    return _ours("Terms", values, chain_id, factory)


def action_typed_data(
    agreement_id: bytes, what: What, data: bytes, deadline: int, *, chain_id: int, factory: str
) -> TypedData:
    """Somebody's consent to one move; `data` is `number_word` of what the move names, zero where it names nothing."""
    values: dict[str, Value] = {"id": agreement_id, "what": int(what), "data": data, "deadline": deadline}
    return _ours("Action", values, chain_id, factory)


def split_typed_data(agreement_id: bytes, payee_bps: int, deadline: int, *, chain_id: int, factory: str) -> TypedData:
    """A party's consent to divide what is left: `payee_bps` of it to the payee."""
    values: dict[str, Value] = {"id": agreement_id, "payeeBps": payee_bps, "deadline": deadline}
    return _ours("Split", values, chain_id, factory)


def evidence_root_typed_data(root: bytes, sequence: int, previous: bytes, *, chain_id: int, factory: str) -> TypedData:
    """What a gateway signs under an evidence tree."""
    values: dict[str, Value] = {"root": root, "sequence": sequence, "previous": previous}
    return _ours("EvidenceRoot", values, chain_id, factory)


def permit_typed_data(
    *,
    owner: str,
    spender: str,
    value: int,
    nonce: int,
    deadline: int,
    token: str,
    token_name: str,
    chain_id: int,
    token_version: str = "1",  # noqa: S107 - a version, no password
) -> TypedData:
    """An EIP-2612 permit: lets `spender` take `value` token units of `owner`."""
    values: dict[str, Value] = {
        "owner": owner,
        "spender": spender,
        "value": value,
        "nonce": nonce,
        "deadline": deadline,
    }
    return typed("Permit", values, chain_id=chain_id, contract=token, name=token_name, version=token_version)


def terms_id(terms: Terms, chain_id: int, factory: str) -> bytes:
    """The agreement's id: the digest of its terms."""
    return digest(typed_data(terms, chain_id, factory))


def agreement_address(agreement_id: bytes, *, factory: str, implementation: str) -> str:
    """Where the agreement is or will be: EIP-1167 with the id as its only argument, by CREATE2 with the id as salt."""
    creation = (
        bytes.fromhex("61")
        + (45 + len(agreement_id)).to_bytes(2, "big")
        + bytes.fromhex("3d81600a3d39f3363d3d373d3d3d363d73")
        + address_bytes(implementation)
        + bytes.fromhex("5af43d82803e903d91602b57fd5bf3")
        + agreement_id
    )
    image = keccak(b"\xff" + address_bytes(factory) + agreement_id + keccak(creation))
    return str(to_checksum_address(image[12:]))


def number_word(number: int) -> bytes:
    """A milestone's index, an amount in token units or a share as the `data` of an `Action`."""
    return number.to_bytes(32, "big")


def handover_hash(secret: bytes) -> bytes:
    """The hash of the recipient's 32-byte secret, as the terms carry it."""
    if len(secret) != 32:
        raise FieldError("a handover secret has 32 bytes")
    return keccak(secret)


def part(whole: int, bps: int, unit: int) -> int:
    """A share of `whole` floored to `unit`: the contract's one rounding rule."""
    exact = whole * bps // 10_000
    return exact - exact % unit


def _ours(struct: str, values: Mapping[str, Value], chain_id: int, factory: str) -> TypedData:
    return typed(struct, values, chain_id=chain_id, contract=factory, name=DOMAIN_NAME, version=DOMAIN_VERSION)
