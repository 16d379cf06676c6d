"""Traces (OpenTelemetry) from the phone's request over API and worker to the calls of the chain's node.

The context travels as a W3C traceparent: in the request's header, in the effect's row, in the worker's spans. Its SDK
is loaded only where traces are on. Spans name routes, kinds and methods; never a person, a price or a key.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marketplace.ports import activity

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span

    from bootstrap.settings import Settings
    from contracts.rpc import Rpc

HEADER = "traceparent"
"""Of a request, and of an effect's row: version, trace, parent, flags (W3C Trace Context, 3.2)."""


class Tracing:
    """One process's tracer. `share` of the traces are kept, chosen by their id: every process chooses the same."""

    def __init__(self, service: str, processor: "SpanProcessor", share: float = 1.0) -> None:
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415 - only where traces are on
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import TraceIdRatioBased  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        # A stranger's "sampled" flag decides nothing here: it would fill our disks.
        self._provider = TracerProvider(
            resource=Resource.create({SERVICE_NAME: service}), sampler=TraceIdRatioBased(share), shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("lotsizeone")
        self._propagator = TraceContextTextMapPropagator()

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    @contextmanager
    def span(self, name: str, kind: str, parent: str | None = None, **attributes: Any) -> Iterator["Span"]:
        """A span that is the present one inside; below `parent`, a traceparent, or else below the present one."""
        from opentelemetry.trace import SpanKind  # noqa: PLC0415

        context = self._propagator.extract({HEADER: parent}) if parent else None
        with self._tracer.start_as_current_span(
            name, context, kind=SpanKind[kind], attributes=attributes, record_exception=False
        ) as span:
            carried: dict[str, str] = {}
            self._propagator.inject(carried)
            token = activity.trace.set(carried.get(HEADER))
            try:
                yield span
            finally:
                activity.trace.reset(token)


def open_tracing(settings: "Settings", service: str) -> Tracing | None:
    """Tracing as the settings say, or None where no endpoint is given."""
    if not settings.otel_exporter_otlp_endpoint:
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    # The processor's queue is bounded and sends from a thread of its own: a collector that is away holds nothing up.
    exporter = OTLPSpanExporter(f"{settings.otel_exporter_otlp_endpoint.rstrip('/')}/v1/traces")
    return Tracing(service, BatchSpanProcessor(exporter), settings.otel_traces_sampler_arg)


class TracedRequests:
    """ASGI: a span around each request, below the caller's own if its header says so."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self.app = app
        self.tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500

        async def listen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self.tracing.span("request", "SERVER", _traceparent(scope)) as span:
            try:
                await self.app(scope, receive, listen)
            finally:
                route = getattr(scope.get("route"), "path", "(no route)")
                method = scope["method"] if scope["method"] in METHODS else "other"
                span.update_name(f"{method} {route}")
                span.set_attribute("http.request.method", method)
                span.set_attribute("http.route", route)
                span.set_attribute("http.response.status_code", status)


METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


def _traceparent(scope: Scope) -> str | None:
    found = [value for name, value in scope["headers"] if name == HEADER.encode()]
    return found[0].decode("latin-1") if len(found) == 1 else None


class TracedRpc:
    """JSON-RPC with a span around each call; what is asked and answered stays out of it."""

    def __init__(self, rpc: "Rpc", tracing: Tracing) -> None:
        self._rpc = rpc
        self._tracing = tracing

    async def call(self, method: str, *params: object) -> Any:
        """As `Rpc.call`. A call on nobody's behalf, such as the polling for blocks, is not traced."""
        if activity.trace.get() is None:
            return await self._rpc.call(method, *params)
        attributes = {"rpc.system": "jsonrpc", "rpc.method": method}
        with self._tracing.span(method, "CLIENT", **attributes):
            return await self._rpc.call(method, *params)
