"""Offers become a choice: one offer for each line, the cheapest whole, proved, the same each time.

`front` (price, date, risk) and `solver.Effort` are imported from their modules: they load numpy and scipy.
"""

from matchmaking.selection.candidates import candidates_for
from matchmaking.selection.evaluator import Verdict, evaluate
from matchmaking.selection.model import (
    Candidate,
    Choice,
    Constraints,
    Line,
    NoFeasibleSelection,
    Problem,
    Relaxation,
    RunnerUp,
    Selection,
    Supplier,
)
from matchmaking.selection.select import select

__all__ = [
    "Candidate",
    "Choice",
    "Constraints",
    "Line",
    "NoFeasibleSelection",
    "Problem",
    "Relaxation",
    "RunnerUp",
    "Selection",
    "Supplier",
    "Verdict",
    "candidates_for",
    "evaluate",
    "select",
]
