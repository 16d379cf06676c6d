"""How long things take: whole days before any supplier was asked, and minutes of one-offs learned from our own events.

How it is learned, `learning` says; here is what was learned, and asking it takes no library.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from math import ceil, exp
from typing import Any

from marketplace.planning.conformal import Calibration, Novelty, Residual
from marketplace.planning.one_off import FEATURES, PRIOR, OneOff, features, offset

SECONDS_A_DAY = 24 * 3600

WINDOW = 3_000
"""Events that a model looks back on: older ones tell of a shop that is no more."""

PRIOR_SPREAD = 0.40
"""Standard deviation of log-minutes around the prior alone."""

LONGEST_MINUTES = 10**7
"""About 19 years: what is longer is no event of a shop."""


def working_days(pieces: int, seconds_per_piece: int, shift_seconds: int) -> int:
    """Whole days that the manufacturer's own work fills: at least one, counted in shifts of `shift_seconds`.

    Raises ValueError for a negative number, no pieces, or a shift that is empty or longer than a day.
    """
    if pieces < 1 or seconds_per_piece < 0 or not 0 < shift_seconds <= SECONDS_A_DAY:
        raise ValueError("pieces and shift must be positive, a shift is at most a day")
    return max(1, -(-pieces * seconds_per_piece // shift_seconds))


def earliest_days(pieces: int, *, base_days: int, seconds_per_piece: int, shift_seconds: int) -> int:
    """Days from order to delivery: `base_days` hold supplies, one day of own work and transport; more work adds days.

    Raises ValueError as `working_days` does.
    """
    return base_days + working_days(pieces, seconds_per_piece, shift_seconds) - 1


@dataclass(frozen=True, slots=True)
class Made:
    """A job that was made: how many minutes it took, and when it was finished (any counter that grows)."""

    job: OneOff
    minutes: int
    finished: int

    def __post_init__(self) -> None:
        if not 0 < self.minutes <= LONGEST_MINUTES:
            raise ValueError(f"minutes must be from 1 to {LONGEST_MINUTES}")


@dataclass(frozen=True, slots=True)
class Estimate:
    """Minutes that a job stays below with a probability of 50, 80 and 90 %, and which errors say so (`conformal`)."""

    p50: int
    p80: int
    p90: int
    basis: str


@dataclass(frozen=True, slots=True)
class LeadTimes:
    """What was learned. `weights` follow FEATURES, `families` and `machines` are effects on log-minutes.

    `noise` is the standard deviation that they leave.
    """

    weights: tuple[float, ...]
    families: Mapping[str, float]
    machines: Mapping[str, float]
    noise: float
    calibration: Calibration

    def log_minutes(self, job: OneOff) -> float:
        """The middle of the log-minutes of a job; groups that were never seen have no effect."""
        plain = sum(weight * value for weight, value in zip(self.weights, features(job), strict=True))
        return plain + offset(job) + self.families.get(job.family, 0.0) + self.machines.get(job.machine, 0.0)

    def novelty(self, job: OneOff) -> Novelty:
        """What of the job the model has never met."""
        return Novelty(job.family not in self.families, job.machine not in self.machines)

    def estimate(self, job: OneOff) -> Estimate:
        """How long it takes; whole minutes, rounded up."""
        novelty, middle = self.novelty(job), self.log_minutes(job)
        errors = self.calibration.quantiles((5_000, 8_000, 9_000), job.family, novelty)
        p50, p80, p90 = (whole_minutes(middle + error) for error in errors)
        return Estimate(p50, p80, p90, self.calibration.basis(job.family, novelty))

    def state(self) -> dict[str, Any]:
        """The model as plain values, for a store."""
        return asdict(self) | {"version": 1, "calibration": asdict(self.calibration)}

    @staticmethod
    def from_state(state: Mapping[str, Any]) -> "LeadTimes":
        """The model that `state` came from. Raises ValueError for anything else."""
        try:
            kept = state["calibration"]
            residuals = tuple(Residual(**one) for one in islice(kept["residuals"], WINDOW))
            model = LeadTimes(
                tuple(map(float, state["weights"])),
                {str(name): float(effect) for name, effect in state["families"].items()},
                {str(name): float(effect) for name, effect in state["machines"].items()},
                float(state["noise"]),
                Calibration(residuals, float(kept["prior_spread"])),
            )
        except (KeyError, TypeError, AttributeError) as wrong:
            raise ValueError(f"not the state of lead times: {wrong}") from wrong
        if state.get("version") != 1 or len(model.weights) != len(FEATURES):
            raise ValueError("the state of lead times of another version")
        return model


def whole_minutes(log_minutes: float) -> int:
    """Minutes, rounded up, at least one and at most LONGEST_MINUTES."""
    return max(1, min(LONGEST_MINUTES, ceil(exp(min(log_minutes, 100.0)))))


UNLEARNED = LeadTimes(PRIOR, {}, {}, PRIOR_SPREAD, Calibration((), PRIOR_SPREAD))
"""What is known before the first event."""
