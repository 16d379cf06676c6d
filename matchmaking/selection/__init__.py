"""Offers become a choice: one offer for each line, the cheapest whole, proved, the same each time."""

from matchmaking.selection.candidates import candidates_for
from matchmaking.selection.model import (
    Candidate,
    Choice,
    Constraints,
    Line,
    NoFeasibleSelection,
    Relaxation,
    RunnerUp,
    Selection,
)
from matchmaking.selection.select import front, select

__all__ = [
    "Candidate",
    "Choice",
    "Constraints",
    "Line",
    "NoFeasibleSelection",
    "Relaxation",
    "RunnerUp",
    "Selection",
    "candidates_for",
    "front",
    "select",
]
