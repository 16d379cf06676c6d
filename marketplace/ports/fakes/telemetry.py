"""Telemetry that remembers what it was told."""

from collections.abc import Iterator
from contextlib import contextmanager

from marketplace.ports.telemetry import Tell
from marketplace.ports.unit_of_work import StoredEffect


class FakeTelemetry:
    """(kind, outcome) of every attempt in the order of their ends; "raised" where nothing was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    @contextmanager
    def effect(self, stored: StoredEffect) -> Iterator[Tell]:
        """Remember the last word."""
        words = ["raised"]
        try:
            yield words.append
        finally:
            self.told.append((stored.effect.kind.value, words[-1]))
