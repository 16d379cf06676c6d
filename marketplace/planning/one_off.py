"""A one-off job as engineers describe it, and what they would guess of its minutes before any was made."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

MACHINABILITY: Mapping[str, float] = {
    "plastic": -0.60,
    "aluminium": -0.45,
    "brass": -0.40,
    "steel": 0.00,
    "stainless": 0.35,
    "titanium": 0.75,
}
"""Logarithm of cutting time against plain steel, rounded from handbook ratios of cutting speeds; events correct it."""

FEATURES = ("one", "removed", "holes", "pockets", "tolerance", "setups", "quantity", *MACHINABILITY, "other material")
"""What each number of a feature vector stands for."""

PRIOR = (4.6, 0.45, 0.15, 0.20, 0.12, 0.45, 0.75, *MACHINABILITY.values(), 0.20)
"""Log-minutes by feature: a steel part of 50 cm³ removed in one set-up takes about 100 minutes, programming too."""

PRIOR_DEVIATION = (0.50, 0.20, 0.15, 0.15, 0.08, 0.20, 0.15, *([0.30] * len(MACHINABILITY)), 0.40)
"""By how much each number of PRIOR may well be wrong: the standard deviations that ridge regression shrinks by."""

_BOUNDS = {
    "removed_mm3": (0, 10**10),
    "holes": (0, 10_000),
    "pockets": (0, 10_000),
    "tolerance_grade": (1, 18),
    "setups": (1, 100),
    "quantity": (1, 100_000),
    "routed_minutes": (0, 10**7),
}
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class OneOff:
    """What decides about the minutes of a job. `tolerance_grade` is the IT grade of ISO 286-1, 1 (finest) to 18.

    Where a routing says the minutes (`routed_minutes`), nothing else of the job does, and events say how far off it is.

    Raises ValueError for a number outside its range or a name that is empty or longer than 64 characters.
    """

    removed_mm3: int
    holes: int
    pockets: int
    tolerance_grade: int
    material: str
    setups: int
    quantity: int
    family: str
    machine: str
    routed_minutes: int = 0

    def __post_init__(self) -> None:
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise ValueError(f"{name} must be a whole number from {least} to {most}")
        for name in ("material", "family", "machine"):
            value = getattr(self, name)
            if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME:
                raise ValueError(f"{name} must be a name of at most {_LONGEST_NAME} characters")


def routed_job(minutes: int, family: str, machine: str) -> OneOff:
    """A job whose minutes a routing says; in all else it is the reference job."""
    return OneOff(50_000, 0, 0, 9, "steel", 1, 1, family, machine, max(1, min(minutes, 10**7)))


def offset(job: OneOff) -> float:
    """How far the log-minutes of a routed job lie from the reference job's before any event; 0 for one without."""
    return math.log(job.routed_minutes) - PRIOR[0] if job.routed_minutes else 0.0


def features(job: OneOff) -> tuple[float, ...]:
    """The job as numbers, in the order of FEATURES; the reference job (50 cm³, IT 9, one set-up) is 1, 0, 0 …"""
    material = job.material if job.material in MACHINABILITY else "other material"
    return (
        1.0,
        math.log((job.removed_mm3 + 1_000) / 51_000),
        math.log1p(job.holes),
        math.log1p(job.pockets),
        float(9 - job.tolerance_grade),
        math.log(job.setups),
        math.log(job.quantity),
        *(float(name == material) for name in FEATURES[7:]),
    )
