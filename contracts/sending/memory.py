"""What a sender remembers, and the names under which it does.

A key names a call. Each nonce that was taken for it has a name of its own: the key itself, then "key (attempt 2)" …
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, Protocol

from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.address import to_checksum_address
from hexbytes import HexBytes

from contracts.bindings.call import Call

MINED: Final = "mined"
FAILED: Final = "failed"
_NAME: Final = re.compile(r"(?P<key>.*) \(attempt (?P<number>\d+)\)", re.DOTALL)


class Attempt(Protocol):
    """Signed bytes; `raw` and `hash` are 0x-hex, the fees are in wei per gas."""

    @property
    def hash(self) -> str: ...
    @property
    def raw(self) -> str: ...
    @property
    def max_fee(self) -> int: ...
    @property
    def tip(self) -> int: ...
    @property
    def at(self) -> datetime: ...


class Stored(Protocol):
    """A nonce and everything signed for it, in order; `outcome` is None until it is final."""

    @property
    def key(self) -> str: ...
    @property
    def nonce(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def attempts(self) -> Sequence[Attempt]: ...
    @property
    def outcome(self) -> str | None: ...


SignedEntry = tuple[str, int, str, str, int, int, datetime]
"""What was signed: the key, the number of the attempt (from 1 on), raw, hash, maximum fee, tip, at."""


Settlement = tuple[str, str, int | None]
"""What became of a key: MINED or FAILED, and in which block."""


class Memory(Protocol):
    """Where transactions are remembered; every call is durable when it returns."""

    async def reserve(self, keys: Sequence[str], signer: str, first_nonce: int, at: datetime) -> Sequence[Stored]:
        """The transactions under `keys`, in order; new ones take the signer's next nonces, `first_nonce` at least."""
        ...

    async def take(self, key: str, signer: str, nonce: int, at: datetime) -> Stored | None:
        """The transaction under `key` at exactly this nonce; None if key or nonce belong to another."""
        ...

    async def signed(self, entries: Sequence[SignedEntry]) -> Sequence[Stored]:
        """Store attempts unless there are some under the same number; gives what is stored, in order."""
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Note outcomes."""
        ...

    async def reopen(self, key: str) -> None:
        """Take the outcome back."""
        ...

    async def find(self, key: str) -> Stored | None:
        """By key."""
        ...

    async def pending(self, signer: str) -> Sequence[Stored]:
        """Transactions without an outcome, by nonce."""
        ...

    async def last_settled(self, signer: str) -> int | None:
        """The highest nonce with an outcome."""
        ...

    async def settled_from(self, signer: str, nonce: int) -> Sequence[Stored]:
        """Transactions with an outcome, from this nonce on, by nonce."""
        ...


def name_of(key: str, number: int) -> str:
    """The name of a key's transaction `number`, from 1 on."""
    return key if number == 1 else f"{key} (attempt {number})"


def key_of(name: str) -> tuple[str, int]:
    """The key and the number in a name."""
    match = _NAME.fullmatch(name)
    return (name, 1) if match is None else (match["key"], int(match["number"]))


def raw_of(attempt: Attempt) -> bytes:
    """The bytes."""
    return bytes.fromhex(attempt.raw.removeprefix("0x"))


@dataclass(frozen=True)
class Content:
    """What signed bytes do."""

    call: Call
    gas: int

    @property
    def is_filler(self) -> bool:
        """Whether they only use up a nonce. Every call of ours carries data."""
        return not self.call.data


@lru_cache(maxsize=1024)
def content_of(raw: str) -> Content:
    """What the bytes (0x-hex) of an EIP-1559 transaction do."""
    fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    call = Call(str(to_checksum_address(fields["to"])), bytes(fields["data"]), int(fields["value"]))
    return Content(call, int(fields["gas"]))


def call_of(stored: Stored) -> Content | None:
    """The call that was signed for this nonce, or None if nothing but fillers was, or nothing at all.

    Without one the nonce cannot do what its key asks for, whatever becomes of it.
    """
    contents = (content_of(attempt.raw) for attempt in stored.attempts)
    return next((content for content in contents if not content.is_filler), None)
