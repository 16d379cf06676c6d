"""The outbox: effects waiting for a relay. A claim is a lease: `due` moves ahead, and a dead relay's effect returns."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Update, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.domain.effects import Effect, EffectKind
from marketplace.persistence.statements import insert_missing
from marketplace.persistence.tables import outbox
from marketplace.ports.unit_of_work import StoredEffect


class SqlOutbox:
    """Effects to be done, in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, order_id: str, effects: Sequence[Effect], now: datetime) -> None:
        """Insert; an effect whose (order, kind, key) is there already stays as it is."""
        rows = [
            {
                "order_id": order_id,
                "kind": effect.kind.value,
                "key": effect.key,
                "subject": effect.subject,
                "detail": effect.detail,
                "not_before": effect.due,
                "due": effect.due or now,
                "status": "waiting",
                "attempts": 0,
            }
            for effect in effects
        ]
        await insert_missing(self._connection, outbox, rows)

    async def claim(self, now: datetime, lease_s: float, limit: int) -> Sequence[StoredEffect]:
        """Due effects, oldest first, leased for `lease_s` seconds; what another relay is claiming is passed by."""
        due = (
            select(outbox.c.id)
            .where(outbox.c.status == "waiting", outbox.c.due <= now)
            .order_by(outbox.c.due, outbox.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        ids = (await self._connection.scalars(due)).all()
        if not ids:
            return []
        leased = (
            update(outbox)
            .where(outbox.c.id.in_(ids))
            .values(due=now + timedelta(seconds=lease_s), attempts=outbox.c.attempts + 1)
        )
        await self._connection.execute(leased)
        rows = (await self._connection.execute(select(outbox).where(outbox.c.id.in_(ids)))).mappings()
        claimed = {row["id"]: _stored(row) for row in rows}
        return [claimed[effect_id] for effect_id in ids]

    async def done(self, effect_id: int, now: datetime) -> None:
        """Never claim it again."""
        await self._connection.execute(_waiting(effect_id).values(status="done", finished_at=now, reason=None))

    async def retry(self, effect_id: int, due: datetime, reason: str) -> None:
        """Claim it again from `due` on; an effect that is done or parked stays so."""
        await self._connection.execute(_waiting(effect_id).values(due=due, reason=reason))

    async def park(self, effect_id: int, reason: str, now: datetime) -> None:
        """Set it aside for an operator; an effect that is done stays so."""
        await self._connection.execute(_waiting(effect_id).values(status="parked", finished_at=now, reason=reason))

    async def next_due(self) -> datetime | None:
        """When the next effect, or the next lease, becomes due."""
        due: datetime | None = await self._connection.scalar(
            select(func.min(outbox.c.due)).where(outbox.c.status == "waiting")
        )
        return due


def _waiting(effect_id: int) -> Update:
    return update(outbox).where(outbox.c.id == effect_id, outbox.c.status == "waiting")


def _stored(row: Any) -> StoredEffect:
    effect = Effect(EffectKind(row["kind"]), row["key"], row["subject"], row["detail"], row["not_before"])
    return StoredEffect(row["id"], row["order_id"], effect, row["attempts"])
