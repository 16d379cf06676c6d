"""What is remembered of reading the chain: how far, by which blocks, what was said, and whose order is frozen."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from marketplace.ports.chain import ChainEvent


@dataclass(frozen=True, slots=True)
class Mark:
    """A block by number and hash."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class ReadingState:
    """How far the chain is known; everything is None before the first reading.

    `read` is the last block that was read, `final` the last whose events count. `head_number` and `head_at` (seconds)
    are the chain's own head at the last reading, `genesis` the hash of block 0 to which this database belongs, and
    `distrust` says why the node is not believed just now.
    """

    read: Mark | None = None
    final: Mark | None = None
    head_number: int | None = None
    head_at: int | None = None
    genesis: str | None = None
    distrust: str | None = None


@dataclass(frozen=True, slots=True)
class RememberedEvent:
    """A chain event as it was read. `applied`: it has had its effect. `orphaned`: a fork took it away afterwards."""

    block: int
    block_hash: str
    log_index: int
    transaction: str
    agreement_id: str
    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    applied: bool = False
    orphaned: bool = False

    @property
    def event(self) -> ChainEvent:
        """As the chain said it."""
        place = self.block, self.block_hash, self.log_index, self.transaction
        return ChainEvent(*place, self.agreement_id, self.name, self.fields)

    def says_the_same(self, other: "RememberedEvent") -> bool:
        """Whether both say the same of the same agreement, wherever they stand."""
        mine = self.agreement_id, self.name, dict(self.fields)
        return mine == (other.agreement_id, other.name, dict(other.fields))


@dataclass(frozen=True, slots=True)
class Freeze:
    """An order on which nothing happens by itself until it is thawed: the chain took back, from `block` on, what we
    had taken for final. `at` is the wall clock's."""

    order_id: str
    block: int
    reason: str
    at: datetime
    thawed_at: datetime | None = None


class ChainCursor(Protocol):
    """How far the chain was read, the ring of block hashes, and the events that were read."""

    async def get(self) -> ReadingState:
        """The state; a writing transaction keeps other readers of the chain away until its end."""
        ...

    async def peek(self) -> ReadingState:
        """The state, as it is just now; keeps nobody away."""
        ...

    async def save(self, state: ReadingState) -> None:
        """Replace the state."""
        ...

    async def remember(self, marks: Collection[Mark], *, keep_from: int) -> None:
        """Add blocks to the ring and drop those below `keep_from`."""
        ...

    async def ring(self) -> Sequence[Mark]:
        """The blocks that are remembered, the highest first; below the ring those of events, while they are known."""
        ...

    async def add(self, events: Sequence[ChainEvent], *, applied: bool) -> None:
        """Remember events; those that are known already stay as they are."""
        ...

    async def due(self, up_to: int) -> Sequence[RememberedEvent]:
        """Events of blocks up to `up_to` that were not applied yet, in chain order."""
        ...

    async def between(self, first: int, last: int) -> Sequence[RememberedEvent]:
        """The events of blocks `first` to `last` that no fork took away, in chain order."""
        ...

    async def of_agreements(self, agreement_ids: Collection[str]) -> Sequence[RememberedEvent]:
        """Everything that was said of these agreements, orphans included, in chain order."""
        ...

    async def mark_applied(self, events: Collection[RememberedEvent]) -> None:
        """They have had their effect."""
        ...

    async def forget_above(self, number: int) -> Sequence[RememberedEvent]:
        """A fork: drop from ring and events what stands above block `number`.

        Events that were applied stay, as orphans, and are returned.
        """
        ...

    async def back_again(self, events: Sequence[ChainEvent]) -> None:
        """Orphans that stand again where they stood are none."""
        ...

    async def drop(self, events: Collection[RememberedEvent]) -> None:
        """Forget these events."""
        ...


class Freezes(Protocol):
    """Orders whose final events a fork took away."""

    async def open(self) -> Sequence[Freeze]:
        """Those that are frozen now, the oldest first."""
        ...

    async def freeze(self, freeze: Freeze) -> bool:
        """Freeze an order; False if it is frozen already."""
        ...

    async def thaw(self, order_id: str, at: datetime) -> bool:
        """Let it go on; False if it is not frozen."""
        ...
