"""What is promised of a day: how likely it is kept, and what lateness costs. It follows from the order's plan."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class DatePromise:
    """The order is there by the end of its day with `probability_bps`; by `p50_day`, `p90_day` with 50 and 90 %.

    For each started day of lateness `penalty_bps_per_day` of the price are deducted, at most `penalty_cap_bps`; on
    average that is `expected_penalty_bps`. `basis` names the past errors that speak, or that none do yet.
    """

    probability_bps: int
    p50_day: date
    p90_day: date
    penalty_bps_per_day: int
    penalty_cap_bps: int
    expected_penalty_bps: int
    basis: str
