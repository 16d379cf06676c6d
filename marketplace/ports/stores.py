"""What adapters remember. `persistence` implements these, `bootstrap` injects them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ChainTransaction:
    """A transaction of ours: stored as signed bytes before it is broadcast. `outcome` is read from the chain."""

    key: str
    signer: str
    nonce: int
    raw: str | None = None
    hash: str | None = None
    outcome: str | None = None


class ChainTransactionStore(Protocol):
    """Nonces and signed transactions. The key is unique: asking twice gives the same transaction."""

    async def reserve(self, key: str, signer: str, first_nonce: int) -> ChainTransaction:
        """The transaction under `key`; a new one takes the signer's next nonce, from `first_nonce` on."""
        ...

    async def signed(self, key: str, raw: str, transaction_hash: str) -> ChainTransaction:
        """Store the signed bytes; bytes stored before win."""
        ...

    async def settle(self, key: str, outcome: str) -> None:
        """Note what the chain says: "mined" or "failed"."""
        ...

    async def find(self, key: str) -> ChainTransaction | None:
        """By key."""
        ...

    async def pending(self, signer: str) -> Sequence[ChainTransaction]:
        """Transactions without an outcome, by nonce."""
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
