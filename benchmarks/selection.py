"""How good and how soon the choice of suppliers is, beside CP-SAT and plain HiGHS on the same questions.

Seconds are the processor's, of all threads, from the plain offers on: admitting, arrays, search. Loading scipy is not
in them, nor are the explanations. Every plan is judged by the evaluator, which shares no code with the solver.
"""

import sys
import time
from dataclasses import dataclass, field
from statistics import median

from benchmarks.harness import Result, main
from benchmarks.selection_model.beside import cpsat, highs
from benchmarks.selection_model.instances import brute_force, instance, small
from matchmaking.selection import Candidate, Problem, evaluate
from matchmaking.selection.admission import admitted
from matchmaking.selection.front import front
from matchmaking.selection.solver import Answer, Effort, solve
from matchmaking.selection.table import table_of

SEEDS = (1, 2, 3)
LARGE, MIDDLE = (50, 10_000, 400), (20, 1_000, 80)
SMALL_CASES = 500
LONG_S = 10
SHORT_S = 1
RESERVE_S = 0.3
"""A stage that has begun is ended: so much is kept back for it."""


@dataclass
class Watch:
    """Seconds of the processor and on the wall, from when it was made until it is stopped."""

    cpu: float = field(default_factory=time.process_time)
    wall: float = field(default_factory=time.perf_counter)
    stopped: tuple[float, float] | None = None

    def _now(self) -> tuple[float, float]:
        return self.stopped or (time.process_time() - self.cpu, time.perf_counter() - self.wall)

    def stop(self) -> None:
        """Counts no further."""
        self.stopped = self._now()

    def spent(self) -> float:
        """Of the processor."""
        return self._now()[0]

    def slowness(self) -> float:
        """How many seconds on the wall one of the processor took."""
        cpu, wall = self._now()
        return max(1.0, wall / max(cpu, 0.001))


def run() -> Result:
    """All of it; a plan that the evaluator refuses ends the run."""
    solve(table_of(instance(*MIDDLE, 0), admitted(instance(*MIDDLE, 0))))  # loads what is loaded once
    worst: dict[str, list[float]] = {}

    def note(**found: float) -> None:
        for name, value in found.items():
            worst.setdefault(name, []).append(value)

    for seed in SEEDS:
        large = instance(*LARGE, seed)
        short, watch = _answered(large, SHORT_S)
        note(gap_1s=_gap(short), gap_1s_cpu_s=watch.spent())
        _tell(f"seed {seed}: gap {_gap(short):.4%} after {watch.spent():.2f} s")
        full, watch = _answered(large, LONG_S)
        note(gap_10s=_gap(full), gap_10s_cpu_s=watch.spent())
        _tell(f"seed {seed}: gap {_gap(full):.4%} after {watch.spent():.2f} s")
        middle, clock = _answered(instance(*MIDDLE, seed), None)
        if middle.total != middle.bound:
            raise AssertionError(f"seed {seed}: the middle question was not proved")
        note(exact_20_s=clock.spent())
        _tell(f"seed {seed}: the middle question is proved after {clock.spent():.2f} s")
        timed = Watch()
        points = front(large, 10)
        note(front_10_s=timed.spent(), front_points=len(points))
        _tell(f"seed {seed}: {len(points)} points of the front after {timed.spent():.2f} s")
        for point in points:
            _judge(large, point.plan, point.total_minor)
        table = table_of(large, admitted(large))
        plain = highs(table, LONG_S, slowness=watch.slowness())
        _tell(f"seed {seed}: HiGHS alone has gap {plain.gap:.2%} after {plain.cpu_s:.2f} s")
        other = cpsat(table, LONG_S)
        _tell(f"seed {seed}: CP-SAT has gap {other.gap:.2%} after {other.cpu_s:.2f} s")
        note(highs_gap_10s=plain.gap, cpsat_gap_10s=other.gap, highs_cpu_s=plain.cpu_s, cpsat_cpu_s=other.cpu_s)
    return _result(worst, _mismatches())


def _tell(what: str) -> None:
    """Progress, which is no part of the result."""
    sys.stderr.write(f"benchmarks.selection: {what}\n")
    sys.stderr.flush()


def _result(found: dict[str, list[float]], mismatches: int) -> Result:
    def worst(name: str) -> float:
        return min(found[name]) if name == "front_points" else max(found[name])

    ours = ("gap_1s", "gap_10s", "exact_20_s", "front_10_s", "front_points", "gap_1s_cpu_s", "gap_10s_cpu_s")
    theirs = ("cpsat_gap_10s", "highs_gap_10s", "cpsat_cpu_s", "highs_cpu_s")
    figures = {name: worst(name) for name in ours}
    figures |= {f"{name}_median": median(found[name]) for name in ours}
    figures |= {name: worst(name) for name in theirs[:2]}  # beside ours, where they are looked for
    figures["bruteforce_mismatches"] = mismatches
    beside = {name: worst(name) for name in theirs} | {f"{name}_median": median(found[name]) for name in theirs}
    bounds = {"gap_1s": 0.03, "gap_10s": 0.001, "exact_20_s": 1.0, "front_10_s": 3.0, "bruteforce_mismatches": 0.0}
    return Result(
        figures, beside, bounds, {f"{name}_to_bound": figures[name] / top for name, top in bounds.items() if top}
    )


def _answered(problem: Problem, seconds: float | None) -> tuple[Answer, Watch]:
    watch = Watch()
    effort = Effort() if seconds is None else Effort(seconds=seconds - RESERVE_S, cpu=watch.spent)
    table = table_of(problem, admitted(problem))
    answer = solve(table, effort)
    watch.stop()
    assert answer is not None
    plan = {table.offers[pick].line_id: table.offers[pick] for pick in answer.picks}
    _judge(problem, plan, answer.total)
    return answer, watch


def _judge(problem: Problem, plan: dict[str, Candidate], total: int) -> None:
    verdict = evaluate(problem, plan)
    if verdict.violations or verdict.total_minor != total:
        raise AssertionError(f"the evaluator refuses a plan of {total}: {verdict}")


def _gap(answer: Answer) -> float:
    return (answer.total - answer.bound) / answer.total


def _mismatches() -> int:
    """Small questions whose answer differs from that of trying everything."""
    wrong = 0
    for seed in range(SMALL_CASES):
        problem = small(seed)
        answer = solve(table_of(problem, admitted(problem)))
        found = None if answer is None or answer.total != answer.bound else answer.total
        wrong += found != brute_force(problem)
        if (seed + 1) % 100 == 0:
            _tell(f"{seed + 1} small questions by brute force, {wrong} answered otherwise")
    return wrong


if __name__ == "__main__":
    main("selection", run)
