"""How many failed sign-ins one name may have from one address in a while (OWASP ASVS 5.0, 6.3.1)."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from mobile_api.errors import TooManyAttempts

FAILURES = 10
WINDOW_S = 300.0
REMEMBERED = 10_000
"""Names kept; the longest unused one is forgotten first, so that a flood cannot fill the memory."""


class Attempts:
    """Failures by (name, address), in this process. The password's cost bounds what several processes add up to."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def check(self, name: str, address: str) -> None:
        """Raises TooManyAttempts while the window holds too many failures."""
        failures = self._recent(name, address)
        if failures is not None and len(failures) >= FAILURES:
            raise TooManyAttempts(int(failures[0] + WINDOW_S - self._clock()) + 1)

    def failed(self, name: str, address: str) -> None:
        """Note a failure."""
        failures = self._recent(name, address)
        if failures is None:
            failures = self._failures[name, address] = deque()
        failures.append(self._clock())
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Start counting anew."""
        self._failures.pop((name, address), None)

    def _recent(self, name: str, address: str) -> deque[float] | None:
        failures = self._failures.get((name, address))
        if failures is None:
            return None
        self._failures.move_to_end((name, address))
        while failures and failures[0] <= self._clock() - WINDOW_S:
            failures.popleft()
        return failures
