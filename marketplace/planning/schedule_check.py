"""Is a plan what it says? Checked minute by window, by code that shares nothing with the search.

It knows shifts as a list of windows that repeat, reservations as pairs of minutes, and walks through them.
"""

from collections.abc import Iterator, Mapping, Sequence

from marketplace.planning.schedule import Routing, Schedule, Shop, Slot

_WEEK = 10_080


def violations(shop: Shop, routing: Routing, plan: Schedule) -> list[str]:
    """What is wrong with a plan that is not reserved yet; nothing, if it can be done."""
    if len(plan.slots) != len(routing.operations):
        return ["not one slot for each operation"]
    found: list[str] = []
    free_from, place = routing.ready, ""
    for number, (slot, choices) in enumerate(zip(plan.slots, routing.operations, strict=True)):
        if (slot.machine, slot.minutes) not in {(choice.machine, choice.minutes) for choice in choices}:
            found.append(f"operation {number} may not run on {slot.machine} for {slot.minutes} minutes")
            continue
        factory = shop.machines[slot.machine].factory
        found += _times(shop, slot, number)
        if slot.start < free_from + _travel(shop.transport, place, factory):
            found.append(f"operation {number} begins before its work has arrived")
        free_from, place = slot.end, factory
    if plan.arrival < free_from + _travel(shop.transport, place, routing.destination):
        found.append("it arrives before it can")
    return found


def _times(shop: Shop, slot: Slot, number: int) -> Iterator[str]:
    calendar = shop.machines[slot.machine].calendar
    worked = 0
    for opens, closes in _open(calendar.shifts.windows, slot.start, slot.end):
        worked += min(closes, slot.end) - max(opens, slot.start)
    if worked != slot.minutes:
        yield f"operation {number} has {worked} open minutes of {slot.minutes}"
    edges = [_is_open(calendar.shifts.windows, minute) for minute in (slot.start, slot.end - 1)]
    if not all(edges):
        yield f"operation {number} begins or ends while {slot.machine} is closed"
    week = sum(end - start for start, end in calendar.shifts.windows)
    for start, end in zip(calendar.starts, calendar.ends, strict=True):
        # A reservation is in open minutes; the slot is compared with the calendar minutes of its first and last one.
        if _minute(calendar.shifts.windows, week, start) < slot.end and slot.start <= _minute(
            calendar.shifts.windows, week, end - 1
        ):
            yield f"operation {number} overlaps a reservation on {slot.machine}"


def _open(windows: Sequence[tuple[int, int]], start: int, end: int) -> Iterator[tuple[int, int]]:
    for week in range(start // _WEEK, (end - 1) // _WEEK + 1):
        for opens, closes in windows:
            if week * _WEEK + opens < end and start < week * _WEEK + closes:
                yield week * _WEEK + opens, week * _WEEK + closes


def _is_open(windows: Sequence[tuple[int, int]], minute: int) -> bool:
    return any(opens <= minute % _WEEK < closes for opens, closes in windows)


def _minute(windows: Sequence[tuple[int, int]], week: int, opened: int) -> int:
    """The calendar minute of an open minute, by walking the week."""
    rest = opened % week
    for opens, closes in windows:
        if rest < closes - opens:
            return opened // week * _WEEK + opens + rest
        rest -= closes - opens
    raise AssertionError("a week has as many open minutes as its windows")


def _travel(transport: Mapping[tuple[str, str], int], origin: str, goal: str) -> int:
    return transport[origin, goal] if origin and goal and origin != goal else 0
