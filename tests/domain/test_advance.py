"""The advance covers the supplies exactly when it can, and is never larger than it must be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.advance import advance_bps, net_advance


@pytest.mark.req(53)
def test_the_anchor_needs_no_more_than_the_usual_fifth() -> None:
    assert net_advance(60_000, 2_000, 200) == 11_760
    assert advance_bps(60_000, 10_800, fee_bps=200, least_bps=2_000, most_bps=3_000) == 2_000


def test_dearer_supplies_raise_it_up_to_the_ceiling() -> None:
    assert advance_bps(60_000, 14_000, fee_bps=200, least_bps=2_000, most_bps=3_000) == 2_381
    assert advance_bps(60_000, 17_640, fee_bps=200, least_bps=2_000, most_bps=3_000) == 3_000
    assert advance_bps(60_000, 17_641, fee_bps=200, least_bps=2_000, most_bps=3_000) is None


@given(
    st.integers(1, 10_000_000),
    st.integers(0, 10_000_000),
    st.integers(0, 1_000),
    st.integers(0, 3_000),
)
def test_it_is_the_smallest_that_covers(total: int, supplies: int, fee: int, least: int) -> None:
    found = advance_bps(total, supplies, fee_bps=fee, least_bps=least, most_bps=3_000)
    covering = [bps for bps in range(least, 3_001) if net_advance(total, bps, fee) >= supplies]
    assert found == (covering[0] if covering else None)
