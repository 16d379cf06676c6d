"""The outbox: effects waiting for a relay. A claim is a lease: `due` moves ahead, and a dead relay's effect returns.

Each claim has a number, and the row takes a word only from the last one: a relay that slept through its lease, and
wakes after another one has claimed the effect, changes nothing (a fencing token).
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, bindparam, exists, func, not_, or_, select, update

from marketplace.domain.effects import ALONGSIDE, HELD_AFTER_RESTORE, ON_CHAIN, Effect, EffectKind
from marketplace.persistence.late import Connection, Row, postponed
from marketplace.persistence.statements import insert_missing
from marketplace.persistence.tables import agreements as _agreements
from marketplace.persistence.tables import chain_cursor, order_freezes, outbox, restores
from marketplace.persistence.tables import orders as _orders
from marketplace.ports import activity
from marketplace.ports.outbox import SUSPECT_AFTER, SUSPECTS_WAIT
from marketplace.ports.unit_of_work import StoredEffect

ANSWERED = "the chain says that it has happened"
"""Why a held effect is done."""


class SqlOutbox:
    """Effects to be done, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._held: str | None = None
        self.added: list[int] = []
        """Ids of the effects that this transaction added and that may be done at once."""

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
                **self._status(effect),
                "attempts": 0,
                "lease": 0,
                "created_at": now,
                "trace": activity.trace.get(),
            }
            for effect in effects
        ]
        if not postponed(self._connection, outbox, rows):
            _, due = await write_effects(self._connection, rows)
            self.added += due

    def hold(self, reason: str) -> None:
        """What this transaction adds from now on, and an operator must let go after a restore, is added as held."""
        self._held = reason

    def _status(self, effect: Effect) -> dict[str, str | None]:
        if self._held is not None and effect.kind in HELD_AFTER_RESTORE:
            return {"status": "held", "reason": self._held}
        return {"status": "waiting", "reason": None}

    async def answered(
        self, kind: EffectKind, orders: Collection[str], agreements: Collection[str], at: datetime
    ) -> int:
        """Held effects of this kind have happened, unless order or agreement stand in one of these statuses."""
        conditions = [outbox.c.status == "held", outbox.c.kind == kind]
        if orders:
            conditions.append(outbox.c.order_id.not_in(select(_orders.c.id).where(_orders.c.status.in_(orders))))
        if agreements:
            conditions.append(
                outbox.c.subject.not_in(select(_agreements.c.id).where(_agreements.c.status.in_(agreements)))
            )
        noted = update(outbox).where(*conditions).values(status="done", finished_at=at, reason=ANSWERED)
        return (await self._connection.execute(noted)).rowcount

    async def held(self) -> int:
        """How many wait for an operator's word."""
        wanted = select(func.count()).select_from(outbox).where(outbox.c.status == "held")
        return int(await self._connection.scalar(wanted) or 0)

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
        """Due effects, oldest first, leased for `lease_s` seconds; what another relay is claiming is passed by."""
        asked: dict[str, Any] = {"now": now, "until": now + timedelta(seconds=lease_s), "most": limit, "busy": [*busy]}
        if not suspects:
            asked["long_due"] = now - SUSPECTS_WAIT
        if only is not None:
            asked["only"] = [*only]
        rows = (await self._connection.execute(_claim(suspects, only is not None), asked)).mappings().all()
        return [_stored(row) for row in sorted(rows, key=_age)]

    async def holds(self, effect_id: int, lease: int) -> bool:
        """Whether the claim is still good; nobody can take it before the end of a transaction that writes."""
        return await self._connection.scalar(_HOLDS, {"effect": effect_id, "claim": lease}) is not None

    async def done(self, effect_id: int, lease: int, now: datetime) -> bool:
        """Never claim it again."""
        return await self._note(_NOTED, effect_id, lease, status="done", finished_at=now, reason=None)

    async def retry(self, effect_id: int, lease: int, due: datetime, reason: str) -> bool:
        """Claim it again from `due` on."""
        return await self._note(_NOTED, effect_id, lease, due=due, reason=reason)

    async def wait(self, effect_id: int, lease: int, due: datetime, reason: str) -> bool:
        """Claim it again from `due` on, and count no attempt."""
        return await self._note(_NOT_COUNTED, effect_id, lease, due=due, reason=reason)

    async def park(self, effect_id: int, lease: int, reason: str, now: datetime) -> bool:
        """Set it aside for an operator."""
        return await self._note(_NOTED, effect_id, lease, status="parked", finished_at=now, reason=reason)

    async def next_due(self) -> datetime | None:
        """When the next effect, or the next lease, becomes due; what must wait for something else does not count."""
        due: datetime | None = await self._connection.scalar(_NEXT_DUE)
        return due

    async def _note(self, noted: Update, effect_id: int, lease: int, **values: Any) -> bool:
        claim = {"effect": effect_id, "claim": lease}
        return (await self._connection.execute(noted, claim | values)).rowcount == 1


