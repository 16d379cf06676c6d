"""Capable to promise: no machine does two things, nothing moves faster than it can, and the plan is the earliest."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.planning.calendar import ALWAYS, FURTHEST, WEEK, Calendar, Shifts, share_bps
from marketplace.planning.schedule import (
    MOST_OPERATIONS,
    Alternative,
    CannotPlan,
    Machine,
    Routing,
    Schedule,
    Shop,
    Slot,
)
from marketplace.planning.schedule_check import violations

PATIENT = settings(max_examples=60, deadline=None)
DAYS = Shifts(tuple((day * 1_440 + 480, day * 1_440 + 960) for day in range(5)))
"""Eight hours on five days."""

ODD = Shifts(((3, 7), (7, 9), (20, 21), (10_000, 10_080)))
SHIFTS = st.sampled_from((ALWAYS, DAYS, ODD))
PLACES = ("north", "south", "east")


@st.composite
def shops(draw: st.DrawFn) -> Shop:
    machines = {}
    for number in range(draw(st.integers(1, 4))):
        calendar = Calendar(draw(SHIFTS))
        for edge in sorted(draw(st.lists(st.integers(0, 60), max_size=4, unique=True))):
            calendar = calendar.reserve(3 * edge, 3 * edge + draw(st.integers(1, 3)), f"busy-{edge}")
        machines[f"m{number}"] = Machine(draw(st.sampled_from(PLACES)), calendar)
    ways = {(a, b): draw(st.integers(0, 30)) for a in PLACES for b in (*PLACES, "home") if a != b}
    return Shop(machines, ways)


@st.composite
def routings(draw: st.DrawFn, shop: Shop, most: int = 3) -> Routing:
    names = sorted(shop.machines)
    operations = [
        tuple(
            Alternative(name, draw(st.integers(1, 12)))
            for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
        )
        for _ in range(draw(st.integers(1, most)))
    ]
    return Routing(tuple(operations), draw(st.integers(0, 40)), draw(st.sampled_from(("", "home"))))


def every_arrival(shop: Shop, routing: Routing) -> Iterator[int]:
    """The arrivals of all plans there are, operation by operation and minute by minute: slow, and plainly right."""

    def minute_is_open(name: str, minute: int) -> bool:
        windows = shop.machines[name].calendar.shifts.windows
        return any(start <= minute % WEEK < end for start, end in windows)

    def opened(name: str, until: int) -> list[int]:
        return [minute for minute in range(until) if minute_is_open(name, minute)]

    def earliest(name: str, ready: int, minutes: int) -> int:
        """The first end at or after `ready`, trying every open minute."""
        calendar = shop.machines[name].calendar
        open_minutes = opened(name, 3 * WEEK)
        taken = {place for pair in zip(calendar.starts, calendar.ends, strict=True) for place in range(*pair)}
        first = next(place for place, minute in enumerate(open_minutes) if minute >= ready)
        while taken & set(range(first, first + minutes)):
            first += 1
        return open_minutes[first + minutes - 1] + 1

    def walk(number: int, ready: int, place: str) -> Iterator[int]:
        if number == len(routing.operations):
            yield ready + (shop.transport[place, routing.destination] if routing.destination else 0)
            return
        for choice in routing.operations[number]:
            there = shop.machines[choice.machine].factory
            travel = shop.transport[place, there] if place and place != there else 0
            yield from walk(number + 1, earliest(choice.machine, ready + travel, choice.minutes), there)

    return walk(0, routing.ready, "")


@pytest.mark.req(52, 74)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_the_plan_is_the_earliest_of_all_plans(data: st.DataObject) -> None:
    shop = data.draw(shops())
    routing = data.draw(routings(shop))
    plan = shop.insert(routing)
    assert violations(shop, routing, plan) == []
    assert plan.arrival == min(every_arrival(shop, routing))


@pytest.mark.req(52)
@PATIENT
@given(st.data())
def test_orders_one_after_the_other_never_collide(data: st.DataObject) -> None:
    shop = data.draw(shops())
    plans: list[Schedule] = []
    for number in range(data.draw(st.integers(1, 8))):
        routing = data.draw(routings(shop, 5))
        plan = shop.insert(routing)
        assert violations(shop, routing, plan) == []
        shop = shop.hold(plan, f"order-{number}", None)
        plans.append(plan)
    for one, other in combinations([slot for plan in plans for slot in plan.slots], 2):
        assert one.machine != other.machine or one.end <= other.start or other.end <= one.start
    for machine in shop.machines.values():
        edges = [edge for pair in zip(machine.calendar.starts, machine.calendar.ends, strict=True) for edge in pair]
        assert edges == sorted(edges)


@PATIENT
@given(st.data())
def test_a_hold_is_gone_when_it_expires_and_stays_when_it_is_kept(data: st.DataObject) -> None:
    shop = data.draw(shops())
    routing = data.draw(routings(shop))
    plan = shop.insert(routing)
    held = shop.hold(plan, "order-1", 100)
    assert held.at(99) is held
    assert held.at(100) == shop
    assert held.keep("order-1").at(10_000).machines == held.machines
    assert held.release(frozenset({"order-1"})) == shop
    with pytest.raises(ValueError, match="taken"):
        held.hold(plan, "order-2", None)
    assert held.insert(routing).arrival >= plan.arrival


@PATIENT
@given(st.data())
def test_the_checker_finds_what_is_moved(data: st.DataObject) -> None:
    shop = data.draw(shops())
    routing = data.draw(routings(shop))
    plan = shop.insert(routing)
    place = data.draw(st.integers(0, len(plan.slots) - 1))
    slot = plan.slots[place]
    moved = data.draw(
        st.sampled_from(
            (
                replace(slot, start=slot.start - 1),
                replace(slot, end=slot.end - 1),
                replace(slot, minutes=slot.minutes + 1),
                replace(slot, machine="m9"),
            )
        )
    )
    assert violations(shop, routing, replace(plan, slots=(*plan.slots[:place], moved, *plan.slots[place + 1 :])))
    assert violations(shop, routing, replace(plan, slots=plan.slots[1:]))
    assert violations(shop, routing, replace(plan, arrival=plan.slots[-1].end - 1))


def test_the_checker_finds_an_overlap() -> None:
    shop = Shop({"m": Machine("north", Calendar(DAYS).reserve(0, 30, "other"))}, {})
    routing = Routing(((Alternative("m", 10),),))
    assert violations(shop, routing, Schedule((Slot("m", 500, 510, 10),), 510)) == [
        "operation 0 overlaps a reservation on m"
    ]


def test_work_pauses_over_the_night_and_a_holiday_is_not_crossed() -> None:
    shop = Shop({"m": Machine("north", Calendar(DAYS))}, {("north", "home"): 60})
    routing = Routing(((Alternative("m", 600),),), 0, "home")
    assert shop.insert(routing) == Schedule((Slot("m", 480, 1_440 + 600, 600),), 1_440 + 660)
    closed = Calendar(DAYS).block(1_440, 2 * 1_440, "holiday")
    after = Shop({"m": Machine("north", closed)}, shop.transport).insert(routing)
    assert after.slots[0].start == 2 * 1_440 + 480
    assert closed.block(5 * 1_440, 7 * 1_440, "weekend") is closed


@PATIENT
@given(SHIFTS, st.integers(0, 5 * WEEK))
def test_open_minutes_are_counted_there_and_back(shifts: Shifts, minute: int) -> None:
    opened = shifts.opened(minute)
    assert shifts.starts(opened) >= minute
    assert shifts.opened(shifts.starts(opened)) == opened
    assert shifts.ends(opened) <= minute
    assert shifts.opened(shifts.ends(opened)) == opened
    inside = any(start <= minute % WEEK < end for start, end in shifts.windows)
    assert shifts.opened(minute + 1) - opened == inside


@pytest.mark.req(146)
def test_scarcity_is_the_booked_share_of_whoever_could_do_it() -> None:
    calendar = Calendar(DAYS).reserve(0, 240, "a").reserve(480, 960, "b")
    shop = Shop({"m": Machine("north", calendar), "n": Machine("north", Calendar(DAYS))}, {})
    routing = Routing(((Alternative("m", 10), Alternative("n", 10)),))
    assert shop.booked_bps(routing, 0, 1_440) == 2_500
    assert shop.booked_bps(routing, 0, 2 * 1_440) == 3_750
    assert shop.booked_bps(routing, 600, 720) == 5_000
    assert share_bps([calendar.booked(0, 480)]) == share_bps([]) == 10_000


def test_what_cannot_be_planned_is_said() -> None:
    shop = Shop({"m": Machine("north", Calendar(DAYS)), "n": Machine("south", Calendar(DAYS))}, {})
    to_m, to_n = (Alternative("m", 5),), (Alternative("n", 5),)
    for routing in (Routing((to_m, to_n)), Routing((to_m,), 0, "home"), Routing(((Alternative("x", 5),),))):
        with pytest.raises(CannotPlan):
            shop.insert(routing)
    full = Shop({"m": Machine("north", Calendar(ALWAYS, (0,), (FURTHEST,), ("a",)))}, {})
    with pytest.raises(CannotPlan):
        full.insert(Routing((to_m,)))


@pytest.mark.parametrize(
    "windows", [(), ((5, 5),), ((0, 10), (5, 20)), ((10, 20), (0, 5)), ((0, WEEK + 1),), ((-1, 5),)]
)
def test_shifts_that_are_none(windows: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="shifts"):
        Shifts(windows)


@pytest.mark.parametrize(
    ("operations", "ready"),
    [((), 0), (((),), 0), (((Alternative("m", 0),),), 0), (((Alternative("m", 1),),), -1),
     (((Alternative("m", 1),),) * (MOST_OPERATIONS + 1), 0)],
)  # fmt: skip
def test_routings_that_are_none(operations: tuple[tuple[Alternative, ...], ...], ready: int) -> None:
    with pytest.raises(ValueError, match="has 1 to"):
        Routing(operations, ready)
