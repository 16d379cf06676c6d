"""Answers that follow from their question alone, kept for who asks again: the last so many of this process."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

MOST = 512
"""Who has seen a price tries other values and other days, and orders within the minute."""


class Memo(Generic[K, V]):
    """At most `most` answers; the oldest make room. What raises is not kept."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._answers: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def of(self, question: K, work: Callable[[], V]) -> V:
        """What `work` gives, or gave for the same question. Raises what `work` raises."""
        if question not in self._answers:
            self._answers[question] = work()
            if len(self._answers) > self._most:
                self._answers.popitem(last=False)
        return self._answers[question]
