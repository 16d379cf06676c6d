"""Effects waiting to be done, as the relay is given them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from marketplace.domain.effects import Effect, EffectKind

SUSPECT_AFTER = 3
"""An effect that so many relays have taken without a word is suspect: perhaps they died of it."""
SUSPECTS_WAIT = timedelta(minutes=5)
"""A suspect is done while nothing else is, or after so long."""


@dataclass(frozen=True, slots=True)
class StoredEffect:
    """An outbox row, claimed by one relay until its lease runs out.

    `lease` is the number of this claim, a fencing token: the outbox takes nothing under an older one. `attempts` counts
    the claims since the effect was asked for, or released; `reason` is why the last one came to nothing, if it said so;
    `trace` is the W3C traceparent under which it was asked for.
    """

    id: int
    order_id: str
    effect: Effect
    attempts: int
    lease: int
    reason: str | None = None
    trace: str | None = None


class Outbox(Protocol):
    """Effects to be done.

    What is said of a claim (`done`, `retry`, `wait`, `park`) counts only while nobody has claimed the effect since;
    else the answer is False and nothing has changed.
    """

    async def add(self, order_id: str, effects: Sequence[Effect], now: datetime) -> None:
        """Insert; an effect whose (order, kind, key) is there already stays as it is."""
        ...

    def hold(self, reason: str) -> None:
        """What this transaction adds from now on, and an operator must let go after a restore, is added as held."""
        ...

    async def answered(
        self, kind: EffectKind, orders: Collection[str], agreements: Collection[str], at: datetime
    ) -> int:
        """Held effects of this kind have happened, unless order or agreement stand in one of these statuses.

        No statuses at all ask nothing. Gives how many.
        """
        ...

    async def held(self) -> int:
        """How many wait for an operator's word."""
        ...

    async def claim(
        self,
        now: datetime,
        lease_s: float,
        limit: int,
        busy: Collection[str] = (),
        *,
        suspects: bool = False,
        only: Collection[int] | None = None,
    ) -> Sequence[StoredEffect]:
        """At most `limit` due effects, leased to the caller for `lease_s` seconds.

        Of the orders in `busy` only those that may be done alongside another one. Suspects, and nothing else, for a
        caller who asks for them. With `only`, none but these.
        """
        ...

    async def holds(self, effect_id: int, lease: int) -> bool:
        """Whether the claim is still good; nobody can take it before the end of a transaction that writes."""
        ...

    async def done(self, effect_id: int, lease: int, now: datetime) -> bool:
        """Never claim it again."""
        ...

    async def retry(self, effect_id: int, lease: int, due: datetime, reason: str) -> bool:
        """It failed: claim it again from `due` on."""
        ...

    async def wait(self, effect_id: int, lease: int, due: datetime, reason: str) -> bool:
        """It was not tried: claim it again from `due` on, and count no attempt."""
        ...

    async def park(self, effect_id: int, lease: int, reason: str, now: datetime) -> bool:
        """Set it aside for an operator."""
        ...

    async def next_due(self) -> datetime | None:
        """When the next effect, or the next lease, becomes due, or None."""
        ...
