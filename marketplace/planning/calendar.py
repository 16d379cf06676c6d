"""A machine's time: shifts that repeat every week, and reservations in them.

Everything is counted in *open* minutes from minute 0 of the plan: nights and weekends have no length there, so an
operation that pauses over them is one interval, and the search for a gap is a search among intervals. Nothing runs
across a reservation; a holiday, a repair or maintenance is one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

WEEK = 7 * 24 * 60
"""Minutes in a week."""

FURTHEST = 10 * 53 * WEEK
"""Minutes beyond which nothing is planned: about ten years."""


@dataclass(frozen=True, slots=True)
class Shifts:
    """When a machine is open in a week: ascending (start, end) in minutes from the week's beginning, which is minute 0.

    Raises ValueError for shifts that are empty, overlap, are out of order or outside the week.
    """

    windows: tuple[tuple[int, int], ...]
    _ends: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _opened: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        edges = [edge for window in self.windows for edge in window]
        if not edges or edges[0] < 0 or edges[-1] > WEEK or any(end <= start for start, end in self.windows):
            raise ValueError("shifts are inside a week, and each is longer than nothing")
        if edges != sorted(edges):
            raise ValueError("shifts are in order and do not overlap")
        object.__setattr__(self, "_ends", tuple(end for _, end in self.windows))
        lengths = (end - start for start, end in self.windows)
        object.__setattr__(self, "_opened", tuple(accumulate(lengths, initial=0)))

    @property
    def a_week(self) -> int:
        """Open minutes in a week."""
        return self._opened[-1]

    def opened(self, minute: int) -> int:
        """Open minutes before `minute`."""
        weeks, rest = divmod(minute, WEEK)
        place = bisect_right(self._ends, rest)
        inside = max(0, rest - self.windows[place][0]) if place < len(self.windows) else 0
        return weeks * self.a_week + self._opened[place] + inside

    def starts(self, opened: int) -> int:
        """The minute in which open minute number `opened` begins."""
        weeks, rest = divmod(opened, self.a_week)
        place = bisect_right(self._opened, rest) - 1
        return weeks * WEEK + self.windows[place][0] + rest - self._opened[place]

    def ends(self, opened: int) -> int:
        """The minute by which `opened` open minutes are over: a shift's end, not the beginning of the next."""
        return self.starts(opened - 1) + 1 if opened else 0


ALWAYS = Shifts(((0, WEEK),))
"""A machine that never closes."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """A machine's shifts with what is reserved: starts, ends and holders of intervals in open minutes, ascending."""

    shifts: Shifts
    starts: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    holders: tuple[str, ...] = ()

    def earliest(self, ready: int, minutes: int) -> tuple[int, int]:
        """(start, end) in open minutes of the first gap of this length that begins at or after open minute `ready`."""
        starts, ends = self.starts, self.ends
        place = bisect_right(ends, ready)
        for start in starts[place:] if place else starts:
            if start - ready >= minutes:
                break
            ready = max(ready, ends[place])
            place += 1
        return ready, ready + minutes

    def reserve(self, start: int, end: int, holder: str) -> "Calendar":
        """With one interval more. Raises ValueError where it is taken, or is empty."""
        place = bisect_left(self.starts, start)
        before = self.ends[place - 1] if place else 0
        after = self.starts[place] if place < len(self.starts) else end
        if not before <= start < end <= after:
            raise ValueError(f"{start} to {end} is empty or taken")
        return Calendar(
            self.shifts,
            (*self.starts[:place], start, *self.starts[place:]),
            (*self.ends[:place], end, *self.ends[place:]),
            (*self.holders[:place], holder, *self.holders[place:]),
        )

    def block(self, start: int, end: int, holder: str) -> "Calendar":
        """With minutes `start` to `end` of the plan reserved, as for a holiday; closed ones among them do not count."""
        opened = self.shifts.opened(start), self.shifts.opened(end)
        return self.reserve(*opened, holder) if opened[0] < opened[1] else self

    def without(self, holders: frozenset[str]) -> "Calendar":
        """Without the reservations of these holders."""
        kept = [place for place, holder in enumerate(self.holders) if holder not in holders]
        if len(kept) == len(self.holders):
            return self
        return Calendar(
            self.shifts,
            tuple(self.starts[place] for place in kept),
            tuple(self.ends[place] for place in kept),
            tuple(self.holders[place] for place in kept),
        )

    def booked(self, start: int, end: int) -> tuple[int, int]:
        """(reserved, open) minutes from minute `start` to minute `end` of the plan."""
        first, last = self.shifts.opened(start), self.shifts.opened(end)
        places = range(bisect_right(self.ends, first), bisect_left(self.starts, last))
        return sum(min(last, self.ends[at]) - max(first, self.starts[at]) for at in places), last - first


def share_bps(parts: Sequence[tuple[int, int]]) -> int:
    """Reserved of open minutes over several calendars, in basis points; 10,000 where nothing is open."""
    reserved, opened = (sum(column) for column in zip(*parts, strict=True)) if parts else (0, 0)
    return reserved * 10_000 // opened if opened else 10_000
