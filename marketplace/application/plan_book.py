"""What this process knows of each manufacturer's calendars and deliveries; the plan's version keeps it fresh.

One row is read for a quote. Only where the version has moved are the changes since then read, and put into the shop
that is at hand; only when there are a tenth more deliveries than were learned from is it learned anew.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from marketplace.application.memo import Memo
from marketplace.domain.product import Template
from marketplace.planning.calendar import WEEK, Calendar
from marketplace.planning.distribution import DAY, Duration
from marketplace.planning.lead_time import LONGEST_MINUTES, WINDOW, Made
from marketplace.planning.machines import machines_of
from marketplace.planning.one_off import OneOff
from marketplace.planning.promise import BEFORE_ANY, Delivered, Plan, Promises, learn_promises
from marketplace.planning.quotation import Lesson, Moment, Quotation
from marketplace.planning.schedule import Machine, Schedule, Shop, Slot
from marketplace.ports.plans import EPOCH_DAY, Hold, Learned
from marketplace.ports.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Capacity:
    """A manufacturer's shop at a moment. Minutes of the shop begin with `origin`, a Monday, counted in plan minutes."""

    organisation_id: str
    version: int
    lessons: int
    origin: int
    shop: Shop
    promises: Promises

    def moment(self, now: datetime) -> Moment:
        """Now, in minutes of the shop."""
        return Moment(now.astimezone(UTC).date(), plan_minute(now) - self.origin)

    def hold(self, order_id: str, schedule: Schedule, expires: datetime) -> Hold:
        """A schedule of this shop as it is stored."""
        slots = tuple(
            (slot.machine, slot.start + self.origin, slot.end + self.origin, slot.minutes) for slot in schedule.slots
        )
        return Hold(order_id, slots, plan_minute(expires))


def plan_minute(at: datetime) -> int:
    """The minute of the plan in which an instant lies."""
    return int(at.timestamp()) // 60 - EPOCH_DAY * DAY


class PlanBook:
    """The shops that this process has at hand."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Capacity] = {}
        self._quotations: Memo[Hashable, Quotation] = Memo()

    async def of(
        self, uow: UnitOfWork, catalogue: Mapping[str, Template], maker: tuple[str, str], now: datetime
    ) -> Capacity:
        """The capacity of a manufacturer (id and name) as it is stored now. Raises StoreUnavailable."""
        organisation_id, name = maker
        async with uow.glance() as tx:
            state = await tx.plans.state(organisation_id)
        known, origin = self._known.get(maker), plan_minute(now) // WEEK * WEEK
        if known is None or known.origin != origin or known.version > state.version:
            machines = machines_of(one for one in catalogue.values() if one.manufacturer == name)
            known = Capacity(organisation_id, 0, 0, origin, Shop(machines, {}), BEFORE_ANY)
        if known.version != state.version or _due(known.lessons, state.lessons):
            known = await self._refreshed(uow, known)
        shop = known.shop.at(plan_minute(now) - origin)
        self._known[maker] = known = replace(known, shop=shop)
        return known

    def quotation(self, capacity: Capacity, minute: int, asked: Hashable, work: Callable[[], Quotation]) -> Quotation:
        """What `work` gives, or has given for the same question of the same minute and version of the plan.

        Raises what `work` raises.
        """
        key = (capacity.organisation_id, capacity.version, capacity.lessons, minute, asked)
        return self._quotations.of(key, work)

    async def _refreshed(self, uow: UnitOfWork, known: Capacity) -> Capacity:
        async with uow.read() as tx:
            state = await tx.plans.state(known.organisation_id)
            changes = await tx.plans.changes(known.organisation_id, known.version)
            anew = _due(known.lessons, state.lessons)
            history = await tx.plans.learned(known.organisation_id, WINDOW) if anew else []
        shop = await asyncio.to_thread(changed, known.shop, changes, known.origin)
        lessons, promises = known.lessons, known.promises
        if anew:
            lessons, promises = state.lessons, await asyncio.to_thread(_taught, history)
        return replace(known, version=state.version, lessons=lessons, shop=shop, promises=promises)


def _due(learned: int, there: int) -> bool:
    """Whether there is a tenth more to learn from."""
    return there * 10 >= learned * 11 + 1


def changed(shop: Shop, changes: Sequence[Hold], origin: int) -> Shop:
    """The shop with these orders' holds instead of those that they had; into an empty one all are put at once."""
    holds = [hold for hold in changes if hold.slots and hold.slots[-1][2] > origin]
    if any(machine.calendar.holders for machine in shop.machines.values()):
        shop = shop.release(frozenset(hold.order_id for hold in changes))
        try:
            for hold in holds:
                expires = None if hold.expires is None else hold.expires - origin
                shop = shop.hold(Schedule(_slots(shop, hold, origin), 0), hold.order_id, expires)
        except ValueError:  # shifts were shortened in the template: what was held no longer fits side by side
            return _filled(shop, holds, origin)
        return shop
    return _filled(shop, holds, origin)


