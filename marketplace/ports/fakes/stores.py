"""Stores of adapters in memory: they forget everything when the process ends."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from marketplace.domain.errors import NotFound
from marketplace.ports.stores import ChainTransaction, GatewayCommand

OUTCOMES = ("mined", "failed")


class FakeChainTransactionStore:
    """`ChainTransactionStore` in memory. Addresses are compared whatever their case."""

    def __init__(self) -> None:
        self._by_key: dict[str, ChainTransaction] = {}

    async def reserve(self, key: str, signer: str, first_nonce: int) -> ChainTransaction:
        """As the port says."""
        taken = [kept.nonce for kept in self._by_key.values() if kept.signer.lower() == signer.lower()]
        nonce = max([first_nonce, *(number + 1 for number in taken)])
        return self._by_key.setdefault(key, ChainTransaction(key, signer, nonce))

    async def signed(self, key: str, raw: str, transaction_hash: str) -> ChainTransaction:
        """As the port says. Raises NotFound."""
        known = self._known(key)
        if known.raw is None:
            self._by_key[key] = replace(known, raw=raw, hash=transaction_hash)
        return self._by_key[key]

    async def settle(self, key: str, outcome: str) -> None:
        """As the port says. Raises NotFound, ValueError for a word that is no outcome."""
        if outcome not in OUTCOMES:
            raise ValueError(f"an outcome is one of {', '.join(OUTCOMES)}")
        self._by_key[key] = replace(self._known(key), outcome=outcome)

    async def find(self, key: str) -> ChainTransaction | None:
        """As the port says."""
        return self._by_key.get(key)

    async def pending(self, signer: str) -> Sequence[ChainTransaction]:
        """As the port says."""
        mine = [kept for kept in self._by_key.values() if kept.signer.lower() == signer.lower()]
        return sorted((kept for kept in mine if kept.outcome is None), key=lambda kept: kept.nonce)

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