async def write_effects(connection: Connection, rows: Sequence[Row]) -> tuple[int, Sequence[int]]:
    """Insert what is not there; gives how many were new, and the ids of those that may be done at once."""
    columns = outbox.c
    new = await insert_missing(connection, outbox, rows, columns.id, columns.due, columns.created_at)
    return len(new), [effect_id for effect_id, due, created_at in new if due <= created_at]


def _may_go() -> ColumnElement[bool]:
    """What a relay may do now or later. Effects of a frozen order wait until it is thawed, transactions wait while the
    chain's node is not believed: by whichever process, it holds for all. After a restore nothing goes before the chain
    has been read to what was its end: what is older may have happened already."""
    frozen = select(order_freezes.c.order_id).where(order_freezes.c.thawed_at.is_(None))
    distrusted = exists().where(chain_cursor.c.distrust.is_not(None))
    catching_up = exists().where(restores.c.caught_up_at.is_(None))
    may_send = or_(outbox.c.kind.not_in(ON_CHAIN), not_(distrusted))
    return and_(outbox.c.status == "waiting", outbox.c.order_id.not_in(frozen), may_send, not_(catching_up))


@cache
def _claim(suspects: bool, named: bool) -> Update:
    """Lease what is due, or of it what is `named`: made once for all claims."""
    suspect = and_(outbox.c.attempts >= SUSPECT_AFTER, outbox.c.reason.is_(None))
    may_be_done = suspect if suspects else or_(not_(suspect), outbox.c.due <= bindparam("long_due"))
    busy = outbox.c.order_id.in_(bindparam("busy", expanding=True))
    conditions = [_may_go(), outbox.c.due <= bindparam("now"), or_(not_(busy), outbox.c.kind.in_(ALONGSIDE))]
    if named:
        conditions.append(outbox.c.id.in_(bindparam("only", expanding=True)))
    wanted = (
        select(outbox.c.id)
        .where(*conditions, may_be_done)
        .order_by(outbox.c.due, outbox.c.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .cte("wanted")  # with its lock PostgreSQL evaluates it once: a join could do so again, and claim more
    )
    more = {"attempts": outbox.c.attempts + 1, "lease": outbox.c.lease + 1}
    leased = update(outbox).where(outbox.c.id.in_(select(wanted.c.id)))
    return leased.values(due=bindparam("until"), **more).returning(outbox)


_CLAIMED = and_(outbox.c.id == bindparam("effect"), outbox.c.lease == bindparam("claim"), outbox.c.status == "waiting")
"""The claim's row, unless somebody has claimed the effect since or it has come to an end."""

_HOLDS = select(outbox.c.id).where(_CLAIMED, _may_go()).with_for_update(of=outbox)
_NOTED = update(outbox).where(_CLAIMED)
_NOT_COUNTED = _NOTED.values(attempts=outbox.c.attempts - 1)
_NEXT_DUE = select(func.min(outbox.c.due)).where(_may_go())


def _age(row: Any) -> tuple[datetime, int]:
    return row["not_before"] or row["created_at"], row["id"]


def _stored(row: Any) -> StoredEffect:
    effect = Effect(EffectKind(row["kind"]), row["key"], row["subject"], row["detail"], row["not_before"])
    return StoredEffect(row["id"], row["order_id"], effect, row["attempts"], row["lease"], row["reason"], row["trace"])
