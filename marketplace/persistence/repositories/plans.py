"""Plans: one version row for each manufacturer, one row for each order's latest hold."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, select, update

from marketplace.domain.errors import Conflict
from marketplace.persistence.late import Connection, ask
from marketplace.persistence.statements import insert_once, upsert
from marketplace.persistence.tables import plan_holds, plans
from marketplace.ports.plans import Hold, Learned, PlanState

_OF, _AT = plans.c, plan_holds.c
_STATES = select(_OF.organisation_id, _OF.version, _OF.lessons).where(
    _OF.organisation_id.in_(bindparam("ids", expanding=True))
)
_OF_IT = _OF.organisation_id == bindparam("of")
_CHANGES = (
    select(_AT.order_id, _AT.slots, _AT.expires)
    .where(_AT.organisation_id == bindparam("of"), _AT.version > bindparam("after"))
    .order_by(_AT.version)
)
_SWAP = update(plans).where(_OF_IT, _OF.version == bindparam("seen"))
_LESSON = select(_AT.organisation_id, _AT.promised, _AT.taken).where(_AT.order_id == bindparam("order"))
_COUNTED = update(plans).where(_OF_IT).values(lessons=_OF.lessons + 1)
_HELD = select(_AT.organisation_id, _AT.expires, _AT.slots).where(_AT.order_id == bindparam("order"))
_RAISED = update(plans).where(_OF_IT).values(version=_OF.version + 1).returning(_OF.version)
_HOLD = update(plan_holds).where(_AT.order_id == bindparam("order"))


class SqlPlans:
    """Plans in one transaction. The version row is written first: who writes it last has seen all of the others."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def state(self, organisation_id: str) -> PlanState:
        """Version and lessons."""
        return await ask(self._connection, _states, organisation_id)

    async def changes(self, organisation_id: str, after: int) -> Sequence[Hold]:
        """Each order as it is now."""
        rows = (await self._connection.execute(_CHANGES, {"of": organisation_id, "after": after})).all()
        return [Hold(row.order_id, tuple((one[0], *one[1:]) for one in row.slots), row.expires) for row in rows]

    async def hold(self, organisation_id: str, hold: Hold, lesson: Mapping[str, Any], *, seen: int) -> None:
        """Compare and swap. Raises Conflict."""
        if seen == 0:
            row = {"organisation_id": organisation_id, "version": 1, "lessons": 0}
            swapped = await insert_once(self._connection, plans, row)
        else:
            swap = {"of": organisation_id, "seen": seen, "version": seen + 1}
            swapped = (await self._connection.execute(_SWAP, swap)).rowcount == 1
        if not swapped:
            raise Conflict(f"the plan of {organisation_id} has changed since version {seen}; look at it again")
        row = {
            "order_id": hold.order_id,
            "organisation_id": organisation_id,
            "version": seen + 1,
            "slots": [list(slot) for slot in hold.slots],
            "expires": hold.expires,
            "lesson": dict(lesson),
            "promised": lesson["promised"],
            "worked": None,
            "taken": None,
        }
        await upsert(self._connection, plan_holds, row, "order_id")

    async def confirm(self, order_id: str, now: int) -> bool:
        """For good."""
        row = await self._held(order_id)
        if row is None:
            return False
        if row.expires is not None and row.expires <= now:
            await self.release(order_id)
            return False
        if row.expires is not None:
            await self._change(order_id, row.organisation_id, expires=None)
        return True

    async def release(self, order_id: str) -> None:
        """Slots are given back."""
        row = await self._held(order_id)
        if row is not None:
            await self._change(order_id, row.organisation_id, slots=[], expires=None)

    async def learn(self, order_id: str, now: int, worked: int | None) -> None:
        """Once for each order."""
        row = (await self._connection.execute(_LESSON, {"order": order_id})).first()
        if row is None or row.taken is not None or worked is None or now <= row.promised:
            return
        await self._connection.execute(_COUNTED, {"of": row.organisation_id})
        told = {"order": order_id, "worked": max(1, worked), "taken": now - row.promised}
        await self._connection.execute(_HOLD, told)

    async def learned(self, organisation_id: str, limit: int) -> Sequence[Learned]:
        """The latest of them."""
        mine = (_AT.organisation_id == organisation_id) & _AT.taken.is_not(None)
        newest = select(_AT.lesson, _AT.worked, _AT.taken).where(mine).order_by(_AT.version.desc()).limit(limit)
        rows = (await self._connection.execute(newest)).all()
        return [Learned(row.lesson, row.worked, row.taken) for row in reversed(rows)]

    async def _held(self, order_id: str) -> Any:
        """Organisation and expiry of an order that has slots, or None."""
        row = (await self._connection.execute(_HELD, {"order": order_id})).first()
        return row if row is not None and row.slots else None

    async def _change(self, order_id: str, organisation_id: str, **values: Any) -> None:
        version = await self._connection.scalar(_RAISED, {"of": organisation_id})
        await self._connection.execute(_HOLD, {"order": order_id, "version": version, **values})


async def _states(connection: Connection, ids: Sequence[str]) -> Sequence[PlanState]:
    """The plan of each organisation."""
    rows = (await connection.execute(_STATES, {"ids": list(ids)})).all()
    found = {row.organisation_id: PlanState(row.version, row.lessons) for row in rows}
    return [found.get(one, PlanState()) for one in ids]
