"""Days of an order: by hand for the corners, by properties for the rest."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.planning.lead_time import earliest_days, working_days


@pytest.mark.req(51)
@pytest.mark.parametrize(
    ("pieces", "seconds", "shift", "days"),
    [(1, 0, 28_800, 1), (1, 1, 28_800, 1), (160, 180, 28_800, 1), (161, 180, 28_800, 2), (500, 180, 28_800, 4)],
)
def test_days_are_whole_shifts(pieces: int, seconds: int, shift: int, days: int) -> None:
    assert working_days(pieces, seconds, shift) == days


@pytest.mark.req(52)
def test_one_shift_of_work_is_inside_the_base() -> None:
    assert earliest_days(40, base_days=5, seconds_per_piece=180, shift_seconds=28_800) == 5
    assert earliest_days(500, base_days=5, seconds_per_piece=180, shift_seconds=28_800) == 8


@pytest.mark.parametrize(("pieces", "seconds", "shift"), [(0, 1, 1), (1, -1, 1), (1, 1, 0), (1, 1, 86_401)])
def test_nonsense_is_refused(pieces: int, seconds: int, shift: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        working_days(pieces, seconds, shift)


@settings(deadline=None)
@given(st.integers(1, 10_000), st.integers(0, 10_000), st.integers(1, 86_400))
def test_the_work_fits_and_a_day_less_would_not_do(pieces: int, seconds: int, shift: int) -> None:
    days = working_days(pieces, seconds, shift)
    assert days * shift >= pieces * seconds
    assert days == 1 or (days - 1) * shift < pieces * seconds