def _slots(shop: Shop, hold: Hold, origin: int) -> tuple[Slot, ...]:
    return tuple(
        Slot(machine, start - origin, end - origin, minutes)
        for machine, start, end, minutes in hold.slots
        if machine in shop.machines
    )


def _filled(shop: Shop, holds: Sequence[Hold], origin: int) -> Shop:
    """All holds at once. Where two overlap, as after a change of shifts, the later begins when the other ends."""
    taken: dict[str, list[tuple[int, int, str]]] = {
        name: list(zip(one.calendar.starts, one.calendar.ends, one.calendar.holders, strict=True))
        for name, one in shop.machines.items()
    }
    for hold in holds:
        for slot in _slots(shop, hold, origin):
            first = shop.machines[slot.machine].calendar.shifts.opened(slot.start)
            taken[slot.machine].append((first, first + slot.minutes, hold.order_id))
    machines = {name: replace(one, calendar=_calendar(one, sorted(taken[name]))) for name, one in shop.machines.items()}
    expiries = [(hold.expires - origin, hold.order_id) for hold in holds if hold.expires is not None]
    return Shop(machines, shop.transport, tuple(sorted({*shop.expiries, *expiries})))


def _calendar(machine: Machine, taken: Iterable[tuple[int, int, str]]) -> Calendar:
    starts, ends, holders, free = [], [], [], None
    for start, end, holder in taken:
        begins = start if free is None else max(start, free)
        if begins < end:
            starts.append(begins)
            ends.append(end)
            holders.append(holder)
            free = end
    return Calendar(machine.calendar.shifts, tuple(starts), tuple(ends), tuple(holders))


def lesson_document(lesson: Lesson, promised: int) -> dict[str, Any]:
    """A lesson as plain values; `promised` is the minute in which it was quoted."""
    return {"version": 1, "promised": promised, "plan": asdict(lesson.plan), "job": asdict(lesson.job)}


def _taught(history: Sequence[Learned]) -> Promises:
    found = [one for one in (_delivered(learned, number) for number, learned in enumerate(history)) if one]
    return learn_promises(found)


def _delivered(learned: Learned, number: int) -> Delivered | None:
    """What was stored, or None where it cannot be read any more: a lesson is worth no failed quote."""
    plan, job = learned.lesson.get("plan", {}), learned.lesson.get("job", {})
    try:
        parts: Mapping[str, tuple[Duration, ...]] = {
            name: tuple(Duration(**one) for one in plan[name]) for name in ("supplies", "after")
        }
        surroundings = Plan(plan["start"], parts["supplies"], plan["elapsed_bps"], parts["after"])
        minutes = max(1, min(LONGEST_MINUTES, learned.worked * 10_000 // surroundings.elapsed_bps))
        return Delivered(surroundings, Made(OneOff(**job), minutes, number), learned.taken)
    except (KeyError, TypeError, ValueError):
        return None
