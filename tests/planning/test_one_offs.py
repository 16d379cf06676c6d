"""Minutes of one-offs: the prior at first, our own events later, and a state that a store can keep."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.one_offs.generator import NEW_FAMILY, NEW_MACHINE, Shop, history
from marketplace.planning.lead_time import (
    LONGEST_MINUTES,
    UNLEARNED,
    WINDOW,
    LeadTimes,
    Made,
    whole_minutes,
)
from marketplace.planning.learning import learn, split
from marketplace.planning.one_off import FEATURES, PRIOR, PRIOR_DEVIATION, OneOff, features

PLAIN = OneOff(50_000, 0, 0, 9, "steel", 1, 1, "bracket", "mill-1")


@pytest.fixture(scope="module")
def learned() -> LeadTimes:
    return learn(history(Shop(7), 400))


def test_the_prior_speaks_for_the_reference_part() -> None:
    assert len(FEATURES) == len(PRIOR) == len(PRIOR_DEVIATION) == len(features(PLAIN))
    estimate = UNLEARNED.estimate(PLAIN)
    assert (estimate.p50, estimate.basis) == (100, "prior")
    assert estimate.p50 < estimate.p80 < estimate.p90


@pytest.mark.req(51)
@pytest.mark.parametrize(
    "more",
    [{"removed_mm3": 80_000}, {"holes": 4}, {"pockets": 2}, {"tolerance_grade": 7}, {"setups": 2}, {"quantity": 2}],
)
def test_more_work_takes_longer(more: dict[str, int], learned: LeadTimes) -> None:
    for model in (UNLEARNED, learned):
        assert model.estimate(replace(PLAIN, **more)).p50 > model.estimate(PLAIN).p50


def test_harder_material_takes_longer_and_an_unknown_one_is_no_error() -> None:
    minutes = [UNLEARNED.log_minutes(replace(PLAIN, material=name)) for name in ("aluminium", "steel", "titanium")]
    assert minutes == sorted(minutes)
    assert UNLEARNED.log_minutes(replace(PLAIN, material="unobtainium")) > UNLEARNED.log_minutes(PLAIN)


@pytest.mark.req(51, 143)
def test_our_own_events_beat_the_prior(learned: LeadTimes) -> None:
    """Twice as near on jobs of the same shop that were never seen."""
    shop = Shop(7)
    history(shop, 400)
    unseen = history(shop, 300)

    def off(model: LeadTimes) -> float:
        return sum(abs(whole_minutes(model.log_minutes(one.job)) / one.minutes - 1) for one in unseen) / len(unseen)

    assert off(learned) < 0.35
    assert off(UNLEARNED) > 0.7


@pytest.mark.req(143)
def test_a_slow_machine_is_noticed() -> None:
    shop = Shop(3)
    jobs = [shop.job(machine="slow" if number % 2 else "quick") for number in range(200)]
    made = [
        Made(job, shop.make(replace(job, machine="machine-00")).minutes * (2 if job.machine == "slow" else 1), number)
        for number, job in enumerate(jobs)
    ]
    model = learn(made)
    assert model.machines["slow"] - model.machines["quick"] == pytest.approx(0.69, abs=0.15)


def test_what_was_never_met_has_no_effect_and_more_room(learned: LeadTimes) -> None:
    known = replace(PLAIN, family="family-00", machine="machine-00")
    strange = replace(known, family=NEW_FAMILY, machine=NEW_MACHINE)
    assert learned.novelty(strange).family
    assert learned.novelty(strange).machine
    near, far = learned.estimate(known), learned.estimate(strange)
    assert (near.basis in {"all", "family"}, far.basis) == (True, "new")
    assert far.p90 / far.p50 > near.p90 / near.p50


def test_the_split_is_by_time_and_the_window_rolls() -> None:
    made = [Made(PLAIN, 1, number) for number in range(WINDOW + 10)]
    taught, held_out = split(made[::-1])
    assert [one.finished for one in (*taught, *held_out)] == list(range(10, WINDOW + 10))
    assert len(held_out) == WINDOW * 3 // 10


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(30)))
def test_the_order_of_the_events_does_not_matter(order: list[int]) -> None:
    made = history(Shop(5), 30)
    assert learn([made[place] for place in order]) == learn(made)


@pytest.mark.parametrize("number", [0, 1, 2, 5])
def test_a_handful_of_events_is_no_error(number: int) -> None:
    estimate = learn(history(Shop(1), number)).estimate(PLAIN)
    assert 0 < estimate.p50 <= estimate.p90
    assert estimate.basis == "prior"


def test_the_state_survives_a_store(learned: LeadTimes) -> None:
    again = LeadTimes.from_state(json.loads(json.dumps(learned.state())))
    assert again == learned
    assert again.estimate(PLAIN) == learned.estimate(PLAIN)


@pytest.mark.parametrize(
    "spoil",
    [{"weights": [1.0]}, {"weights": None}, {"version": 2}, {"calibration": {}}, {"families": 3}, {"noise": "x"}],
)
def test_another_state_is_refused(spoil: dict[str, object], learned: LeadTimes) -> None:
    with pytest.raises(ValueError, match=r"state|float"):
        LeadTimes.from_state({**learned.state(), **spoil})


@pytest.mark.parametrize(
    "wrong",
    [
        {"removed_mm3": -1},
        {"holes": 10**9},
        {"quantity": 0},
        {"setups": True},
        {"tolerance_grade": 9.5},
        {"family": ""},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        replace(PLAIN, **wrong)  # type: ignore[arg-type]


def test_minutes_stay_within_bounds() -> None:
    assert whole_minutes(-50.0) == 1
    assert whole_minutes(1e6) == LONGEST_MINUTES
    for minutes in (0, LONGEST_MINUTES + 1):
        with pytest.raises(ValueError, match="minutes"):
            Made(PLAIN, minutes, 0)
