"""The conformance suite of the telemetry port: an attempt passes through unharmed, and its outcome is told."""

from datetime import UTC, datetime

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bootstrap.metrics import Metrics
from bootstrap.telemetry import ProcessTelemetry
from bootstrap.tracing import Tracing
from marketplace.domain.effects import Effect, EffectKind
from marketplace.ports.fakes.telemetry import FakeTelemetry
from marketplace.ports.telemetry import Telemetry, Unwatched
from marketplace.ports.unit_of_work import StoredEffect

STORED = StoredEffect(7, "ord_1", Effect(EffectKind.PUSH, "k", due=datetime(2027, 3, 1, tzinfo=UTC)), 1, 1)


def traced() -> ProcessTelemetry:
    return ProcessTelemetry(Metrics(), Tracing("tests", SimpleSpanProcessor(InMemorySpanExporter())))


EACH = [FakeTelemetry, Unwatched, traced, lambda: ProcessTelemetry(Metrics())]
each = pytest.mark.parametrize("make", EACH, ids=["fake", "nothing", "traced", "measured"])


@each
def test_an_outcome_is_taken(make: type[Telemetry]) -> None:
    with make().effect(STORED) as tell:
        tell("done")


@each
def test_a_failure_passes_through(make: type[Telemetry]) -> None:
    with pytest.raises(RuntimeError, match="ours"), make().effect(STORED):
        raise RuntimeError("ours")


def test_the_fake_remembers() -> None:
    fake = FakeTelemetry()
    with fake.effect(STORED) as tell:
        tell("failed")
    with pytest.raises(RuntimeError), fake.effect(STORED):
        raise RuntimeError
    assert fake.told == [("push", "failed"), ("push", "raised")]


def test_the_adapter_counts() -> None:
    metrics = Metrics()
    with ProcessTelemetry(metrics).effect(STORED) as tell:
        tell("done")
    with pytest.raises(RuntimeError), ProcessTelemetry(metrics).effect(STORED):
        raise RuntimeError
    for outcome in ("done", "raised"):
        assert f'lotsizeone_effect_seconds_count{{kind="push",outcome="{outcome}"}} 1.0' in metrics.text().decode()
