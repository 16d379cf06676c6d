"""Cover inequalities: of offers that together exceed a supplier's capacity, not all can be taken.

The relaxation takes fractions of offers until a capacity is full; these cuts forbid that, and close most of its gap.
"""

from itertools import combinations

import numpy as np

from matchmaking.selection.table import Floats, Ints

_WIDEST = 10
"""Of a facility's fractions so many are combined: 2¹⁰ sets at most."""
_WORTH = 0.02
"""A cut that is broken by less changes next to nothing."""
_NOTHING = 1e-6

Cover = tuple[int, list[int], int]
"""Facility, x of which it can take at most so many."""


def covers(x: Floats, y: Floats, *, facility: Ints, hours: Ints, capacity: Ints) -> list[Cover]:
    """For each facility that the fractions overfill, the cut that they break most, extended by all bigger offers."""
    taken = np.flatnonzero(x > _NOTHING)
    taken = taken[np.argsort(facility[taken], kind="stable")]
    edges = np.flatnonzero(np.diff(facility[taken])) + 1
    found = []
    for members in np.split(taken, edges) if len(taken) else []:
        one = int(facility[members[0]])
        if y[one] > _NOTHING and hours[members].sum() > capacity[one]:
            cut = _most_broken((x[members] / y[one]).tolist(), hours[members].tolist(), int(capacity[one]))
            if cut is not None:
                least, chosen = cut
                bigger = np.flatnonzero((facility == one) & (hours >= least))
                every = {*bigger.tolist(), *(int(members[at]) for at in chosen)}
                found.append((one, sorted(every), len(chosen) - 1))
    return found


def _most_broken(parts: list[float], hours: list[int], capacity: int) -> tuple[int, tuple[int, ...]] | None:
    """The minimal cover with its greatest hours, where the parts of it and of all bigger offers exceed it most."""
    order = sorted(range(len(parts)), key=lambda at: -parts[at])[:_WIDEST]
    best, worst = None, _WORTH
    for size in range(2, len(order) + 1):
        for chosen in combinations(order, size):
            taken = [hours[at] for at in chosen]
            total = sum(taken)
            if total > capacity >= total - min(taken):
                most = max(taken)
                broken = sum(parts[at] for at in order if at in chosen or hours[at] >= most) - (size - 1)
                if broken > worst:
                    best, worst = (most, chosen), broken
    return best
