"""Price against date against risk: nobody on the front is beaten, and no bound is above its point."""

from hypothesis import given, settings
from hypothesis import strategies as st

from matchmaking.selection import evaluate
from matchmaking.selection.front import front
from tests.matchmaking.selection.questions import BASES, brute_force, candidate, question, small


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_nobody_on_the_front_is_beaten(seed: int) -> None:
    problem = small(seed)
    points = front(problem, 6)
    best = brute_force(problem)
    assert (min((one.total_minor for one in points), default=None)) == best
    for one in points:
        verdict = evaluate(problem, one.plan)
        assert verdict.violations == ()
        assert (verdict.total_minor, verdict.lead_time_h, verdict.risk_micro) == (
            one.total_minor,
            one.lead_time_h,
            one.risk_micro,
        )
        assert one.bound_minor <= one.total_minor
        assert not any(other.beats(one) for other in points)


def test_money_buys_time_and_safety() -> None:
    offers = [
        candidate(BASES, "slow", 10, 90, reliability_ppm=950_000),
        candidate(BASES, "quick", 20, 30, reliability_ppm=950_000),
        candidate(BASES, "safe", 15, 90, reliability_ppm=999_000),
        candidate(BASES, "foolish", 30, 95, reliability_ppm=900_000),
    ]
    points = front(question(offers))
    assert [next(iter(one.plan.values())).supplier_id for one in points] == ["slow", "safe", "quick"]
