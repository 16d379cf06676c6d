"""The fake chain's money and blocks: each change is made to a copy of the ledger, and counts if nothing refused it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from marketplace.domain.agreement import Agreement
from marketplace.ports.chain import ChainDistrusted, ChainEvent, ChainRefused, ChainUnavailable, Head
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
    before its next block. `reorganise` and `roll_back` take blocks away: their transactions come back when they
    are sent again, as `reconcile` does, and the money is as it was before them. `why_not` makes every answer
    distrusted, `is_poor` empties the account that pays for gas.
    """

    def __init__(self, digest: Callable[[bytes], str]) -> None:
        self.time = START
        self.is_away = False
        self.is_poor = False
        self.loses_transactions = False
        self.why_not: str | None = None
        self.ledger = Ledger()
        self.blocks = [Head(0, digest(b"genesis"), START)]
        self.events: list[ChainEvent] = []
        self._digest = digest
        self._stored: dict[str, Change] = {}
        self._mined: dict[str, tuple[int, Change]] = {}
        self._ledgers = [self.ledger]
        self._branch = 0

    @property
    def head(self) -> Head:
        """The newest block. Raises ChainUnavailable."""
        self.require_answer()
        return self.blocks[-1]

    def require_answer(self) -> None:
        """Raises ChainUnavailable while the node is away."""
        if self.is_away:
            raise ChainUnavailable("the node does not answer")
        if self.why_not is not None:
            raise ChainDistrusted(self.why_not)

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

    def forget_keys(self) -> None:
        """What was sent under which key is forgotten, as where the sender's database came back from a backup."""
        self._mined.clear()
        self._stored.clear()

    def roll_back(self, depth: int) -> None:
        """The newest `depth` blocks are gone, and the chain is shorter."""
        height = len(self.blocks) - depth
        if not 0 < height <= len(self.blocks):
            raise ValueError(f"no {depth} blocks can be taken from {len(self.blocks)}")
        del self.blocks[height:], self._ledgers[height:]
        self.ledger = self._ledgers[-1]
        self.events = [event for event in self.events if event.block < height]
        for key in [key for key, (number, _) in self._mined.items() if number >= height]:
            _, self._stored[key] = self._mined.pop(key)
        self._branch += 1

    def reorganise(self, depth: int, length: int | None = None) -> None:
        """`length` empty blocks, else as many as go, take the place of the newest `depth` ones, at their times."""
        stamps = [block.timestamp for block in self.blocks[len(self.blocks) - depth :]]
        self.roll_back(depth)
        for index in range(depth if length is None else length):
            self._append("", [], stamps[index] if index < depth else self.blocks[-1].timestamp)

    @property
    def waiting(self) -> int:
        """How many transactions are stored and not mined."""
        return len(self._stored)

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
        self.ledger = after
        self._mined[key] = len(self.blocks), change
        self._append(key, after.said)
        after.said.clear()

    def _append(self, key: str, said: Sequence[Said], at: int = 0) -> None:
        number, stamp = len(self.blocks), max(at, self.blocks[-1].timestamp + 1) if at else self._next_stamp()
        hash_ = self._digest(f"{self.blocks[-1].hash} {number} {stamp} {key} {self._branch}".encode())
        self.blocks.append(Head(number, hash_, stamp))
        self._ledgers.append(self.ledger)
        self.events += [
            ChainEvent(number, hash_, index, self.transaction_of(key), identity, name, fields)
            for index, (identity, name, fields) in enumerate(said)
        ]

    def _next_stamp(self) -> int:
        return max(self.blocks[-1].timestamp + 1, self.time)
