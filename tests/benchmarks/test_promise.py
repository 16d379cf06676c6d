"""The benchmark of promises in its short form: the calibrated model is inside the bands, an uncalibrated one is not."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import promise
from benchmarks.one_offs.coverage import KINDS, MIX, Learn, one_seed
from benchmarks.one_offs.generator import BREAKDOWNS, OUTLIERS, Shop
from benchmarks.one_offs.orders import Orders
from marketplace.planning.conformal import Calibration
from marketplace.planning.promise import BEFORE_ANY, Delivered, Promises, learn_promises

SEEDS = 20
CASES = {kind: 40 if kind == "like" else 10 for kind in KINDS}
WIDE = {"p50": (0.44, 0.56), "p90": (0.86, 0.945)}
"""Twenty shops scatter more than two hundred: one has a standard deviation of 6 %, their mean of 1.4 %."""


def overconfident(history: Sequence[Delivered]) -> Promises:
    """Has never compared a promise with a delivery, and believes half of its spread."""
    return Promises(learn_promises(history).lead_times, Calibration((), 0.5))


def prior_only(history: Sequence[Delivered]) -> Promises:
    """Learns nothing at all."""
    return BEFORE_ANY


def coverage(number: int, learn: Learn) -> list[str]:
    rates = [promise.rates(one_seed(seed, number, CASES, learn)) for seed in range(SEEDS)]
    return promise.offenders(promise.result_of({number: rates}), WIDE)


@pytest.mark.req(52, 146)
@pytest.mark.parametrize("number", [30, 300])
def test_promises_are_kept_as_often_as_they_say(number: int) -> None:
    assert coverage(number, learn_promises) == []


@pytest.mark.parametrize("learn", [prior_only, overconfident])
def test_a_model_that_is_not_calibrated_is_found_out(learn: Learn) -> None:
    assert coverage(30, learn)


def test_a_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promise, "CASES", dict.fromkeys(KINDS, 3))
    keep = tmp_path / "kept.jsonl"
    first = promise.measure(2, keep, histories=(10,))
    monkeypatch.setattr(promise, "one_seed", lambda seed, number, cases: one_seed(seed + 1_000, number, cases))
    longer = promise.measure(3, keep, histories=(10,))
    assert longer[10][:2] == first[10]
    assert len(keep.read_text().splitlines()) == len(longer[10]) == 3
    assert json.loads(json.dumps(promise.result_of(longer).figures))["seeds_10"] == 3


def test_the_mix_is_a_whole_and_a_shop_is_its_seed() -> None:
    assert sum(MIX.values()) == pytest.approx(1.0)
    assert MIX.keys() == KINDS.keys()
    assert Orders(5).history(20) == Orders(5).history(20) != Orders(6).history(20)


def test_things_go_wrong_as_often_as_the_generator_says() -> None:
    """Else the promises would be tried on a shop where nothing happens."""
    shop = Shop(2)
    reals = [shop.make(shop.job(family="family-00", machine="machine-00")) for _ in range(8_000)]
    assert sum(real.down > 0 for real in reals) / 8_000 == pytest.approx(BREAKDOWNS, abs=0.006)
    assert 0.02 < OUTLIERS < 0.06
    assert min(real.minutes for real in reals) * 20 < max(real.minutes for real in reals)
