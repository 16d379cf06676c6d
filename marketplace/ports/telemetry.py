"""What is told of the relay's work while it is done, to whoever measures and traces it. Nothing is decided by it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from marketplace.ports.unit_of_work import StoredEffect

Tell = Callable[[str], None]
"""Is told the outcome of an attempt in one word: done, waits, failed, parked, lost."""


class Telemetry(Protocol):
    """Watches attempts at effects."""

    def effect(self, stored: StoredEffect) -> AbstractContextManager[Tell]:
        """Around an attempt: what is done inside belongs to the effect's trace. Never raises of its own accord."""
        ...


class Unwatched:
    """Watches nothing."""

    @contextmanager
    def effect(self, stored: StoredEffect) -> Iterator[Tell]:
        """Lets the attempt pass."""
        del stored
        yield lambda _: None


UNWATCHED = Unwatched()
