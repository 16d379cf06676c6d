"""Questions to a chain that may fork while they are asked: one branch's events, and where two branches part."""

from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.application.context import Context
from marketplace.ports.chain import ChainEvent, ChainUnavailable, Head
from marketplace.ports.chain_cursor import Mark, ReadingState


class BranchChanged(ChainUnavailable):
    """The chain forked between two questions: the answers do not belong together, so ask again."""


@dataclass(frozen=True, slots=True)
class Window:
    """The events of the blocks after `before` up to `end`, all of one branch."""

    before: Mark | None
    end: Mark
    events: Sequence[ChainEvent]

    @property
    def marks(self) -> Sequence[Mark]:
        """The blocks that are worth remembering: those that speak, and the last. Between them nothing can be lost."""
        spoken = {event.block: event.block_hash for event in self.events} | {self.end.number: self.end.hash}
        return [Mark(number, spoken[number]) for number in sorted(spoken)]


async def read_window(ctx: Context, before: Mark | None, first: int, last: int, head: Head) -> Window:
    """The events of blocks `first` to `last`, which follow `before`. Raises ChainUnavailable, BranchChanged.

    A block's hash commits to everything below it. So the last block is asked for on both sides of the events, and the
    one before the window after them: had the chain changed its branch in between, one of them would be another.
    """
    end = head.hash if last == head.number else await ctx.chain.block_hash(last)
    if end is None:
        raise BranchChanged(f"block {last} is gone")
    events = await ctx.chain.events(first, last)
    if await ctx.chain.block_hash(last) != end:
        raise BranchChanged(f"block {last} changed while it was read")
    if before is not None and await ctx.chain.block_hash(before.number) != before.hash:
        raise BranchChanged(f"block {before.number} changed while those above it were read")
    return Window(before, Mark(last, end), events)


async def has_forked(ctx: Context, state: ReadingState, head: Head) -> bool:
    """Whether the last block that was read is no longer there; a chain shorter than that has forked too."""
    if state.read is None:
        return False
    if head.number < state.read.number:
        return True
    there = head.hash if head.number == state.read.number else await ctx.chain.block_hash(state.read.number)
    return there != state.read.hash


async def common_ancestor(ctx: Context, ring: Sequence[Mark], head: Head) -> Mark | None:
    """The highest block of `ring` (the highest first) that the chain still has, or None."""
    low, high = 0, len(ring)
    while low < high:
        middle = (low + high) // 2
        mark = ring[middle]
        if mark.number <= head.number and await ctx.chain.block_hash(mark.number) == mark.hash:
            high = middle
        else:
            low = middle + 1
    return ring[low] if low < len(ring) else None
