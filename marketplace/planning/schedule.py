"""Capable to promise: when the machines can do an order, given all they have promised already.

An order is operations one after the other, each with the machines that could do it. Every operation is put into the
earliest gap after the one before and the transport between their factories. What can follow depends on nothing but
where and when a part-way plan ends, and ending earlier is never worse; so the earliest end for each factory is all that
is kept (a beam with one state a factory). Where the beam is as wide as there are factories among the alternatives of an
operation, the result is the earliest there is.

A plan becomes a *hold*: reservations with an expiry. A confirmed hold is kept without one; an expired one is gone.
"""

from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from marketplace.planning.calendar import FURTHEST, Calendar, share_bps

BEAM = 6
"""Part-way plans that are kept: at most one for each factory."""

MOST_OPERATIONS, MOST_ALTERNATIVES = 200, 50
"""Limits of one routing, so that a quote takes bounded time."""


class CannotPlan(Exception):
    """No plan: a machine is not known, or there is no gap within the years that are planned."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it stands, and its time."""

    factory: str
    calendar: Calendar


@dataclass(frozen=True, slots=True)
class Alternative:
    """One machine that could do an operation, and its minutes there."""

    machine: str
    minutes: int


@dataclass(frozen=True, slots=True)
class Routing:
    """What an order needs: operations in order, each a choice; not before `ready`; brought to `destination` at the end.

    Raises ValueError for no operations, too many, or an operation that nobody or nothing can do.
    """

    operations: tuple[tuple[Alternative, ...], ...]
    ready: int = 0
    destination: str = ""

    def __post_init__(self) -> None:
        if not 0 < len(self.operations) <= MOST_OPERATIONS or not 0 <= self.ready <= FURTHEST:
            raise ValueError(f"a routing has 1 to {MOST_OPERATIONS} operations and is ready within ten years")
        for choices in self.operations:
            if not 0 < len(choices) <= MOST_ALTERNATIVES or any(not 0 < one.minutes <= FURTHEST for one in choices):
                raise ValueError(f"an operation has 1 to {MOST_ALTERNATIVES} alternatives of at least a minute")


@dataclass(frozen=True, slots=True)
class Slot:
    """One operation on its machine, from minute `start` to minute `end` of the plan, closed times among them."""

    machine: str
    start: int
    end: int
    minutes: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """A slot for each operation, and the minute of arrival at the destination."""

    slots: tuple[Slot, ...]
    arrival: int

    @property
    def start(self) -> int:
        """When the first operation begins."""
        return self.slots[0].start


@dataclass(frozen=True, slots=True)
class Shop:
    """Machines by name, minutes of transport between two factories (or to a destination), and what is held until when.

    A pair of places without transport is a pair that nothing travels between; within a factory it takes no time.
    """

    machines: Mapping[str, Machine]
    transport: Mapping[tuple[str, str], int]
    expiries: tuple[tuple[int, str], ...] = field(default=())

    def insert(self, routing: Routing, beam: int = BEAM) -> Schedule:
        """The earliest plan of an order; nothing is reserved. Raises CannotPlan."""
        states: list[_State] = [_State(routing.ready, "", None, None)]
        for choices in routing.operations:
            states = self._step(states, choices)[:beam]
        last = min(states, key=lambda state: (state.end + self._way(state.factory, routing.destination), state.factory))
        arrival = last.end + self._way(last.factory, routing.destination)
        if arrival > FURTHEST:
            raise CannotPlan("there is no gap within ten years, or no way to the destination")
        slots: list[Slot] = []
        state: _State | None = last
        while state is not None and state.slot is not None:
            slots.append(state.slot)
            state = state.before
        return Schedule(tuple(reversed(slots)), arrival)

    def _step(self, states: Sequence["_State"], choices: Sequence[Alternative]) -> list["_State"]:
        best: dict[str, _State] = {}
        for choice in choices:
            machine = self.machines.get(choice.machine)
            if machine is None:
                raise CannotPlan(f"no machine {choice.machine}")
            # Who is there first goes first: for one machine only the earliest arrival matters.
            before = min(states, key=lambda state: state.end + self._way(state.factory, machine.factory))
            there = before.end + self._way(before.factory, machine.factory)
            if there > FURTHEST:
                continue
            shifts = machine.calendar.shifts
            start, end = machine.calendar.earliest(shifts.opened(there), choice.minutes)
            found = best.get(machine.factory)
            finished = shifts.ends(end)
            if found is None or finished < found.end:
                slot = Slot(choice.machine, shifts.starts(start), finished, choice.minutes)
                best[machine.factory] = _State(finished, machine.factory, slot, before)
        if not best:
            raise CannotPlan("no way from one operation to the next")
        return sorted(best.values(), key=lambda state: (state.end, state.factory))

    def _way(self, origin: str, goal: str) -> int:
        """Minutes from place to place; where an order begins or needs not be brought, none."""
        return 0 if origin == goal or not origin or not goal else self.transport.get((origin, goal), FURTHEST + 1)

    def hold(self, plan: Schedule, order: str, expires: int | None) -> "Shop":
        """With the plan reserved for `order`, for good or until minute `expires`. Raises ValueError if it is taken."""
        machines = dict(self.machines)
        for slot in plan.slots:
            machine = machines[slot.machine]
            first = machine.calendar.shifts.opened(slot.start)
            machines[slot.machine] = replace(
                machine, calendar=machine.calendar.reserve(first, first + slot.minutes, order)
            )
        expiries = list(self.expiries)
        if expires is not None:
            insort(expiries, (expires, order))
        return Shop(machines, self.transport, tuple(expiries))

    def keep(self, order: str) -> "Shop":
        """With the order's hold kept for good."""
        return replace(self, expiries=tuple(one for one in self.expiries if one[1] != order))

    def release(self, orders: frozenset[str]) -> "Shop":
        """Without the reservations of these orders."""
        machines = {
            name: replace(machine, calendar=machine.calendar.without(orders)) for name, machine in self.machines.items()
        }
        return Shop(machines, self.transport, tuple(one for one in self.expiries if one[1] not in orders))

    def at(self, now: int) -> "Shop":
        """Without the holds that have expired by minute `now`: a hold lasts until the minute of its expiry begins."""
        expired = frozenset(order for expires, order in self.expiries if expires <= now)
        return self.release(expired) if expired else self

    def booked_bps(self, routing: Routing, start: int, end: int) -> int:
        """How scarce slots are: the reserved share of the open minutes of all machines that could do the order."""
        capable = sorted({choice.machine for choices in routing.operations for choice in choices})
        return share_bps([self.machines[name].calendar.booked(start, end) for name in capable if name in self.machines])


@dataclass(frozen=True, slots=True)
class _State:
    """A part-way plan: when and where it ends, its last slot, and what came before."""

    end: int
    factory: str
    slot: Slot | None
    before: "_State | None"
