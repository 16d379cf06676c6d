"""The adapter of the telemetry port: an attempt at an effect is measured, logged and traced."""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bootstrap.metrics import Metrics
from bootstrap.tracing import Tracing
from marketplace.ports import activity
from marketplace.ports.telemetry import Tell
from marketplace.ports.unit_of_work import StoredEffect

log = logging.getLogger(__name__)

COMPONENT = "Effects"


class ProcessTelemetry:
    """Tells metrics, log and traces of this process."""

    def __init__(self, metrics: Metrics, tracing: Tracing | None = None) -> None:
        self._metrics = metrics
        self._tracing = tracing

    @contextmanager
    def effect(self, stored: StoredEffect) -> Iterator[Tell]:
        """Around an attempt."""
        kind, words = stored.effect.kind.value, ["raised"]
        with ExitStack() as stack:
            stack.enter_context(activity.about(stored.order_id))
            begun = time.perf_counter()
            if self._tracing is not None:
                span = stack.enter_context(
                    self._tracing.span(f"effect {kind}", "CONSUMER", stored.trace, **_attributes(stored))
                )
                stack.callback(lambda: span.set_attribute("effect.outcome", words[-1]))
            try:
                yield words.append
            finally:
                self._metrics.effect(kind, words[-1], time.perf_counter() - begun)
                if words[-1] == "done":
                    details = {"component": COMPONENT, "effect": stored.id, "attempts": stored.attempts}
                    log.info("%s done", kind, extra=details)


def _attributes(stored: StoredEffect) -> dict[str, str | int]:
    return {
        "effect.id": stored.id,
        "effect.kind": stored.effect.kind.value,
        "effect.attempts": stored.attempts,
        "order.id": stored.order_id,
    }
