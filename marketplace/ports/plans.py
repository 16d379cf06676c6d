"""The store of plans: which slots of a manufacturer's machines are held for which orders, and what came of them.

Every change of a manufacturer's plan raises its version. Whoever holds slots names the version that it has looked at:
of two that look at the same free slot, one is told to look again (compare-and-swap).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

EPOCH_DAY = 4
"""Minutes of a plan are counted from Monday 1970-01-05, 00:00 UTC: four days after Unix time began."""

Slot = tuple[str, int, int, int]
"""A machine, the minutes of begin and end, and how many of them are open."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Slots held for an order: until minute `expires`, or for good. None are left once it was released."""

    order_id: str
    slots: tuple[Slot, ...]
    expires: int | None = None


@dataclass(frozen=True, slots=True)
class PlanState:
    """Which version a plan has, and how many deliveries there are to learn from."""

    version: int = 0
    lessons: int = 0


@dataclass(frozen=True, slots=True)
class Learned:
    """How an order looked when it was quoted, the minutes of its own work, and the minutes until it was delivered."""

    lesson: Mapping[str, Any]
    worked: int
    taken: int


class Plans(Protocol):
    """Plans by manufacturer."""

    async def state(self, organisation_id: str) -> PlanState:
        """The version; 0 before the first hold."""
        ...

    async def changes(self, organisation_id: str, after: int) -> Sequence[Hold]:
        """What was held or released since version `after`: each order as it is now, oldest change first."""
        ...

    async def hold(self, organisation_id: str, hold: Hold, lesson: Mapping[str, Any], *, seen: int) -> None:
        """Hold an order's slots, instead of those it had. Raises Conflict where the plan is not at version `seen`."""
        ...

    async def confirm(self, order_id: str, now: int) -> bool:
        """Keep an order's slots for good; False, and they are released, where the hold has expired by minute `now`."""
        ...

    async def release(self, order_id: str) -> None:
        """Give an order's slots back; nothing where it has none."""
        ...

    async def learn(self, order_id: str, now: int, worked: int | None) -> None:
        """An order that was planned is delivered in minute `now`, after `worked` minutes of its own work, if known."""
        ...

    async def learned(self, organisation_id: str, limit: int) -> Sequence[Learned]:
        """The latest deliveries, oldest first."""
        ...
