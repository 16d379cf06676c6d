"""How long it takes to find an order's place among 3,000 others: `python -m benchmarks.schedule [--json]`.

Synthetic orders of 4 to 8 operations, each with 2 to 4 alternatives in other factories, transport of 60 to 480
minutes; half of the machines work two shifts on five days, the others always. Every plan is validated by the
independent checker.
Times are CPU time of this thread, so that a busy machine matters less; beside it stands a search of the same calendars
that looks at every interval in plain Python.
"""

import random
import time
from typing import Final

from benchmarks.harness import Result, main
from marketplace.planning.calendar import ALWAYS, Calendar, Shifts, share_bps
from marketplace.planning.schedule import Alternative, Machine, Routing, Shop
from marketplace.planning.schedule_check import violations

REQUIREMENTS = (52, 74)
TWO_SHIFTS: Final = Shifts(tuple((day * 1_440 + 360, day * 1_440 + 1_320) for day in range(5)))
ORDERS: Final = 3_000
TIMED: Final = 1_000
SETUPS: Final = {"48_loose": (48, 6, 120), "48_tight": (48, 6, 60), "200": (200, 20, 30)}
"""Machines, factories, and days over which the orders ask to begin."""


def shop_of(machines: int, factories: int, draw: random.Random) -> Shop:
    """An empty shop."""
    ways = {
        (f"f{one}", f"f{other}"): draw.randint(60, 480)
        for one in range(factories)
        for other in range(factories)
        if one != other
    }
    return Shop(
        {
            f"m{number}": Machine(f"f{number % factories}", Calendar(ALWAYS if number // factories % 2 else TWO_SHIFTS))
            for number in range(machines)
        },
        ways,
    )


def routing_of(machines: int, days: int, draw: random.Random) -> Routing:
    """An order that asks to begin some time within `days`."""
    operations = []
    for _ in range(draw.randint(4, 8)):
        minutes = draw.randint(30, 240)
        able = draw.sample(range(machines), draw.randint(2, 4))
        operations.append(
            tuple(Alternative(f"m{number}", max(1, round(minutes * draw.uniform(0.8, 1.3)))) for number in able)
        )
    return Routing(tuple(operations), draw.randint(0, days * 1_440))


def by_hand(shop: Shop, routing: Routing) -> int:
    """The same search without its ideas: every interval of every alternative is looked at from the first one on."""
    ends = {"": routing.ready}
    for choices in routing.operations:
        found: dict[str, int] = {}
        for choice in choices:
            machine = shop.machines[choice.machine]
            there = min(end + (shop.transport.get((at, machine.factory), 0) if at else 0) for at, end in ends.items())
            ready = machine.calendar.shifts.opened(there)
            for start, end in zip(machine.calendar.starts, machine.calendar.ends, strict=True):
                if start - ready >= choice.minutes:
                    break
                ready = max(ready, end)
            end = machine.calendar.shifts.ends(ready + choice.minutes)
            found[machine.factory] = min(found.get(machine.factory, end), end)
        ends = found
    return min(ends.values())


def measured(name: str, result: Result, orders: int = ORDERS, timed: int = TIMED) -> None:
    """Fill a shop, then time what comes on top."""
    machines, factories, days = SETUPS[name]
    draw = random.Random(f"schedule {name}")
    shop = shop_of(machines, factories, draw)
    for number in range(orders):
        shop = shop.hold(shop.insert(routing_of(machines, days, draw)), str(number), None)
    ours, bare, held = [], [], []
    for number in range(timed):
        routing = routing_of(machines, days, draw)
        started = time.thread_time()
        plan = shop.insert(routing)
        inserted = time.thread_time()
        shop.hold(plan, f"new {number}", 0)
        kept = time.thread_time()
        assert plan.arrival == by_hand(shop, routing), "two searches disagree"
        ours.append(1_000 * (inserted - started))
        held.append(1_000 * (kept - inserted))
        bare.append(1_000 * (time.thread_time() - kept))
        assert violations(shop, routing, plan) == []
    booked = share_bps([machine.calendar.booked(0, days * 1_440) for machine in shop.machines.values()])
    result.figures[f"{name}_booked"] = booked / 10_000
    for key, times, into in (
        ("insert", ours, result.figures),
        ("hold", held, result.figures),
        ("by_hand", bare, result.beside),
    ):
        into[f"{name}_{key}_p50_ms"] = percentile(times, 50)
        into[f"{name}_{key}_p99_ms"] = percentile(times, 99)
    result.bounds[f"{name}_insert_p50_ms"], result.bounds[f"{name}_insert_p99_ms"] = 1.0, 20.0
    result.ratios[f"{name}_by_hand_to_insert"] = percentile(bare, 50) / percentile(ours, 50)


def percentile(times: list[float], share: int) -> float:
    """A time that was measured: the smallest that `share` per cent are not above."""
    return sorted(times)[-(-len(times) * share // 100) - 1]


def run() -> Result:
    """All set-ups."""
    result = Result({})
    for name in SETUPS:
        measured(name, result)
    return result


if __name__ == "__main__":
    main("schedule", run)
