"""A circuit breaker for one source: after five failures in its last ten calls it is left alone for half a minute."""

from collections import deque

_WINDOW = 10
_FAILURES_TO_OPEN = 5
_REST_S = 30.0


class Breaker:
    """Counts the outcomes of calls; times are seconds of one monotonic clock that the caller reads.

    After the rest one call (the probe) may pass; its outcome closes the breaker or starts another rest.
    """

    def __init__(self) -> None:
        self._failed: deque[bool] = deque(maxlen=_WINDOW)
        self._closed_again_at: float | None = None

    def admits(self, now_s: float) -> bool:
        """True if a call may be made now; while a probe is out, further calls wait for its outcome."""
        if self._closed_again_at is None:
            return True
        if now_s < self._closed_again_at:
            return False
        self._closed_again_at = now_s + _REST_S
        return True

    def succeeded(self) -> None:
        """The call went well, or failed in a way that says nothing of the source's health."""
        if self._closed_again_at is not None:
            self._failed.clear()
            self._closed_again_at = None
        self._failed.append(False)

    def failed(self, now_s: float) -> None:
        """The call failed in a way that counts."""
        self._failed.append(True)
        if self._closed_again_at is not None or sum(self._failed) >= _FAILURES_TO_OPEN:
            self._closed_again_at = now_s + _REST_S
