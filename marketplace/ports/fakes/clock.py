"""A clock that stands still until it is told to move."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(2027, 3, 1, 9, 30, tzinfo=UTC)
"""Where it stands if nobody says otherwise: a Monday morning."""


class FakeClock:
    """`Clock` by hand. It never moves back: a deadline that has passed stays passed."""

    def __init__(self, at: datetime = EPOCH) -> None:
        """Raises ValueError for an instant without a time zone."""
        self._at = _aware(at)

    def now(self) -> datetime:
        """As the port says."""
        return self._at

    def move(self, step: timedelta) -> datetime:
        """Go on by `step` and give the new instant. Raises ValueError for a step back."""
        return self.set(self._at + step)

    def set(self, at: datetime) -> datetime:
        """Go on to `at` and give it. Raises ValueError for an instant that is past or has no time zone."""
        if _aware(at) < self._at:
            raise ValueError(f"it is {self._at} already")
        self._at = _aware(at)
        return self._at


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at.astimezone(UTC)
