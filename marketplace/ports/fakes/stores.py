"""Stores of adapters in memory: they forget everything when the process ends."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from marketplace.domain.errors import NotFound
from marketplace.ports.stores import ChainAttempt, ChainTransaction, GatewayCommand, Settlement, SignedEntry

OUTCOMES = ("mined", "failed")


class FakeChainTransactionStore:
    """`ChainTransactionStore` in memory. Addresses are compared whatever their case."""

    def __init__(self) -> None:
        self._by_key: dict[str, ChainTransaction] = {}

    async def reserve(
        self, keys: Sequence[str], signer: str, first_nonce: int, at: datetime
    ) -> Sequence[ChainTransaction]:
        """As the port says."""
        for key in keys:
            nonce = max([first_nonce, *(kept.nonce + 1 for kept in self._of(signer))])
            self._by_key.setdefault(key, ChainTransaction(key, signer, nonce, at))
        return [self._by_key[key] for key in keys]

    async def take(self, key: str, signer: str, nonce: int, at: datetime) -> ChainTransaction | None:
        """As the port says."""
        if key not in self._by_key and all(kept.nonce != nonce for kept in self._of(signer)):
            self._by_key[key] = ChainTransaction(key, signer, nonce, at)
        kept = self._by_key.get(key)
        return kept if kept is not None and (kept.signer.lower(), kept.nonce) == (signer.lower(), nonce) else None

    async def signed(self, entries: Sequence[SignedEntry]) -> Sequence[ChainTransaction]:
        """As the port says. Raises NotFound."""
        known = [self._known(key) for key, *_ in entries]
        for one, (key, number, raw, transaction_hash, max_fee, tip, at) in zip(known, entries, strict=True):
            if number == len(one.attempts) + 1:
                attempt = ChainAttempt(transaction_hash, raw, max_fee, tip, at)
                self._by_key[key] = replace(one, attempts=(*one.attempts, attempt))
        return [self._by_key[key] for key, *_ in entries]

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """As the port says. Raises NotFound, ValueError for a word that is no outcome."""
        if any(outcome not in OUTCOMES for _, outcome, _ in settlements):
            raise ValueError(f"an outcome is one of {', '.join(OUTCOMES)}")
        known = [replace(self._known(key), outcome=outcome, block=block) for key, outcome, block in settlements]
        self._by_key |= {one.key: one for one in known}

    async def reopen(self, key: str) -> None:
        """As the port says. Raises NotFound."""
        self._by_key[key] = replace(self._known(key), outcome=None, block=None)

    async def find(self, key: str) -> ChainTransaction | None:
        """As the port says."""
        return self._by_key.get(key)

    async def pending(self, signer: str) -> Sequence[ChainTransaction]:
        """As the port says."""
        return [kept for kept in self._of(signer) if kept.outcome is None]

    async def last_settled(self, signer: str) -> int | None:
        """As the port says."""
        return max((kept.nonce for kept in self._of(signer) if kept.outcome is not None), default=None)

    async def settled_from(self, signer: str, nonce: int) -> Sequence[ChainTransaction]:
        """As the port says."""
        return [kept for kept in self._of(signer) if kept.outcome is not None and kept.nonce >= nonce]

    def _of(self, signer: str) -> list[ChainTransaction]:
        mine = [kept for kept in self._by_key.values() if kept.signer.lower() == signer.lower()]
        return sorted(mine, key=lambda kept: kept.nonce)

    def _known(self, key: str) -> ChainTransaction:
        known = self._by_key.get(key)
        if known is None:
            raise NotFound("chain transaction")
        return known


class FakeGatewayCommandStore:
    """`GatewayCommandStore` in memory."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], GatewayCommand] = {}

    async def append(self, gateway: str, key: str, kind: str, body: Mapping[str, Any]) -> None:
        """As the port says. The body is kept as the JSON that a gateway will read."""
        kept = json.loads(json.dumps(dict(body), allow_nan=False))
        self._rows.setdefault((gateway, key), GatewayCommand(len(self._rows) + 1, gateway, kind, kept))

    async def after(self, gateway: str, command_id: int, limit: int) -> Sequence[GatewayCommand]:
        """As the port says."""
        mine = [row for row in self._rows.values() if row.gateway == gateway and row.id > command_id]
        return mine[:limit]
