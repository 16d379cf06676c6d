"""Transactions that wait for a block: one a nonce, in order of arrival."""

from dataclasses import dataclass, field
from typing import Any, Final

from contracts.devchain.errors import LIMIT_EXCEEDED, SERVER_ERROR, RpcError

MAX_WAITING: Final = 10_000
# A replacement must offer 10 % more, as on other nodes.
_BUMP_PERCENT: Final = 110


@dataclass
class Mempool:
    """What was sent and not mined. `queues` maps a sender to its transactions by nonce."""

    queues: dict[bytes, dict[int, Any]] = field(default_factory=dict)
    by_hash: dict[bytes, Any] = field(default_factory=dict)

    def add(self, transaction: Any, state_nonce: int) -> Any | None:
        """Takes a transaction; gives the one that it replaces.

        Raises:
            RpcError: known already, nonce used, underpriced, or the pool is full.
        """
        if transaction.hash in self.by_hash:
            raise RpcError(SERVER_ERROR, "already known")
        if transaction.nonce < state_nonce:
            raise RpcError(SERVER_ERROR, f"nonce too low: next nonce {state_nonce}, tx nonce {transaction.nonce}")
        if len(self.by_hash) >= MAX_WAITING:
            raise RpcError(LIMIT_EXCEEDED, "txpool is full")
        queue = self.queues.setdefault(transaction.sender, {})
        old = queue.get(transaction.nonce)
        if old is not None and not _outbids(transaction, old):
            raise RpcError(SERVER_ERROR, "replacement transaction underpriced")
        if old is not None:
            self.remove(old)
        self.queues.setdefault(transaction.sender, {})[transaction.nonce] = transaction
        self.by_hash[transaction.hash] = transaction
        return old

    def remove(self, transaction: Any) -> None:
        """Forgets a transaction, known or not."""
        if self.by_hash.pop(transaction.hash, None) is None:
            return
        queue = self.queues[transaction.sender]
        del queue[transaction.nonce]
        if not queue:
            del self.queues[transaction.sender]

    def next_nonce(self, sender: bytes, state_nonce: int) -> int:
        """The nonce after those that wait without a gap."""
        queue = self.queues.get(sender, {})
        while state_nonce in queue:
            state_nonce += 1
        return state_nonce

    def ready(self, base_fee: int, state_nonces: dict[bytes, int]) -> list[Any]:
        """What the next block can take, in order of arrival; later nonces of a sender after earlier ones."""
        usable: set[bytes] = set()
        for sender, queue in self.queues.items():
            nonce = state_nonces[sender]
            while nonce in queue and queue[nonce].max_fee_per_gas >= base_fee:
                usable.add(queue[nonce].hash)
                nonce += 1
        arrived = [transaction for key, transaction in self.by_hash.items() if key in usable]
        place = {transaction.hash: index for index, transaction in enumerate(arrived)}
        first: dict[bytes, int] = {}
        for transaction in sorted(arrived, key=lambda one: one.nonce):
            # A nonce that arrived early waits for the one before it.
            place[transaction.hash] = max(place[transaction.hash], first.get(transaction.sender, 0))
            first[transaction.sender] = place[transaction.hash]
        return sorted(arrived, key=lambda one: (place[one.hash], one.nonce))


def _outbids(new: Any, old: Any) -> bool:
    return bool(
        new.max_fee_per_gas * 100 >= old.max_fee_per_gas * _BUMP_PERCENT
        and new.max_priority_fee_per_gas * 100 >= old.max_priority_fee_per_gas * _BUMP_PERCENT
    )
