"""What adapters remember. `persistence` implements these, `bootstrap` injects them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ChainAttempt:
    """Signed bytes, kept for ever: `raw` and `hash` are 0x-hex, the fees are in wei per gas, `at` is when they were."""

    hash: str
    raw: str
    max_fee: int
    tip: int
    at: datetime


SignedEntry = tuple[str, int, str, str, int, int, datetime]
"""What was signed: the key, the number of the attempt (from 1 on), raw, hash, maximum fee, tip, at."""


Settlement = tuple[str, str, int | None]
"""What became of a key: "mined" or "failed", and in which block."""


@dataclass(frozen=True, slots=True)
class ChainTransaction:
    """A nonce of ours and everything that was ever signed for it, in order.

    `at` is when the nonce was reserved. `outcome` is read from the chain at final depth, `block` is where.
    """

    key: str
    signer: str
    nonce: int
    at: datetime
    attempts: tuple[ChainAttempt, ...] = ()
    outcome: str | None = None
    block: int | None = None


class ChainTransactionStore(Protocol):
    """Nonces and signed transactions. The key is unique: asking twice gives the same transaction."""

    async def reserve(
        self, keys: Sequence[str], signer: str, first_nonce: int, at: datetime
    ) -> Sequence[ChainTransaction]:
        """The transactions under `keys`, in their order, all at once.

        New ones take the signer's next nonces, one after the other, from `first_nonce` on.
        """
        ...

    async def take(self, key: str, signer: str, nonce: int, at: datetime) -> ChainTransaction | None:
        """The transaction under `key` at exactly this nonce; None if key or nonce belong to another."""
        ...

    async def signed(self, entries: Sequence[SignedEntry]) -> Sequence[ChainTransaction]:
        """Store bytes, all at once; those stored first under a number win.

        Gives what is stored, in the order of the entries. Raises NotFound.
        """
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Note what the chain says, all at once. Raises NotFound."""
        ...

    async def reopen(self, key: str) -> None:
        """The chain has taken its word back: the transaction waits again. Raises NotFound."""
        ...

    async def find(self, key: str) -> ChainTransaction | None:
        """By key."""
        ...

    async def pending(self, signer: str) -> Sequence[ChainTransaction]:
        """Transactions without an outcome, by nonce."""
        ...

    async def last_settled(self, signer: str) -> int | None:
        """The highest nonce with an outcome."""
        ...

    async def settled_from(self, signer: str, nonce: int) -> Sequence[ChainTransaction]:
        """Transactions with an outcome, from this nonce on, by nonce."""
        ...


@dataclass(frozen=True, slots=True)
class GatewayCommand:
    """A row of a gateway's command queue."""

    id: int
    gateway: str
    kind: str
    body: Mapping[str, Any]


class GatewayCommandStore(Protocol):
    """Commands for gateways, which fetch them."""

    async def append(self, gateway: str, key: str, kind: str, body: Mapping[str, Any]) -> None:
        """Queue a command; the same key is queued once."""
        ...

    async def after(self, gateway: str, command_id: int, limit: int) -> Sequence[GatewayCommand]:
        """The gateway's commands above `command_id`, in order."""
        ...
