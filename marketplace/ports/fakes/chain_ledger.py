"""The fake chain's money and blocks: each change is made to a copy of the ledger, and counts if nothing refused it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from marketplace.domain.agreement import Agreement
from marketplace.ports.chain import ChainEvent, ChainRefused, ChainUnavailable, Head
from marketplace.ports.fakes.chain_books import Ask, Books, Said
from marketplace.ports.fakes.chain_moves import Move
from marketplace.ports.fakes.chain_rules import require

START = 1_900_000_000
"""The first block's stamp, in seconds since 1970."""
UNLIMITED = 2**256 - 1
"""An allowance that is never used up."""


@dataclass
class Ledger:
    """Everything that a block can change. Money is in token units, addresses are in lower case.

    The token refuses to move anything to an address in `frozen`.
    """

    books: dict[str, Books] = field(default_factory=dict)
    balances: dict[str, int] = field(default_factory=dict)
    allowances: dict[str, int] = field(default_factory=dict)
    permit_nonces: dict[str, int] = field(default_factory=dict)
    frozen: set[str] = field(default_factory=set)
    said: list[Said] = field(default_factory=list)

    def copy(self) -> "Ledger":
        """Another ledger of the same content; books never change, so both may hold them."""
        return Ledger(
            dict(self.books),
            dict(self.balances),
            dict(self.allowances),
            dict(self.permit_nonces),
            set(self.frozen),
            list(self.said),
        )

    def enter(self, agreement: Agreement, now: int, ask: Ask) -> Move:
        """A call to an agreement that is open on this chain. Raises ChainRefused."""
        found = self.books.get(agreement.id)
        if found is None:
            raise ChainRefused("NotOpened")
        return Move(found, now, ask, self.frozen)

    def leave(self, move: Move) -> None:
        """Keep what a call did."""
        self.books[move.books.id] = move.books
        self.said += move.said
        for address, amount in move.paid:
            self.pay(address, amount)

    def pull(self, owner: str, amount: int) -> None:
        """The factory draws what the owner allowed."""
        if amount == 0:
            return
        owner = owner.lower()
        allowed, owned = self.allowances.get(owner, 0), self.balances.get(owner, 0)
        require(allowed >= amount, "ERC20InsufficientAllowance")
        require(owned >= amount, "ERC20InsufficientBalance")
        if allowed != UNLIMITED:
            self.allowances[owner] = allowed - amount
        self.balances[owner] = owned - amount

    def pay(self, owner: str, amount: int) -> None:
        """Token units arrive at an address."""
        owner = owner.lower()
        require(owner not in self.frozen, "SafeERC20FailedOperation")
        self.balances[owner] = self.balances.get(owner, 0) + amount

    def say(self, identity: str, name: str, **fields: Any) -> None:
        """An event of the factory about an agreement."""
        self.said.append((identity, name, fields))


Change = Callable[[Ledger, int], None]
"""Changes a ledger in a block of that second, or raises ChainRefused."""


class FakeNode:
    """Mines each transaction as it comes, stamped `time` or a second after the block before, whichever is later.

    `is_away` makes it unreachable; `loses_transactions` makes it forget what it is sent, like a node that crashed
    before its next block.
    """

    def __init__(self, digest: Callable[[bytes], str]) -> None:
        self.time = START
        self.is_away = False
        self.loses_transactions = False
        self.ledger = Ledger()
        self.blocks = [Head(0, digest(b"genesis"), START)]
        self.events: list[ChainEvent] = []
        self._digest = digest
        self._stored: dict[str, Change] = {}
        self._mined: set[str] = set()

    @property
    def head(self) -> Head:
        """The newest block. Raises ChainUnavailable."""
        self.require_answer()
        return self.blocks[-1]

    def require_answer(self) -> None:
        """Raises ChainUnavailable while the node is away."""
        if self.is_away:
            raise ChainUnavailable("the node does not answer")

    def mine(self, time: int) -> Head:
        """An empty block stamped `time`, unless the head is as late already."""
        self.time = max(self.time, time)
        if self.blocks[-1].timestamp < time:
            self._append("", [])
        return self.blocks[-1]

    def submit(self, key: str, change: Change) -> None:
        """Do `change` once under `key`. Raises ChainRefused, leaving no trace, where the next block would refuse it."""
        self.require_answer()
        if key in self._mined:
            return
        if key not in self._stored:
            change(self.ledger.copy(), self._next_stamp())
            self._stored[key] = change
        self._broadcast(key)

    def reconcile(self) -> None:
        """Send again what was lost."""
        self.require_answer()
        for key in list(self._stored):
            self._broadcast(key)

    def transaction_of(self, key: str) -> str:
        """The hash of the transaction under a key."""
        return self._digest(f"transaction {key}".encode())

    def _broadcast(self, key: str) -> None:
        if self.loses_transactions:
            return
        change, after = self._stored.pop(key), self.ledger.copy()
        try:
            change(after, self._next_stamp())
        except ChainRefused:
            # Mined and reverted: only the block is new, and the key is free for another attempt.
            self._append(key, [])
            return
        self._mined.add(key)
        self._append(key, after.said)
        after.said.clear()
        self.ledger = after

    def _append(self, key: str, said: Sequence[Said]) -> None:
        number, stamp = len(self.blocks), self._next_stamp()
        hash_ = self._digest(f"{self.blocks[-1].hash} {number} {stamp} {key}".encode())
        self.blocks.append(Head(number, hash_, stamp))
        self.events += [
            ChainEvent(number, hash_, index, self.transaction_of(key), identity, name, fields)
            for index, (identity, name, fields) in enumerate(said)
        ]

    def _next_stamp(self) -> int:
        return max(self.blocks[-1].timestamp + 1, self.time)
