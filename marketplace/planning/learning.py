"""Learn the minutes of one-offs from our own events.

Minutes are learned on logarithms: an engineer's prior, corrected by ridge regression, with one effect for each product
family and each machine. Every number of the model is shrunk to its prior by how much that may be wrong, so that with no
history the prior speaks, and a family that was never seen has no effect. How wide an estimate is, split conformal
quantiles say (`conformal`): the newest share of the history is held out, and the errors there are the errors to expect.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import log

import numpy as np
from numpy.typing import NDArray

from marketplace.planning.conformal import Calibration, Residual
from marketplace.planning.lead_time import PRIOR_SPREAD, UNLEARNED, WINDOW, LeadTimes, Made
from marketplace.planning.one_off import FEATURES, PRIOR, PRIOR_DEVIATION, features, offset

HELD_OUT_BPS = 3_000
"""The newest share of the window that calibrates and teaches nothing."""

NOISE = 0.25
"""Standard deviation of log-minutes that no feature explains, as one-off shops know it."""

GROUP_DEVIATION = 0.15
"""How far a family or a machine may lie from the others, in log-minutes."""

NOISE_EVENTS = 10
"""How many events the prior's word about the noise weighs."""


def split(history: Sequence[Made]) -> tuple[tuple[Made, ...], tuple[Made, ...]]:
    """The window of the newest events by time: what teaches, and the newest share of it that calibrates."""
    window = sorted(history, key=lambda made: made.finished)[-WINDOW:]
    held_out = -(-len(window) * HELD_OUT_BPS // 10_000)
    return tuple(window[: len(window) - held_out]), tuple(window[len(window) - held_out :])


def learn(history: Sequence[Made]) -> LeadTimes:
    """The model of a history, in any order; with none it is the prior."""
    taught, held_out = split(history)
    if not held_out:
        return UNLEARNED
    moments = _Moments(taught)
    known = moments.solve()
    without_family = {name: moments.solve(family=name) for name in {made.job.family for made in held_out}}
    without_machine = {name: moments.solve(machine=name) for name in {made.job.machine for made in held_out}}
    residuals = tuple(
        Residual(
            made.job.family,
            made.job.machine,
            log(made.minutes) - known.log_minutes(made.job),
            log(made.minutes) - without_family[made.job.family].log_minutes(made.job),
            log(made.minutes) - without_machine[made.job.machine].log_minutes(made.job),
        )
        for made in held_out
    )
    return replace(known, calibration=Calibration(residuals, PRIOR_SPREAD))


class _Moments:
    """The sums that ridge regression solves from, so that leaving a group out is a subtraction."""

    def __init__(self, taught: Sequence[Made]) -> None:
        self._families = tuple(sorted({made.job.family for made in taught}))
        self._machines = tuple(sorted({made.job.machine for made in taught}))
        self._family_of = np.array([made.job.family for made in taught], dtype=object)
        self._machine_of = np.array([made.job.machine for made in taught], dtype=object)
        numbers = np.array([features(made.job) for made in taught]).reshape(len(taught), len(FEATURES))
        groups = np.column_stack(
            [self._family_of == name for name in self._families] + [self._machine_of == name for name in self._machines]
            or [np.zeros((len(taught), 0))]
        )
        self._rows: NDArray[np.float64] = np.hstack([numbers, groups]).astype(float)
        logs = np.array([log(made.minutes) - offset(made.job) for made in taught], dtype=float)
        self._errors: NDArray[np.float64] = logs - numbers @ np.array(PRIOR)
        deviations = (*PRIOR_DEVIATION, *[GROUP_DEVIATION] * (len(self._families) + len(self._machines)))
        self._penalty = np.diag((NOISE / np.array(deviations)) ** 2)
        self._square = self._rows.T @ self._rows
        self._product = self._rows.T @ self._errors

    def solve(self, *, family: str | None = None, machine: str | None = None) -> LeadTimes:
        """The model without the events of `family` and of `machine`."""
        left_out = (self._family_of == family) | (self._machine_of == machine)
        rows, errors = self._rows[left_out], self._errors[left_out]
        square = self._square - rows.T @ rows + self._penalty
        found = np.linalg.solve(square, self._product - rows.T @ errors).tolist()
        first, last = len(FEATURES), len(FEATURES) + len(self._families)
        left = self._errors - self._rows @ np.array(found)
        noise = float(np.sqrt((NOISE_EVENTS * PRIOR_SPREAD**2 + left @ left) / (NOISE_EVENTS + len(left))))
        weights = tuple(prior + correction for prior, correction in zip(PRIOR, found[:first], strict=True))
        families = {
            name: effect for name, effect in zip(self._families, found[first:last], strict=True) if name != family
        }
        machines = {name: effect for name, effect in zip(self._machines, found[last:], strict=True) if name != machine}
        return LeadTimes(weights, families, machines, noise, Calibration((), PRIOR_SPREAD))
