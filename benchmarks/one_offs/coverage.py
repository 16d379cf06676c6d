"""How often promises are kept: one seed is one shop, its history, and orders that were never seen in training."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from benchmarks.one_offs.generator import NEW_FAMILY, NEW_MACHINE
from benchmarks.one_offs.orders import Case, Orders
from marketplace.planning.date_curve import DatePolicy, penalty
from marketplace.planning.distribution import DAY, Duration
from marketplace.planning.promise import Delivered, Promises, learn_promises

KINDS: Final[Mapping[str, Callable[[Orders], Case]]] = {
    "like": lambda orders: orders.case(),
    "new_machine": lambda orders: orders.case(machine=NEW_MACHINE),
    "new_family": lambda orders: orders.case(family=NEW_FAMILY),
    "breakdown": lambda orders: orders.case(breakdown=True),
    "known_breakdown": lambda orders: orders.known_breakdown(),
}
"""Orders like those of the history (breakdowns by chance among them), and each unseen case apart."""

MIX: Final = {"like": 0.80, "new_machine": 0.05, "new_family": 0.05, "breakdown": 0.05, "known_breakdown": 0.05}
"""The shares of the whole that is called `mixed`."""

POLICY: Final = DatePolicy()
ASKED_AT: Final = 10 * 60
_Z90: Final = 1.2816


Learn = Callable[[Sequence[Delivered]], Promises]


def one_seed(seed: int, number: int, cases: Mapping[str, int], learn: Learn = learn_promises) -> dict[str, float]:
    """What came out for one shop with `number` orders of history: sums over so many cases of each kind."""
    orders = Orders(seed)
    promises = learn(orders.history(number))
    found: Counter[str] = Counter()
    for kind, draw in KINDS.items():
        for _ in range(cases[kind]):
            for name, value in _kept(draw(orders), promises).items():
                found[f"{kind}.{name}"] += value
    return dict(found)


def _kept(case: Case, promises: Promises) -> dict[str, float]:
    order = promises.distribution(case.plan, case.job)
    day = order.day(9_000, ASKED_AT)
    late = max(0, (ASKED_AT + case.minutes) // DAY - day)
    due = penalty(order, day, ASKED_AT, POLICY)
    bare = promises.outlook(case.plan, case.job)
    return {
        "cases": 1,
        "p50": case.minutes <= order.quantile(5_000),
        "p90": case.minutes <= order.quantile(9_000),
        "day90": not late,
        "stated90": order.by_day(day, ASKED_AT) / 10_000,
        "penalty_bps": min(due.cap_bps, due.day_bps * late),
        "expected_bps": due.expected_bps,
        "width": order.quantile(9_000) / order.quantile(5_000),
        "bare_p50": bare.error(case.minutes) <= 0,
        "bare_p90": bare.error(case.minutes) <= _Z90,
        "summed_p90": case.minutes <= _summed(case, promises),
    }


def _summed(case: Case, promises: Promises) -> int:
    """What a planner would say who adds the 90 % quantiles of the parts."""
    plan = case.plan
    parts: tuple[Duration, ...] = plan.after
    ready = max([plan.start, *(supply.p90 for supply in plan.supplies)])
    work = promises.lead_times.estimate(case.job).p90 * plan.elapsed_bps // 10_000
    return ready + work + sum(part.p90 for part in parts)
