"""Freight, bundles, minimum orders and capacity of one supplier, to the cent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.supply_conditions import NO_CONDITIONS, Charge, SupplyConditions, strictest

STATED = st.builds(
    SupplyConditions,
    freight_minor=st.integers(0, 1_000),
    minimum_order_minor=st.integers(0, 1_000),
    capacity_h=st.none() | st.integers(0, 100),
    bundle_lines=st.integers(1, 5),
    bundle_bps=st.integers(0, 9_999),
)
GOODS = st.lists(st.integers(0, 5_000), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("goods", "discount"),
    [([1_000], 0), ([1_000, 1_000], 120), ([999, 1_000], 119)],
    ids=["too few lines", "earned", "floored to the cent"],
)
def test_a_bundle_earns_its_discount(goods: list[int], discount: int) -> None:
    charge = SupplyConditions(freight_minor=500, bundle_lines=2, bundle_bps=600).charge(goods)
    assert charge == Charge(sum(goods), 500, discount)
    assert charge.amount_minor == sum(goods) + 500 - discount


@pytest.mark.parametrize(
    ("goods", "hours", "refusal"),
    [([600, 400], 10, None), ([600, 399], 10, "minimum_order"), ([600, 400], 11, "capacity")],
)
def test_what_a_supplier_would_not_take(goods: list[int], hours: int, refusal: str | None) -> None:
    assert SupplyConditions(minimum_order_minor=1_000, capacity_h=10).refusal(goods, hours) == refusal


def test_who_states_nothing_asks_nothing() -> None:
    assert strictest([]) == NO_CONDITIONS
    assert NO_CONDITIONS.charge([7]) == Charge(7)
    assert NO_CONDITIONS.refusal([0], 10**9) is None


@given(st.lists(STATED, min_size=1, max_size=4), GOODS, st.integers(0, 100))
def test_of_several_statements_none_is_better_for_the_buyer(
    stated: list[SupplyConditions], goods: list[int], hours: int
) -> None:
    found = strictest(stated)
    assert found.charge(goods).amount_minor >= max(one.charge(goods).amount_minor for one in stated)
    assert found.refusal(goods, hours) is not None or not any(one.refusal(goods, hours) for one in stated)


@pytest.mark.parametrize(
    "wrong",
    [
        {"freight_minor": -1},
        {"minimum_order_minor": -1},
        {"capacity_h": -1},
        {"bundle_lines": 0},
        {"bundle_bps": -1},
        {"bundle_bps": 10_000},
    ],
)
def test_no_condition_pays_the_buyer(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not negative|a bundle has"):
        SupplyConditions(**wrong)
