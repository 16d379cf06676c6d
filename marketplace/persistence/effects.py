"""What an operator sees of the outbox: effects that were set aside, and how to let them go again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from marketplace.persistence.engines import Engines
from marketplace.persistence.failures import translated
from marketplace.persistence.mapping import columns_of, value_of
from marketplace.persistence.tables import outbox


@dataclass(frozen=True, slots=True)
class ParkedEffect:
    """An effect that the relay gave up, and why."""

    id: int
    order_id: str
    kind: str
    key: str
    attempts: int
    reason: str
    finished_at: datetime


_COLUMNS = columns_of(outbox, ParkedEffect)


class ParkedEffects:
    """Effects set aside. Each call is a transaction of its own."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    async def list(self, limit: int) -> Sequence[ParkedEffect]:
        """Oldest first."""
        wanted = select(*_COLUMNS).where(outbox.c.status == "parked").order_by(outbox.c.id).limit(limit)
        with translated():
            async with self._engines.read.begin() as connection:
                return [value_of(ParkedEffect, row) for row in (await connection.execute(wanted)).mappings()]

    async def release(self, effect_id: int, now: datetime) -> bool:
        """Due again at `now`, its attempts counted anew; False if no such effect is parked."""
        parked = update(outbox).where(outbox.c.id == effect_id, outbox.c.status == "parked")
        again = {"status": "waiting", "due": now, "attempts": 0, "finished_at": None}
        with translated():
            async with self._engines.write.begin() as connection:
                return (await connection.execute(parked.values(again))).rowcount == 1
