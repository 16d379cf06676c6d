"""One trace from the phone's request over the API's transaction and the worker's attempt to the node of the chain."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bootstrap.api import build_app
from bootstrap.container import open_container
from bootstrap.demo.actors import assemble
from bootstrap.demo.stage import HOST, Ports, programs
from bootstrap.demo.supervisor import Supervisor
from bootstrap.deploy import deploy_development
from bootstrap.settings import Settings
from bootstrap.tracing import Tracing
from marketplace.application.relay import relay_due

pytestmark = [pytest.mark.integration]

TRACE, PHONE = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
"""The example of W3C Trace Context."""
SECRETS = ("correct", "@", "0x", "Ana")


@asynccontextmanager
async def chain(folder: Path) -> AsyncIterator[Settings]:
    """Settings of a folder whose contracts are on a devchain of its own."""
    ports, supervisor = Ports.free(0), Supervisor(folder, lambda _: None)
    program = programs(folder, ports)["devchain"]
    supervisor.start("devchain", program.arguments, program.environment)
    try:
        url = f"http://{HOST}:{ports.chain}"
        call = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
        await supervisor.ready("devchain", url, method="POST", body=call)
        settings = Settings(data_dir=folder, chain_url=url, argon2_memory_kib=1_024, argon2_passes=1)
        await deploy_development(settings)
        yield settings
    finally:
        supervisor.end()


async def asked_and_done(settings: Settings, api: Tracing | None, worker: Tracing | None) -> None:
    """A customer asks for test money, a phone's traceparent on the request; a worker does what follows."""
    async with open_container(settings, api) as container:
        transport = httpx.ASGITransport(build_app(container))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
            customer = assemble(settings.data_dir, http)["customer"]
            await customer.join()
            headers = {"Authorization": f"Bearer {customer.token}", "traceparent": f"00-{TRACE}-{PHONE}-01"}
            answer = await http.post("/v1/dev/funds", json={}, headers=headers)
            assert answer.is_success, answer.text
    async with open_container(settings, worker) as container, asyncio.timeout(60):
        while await relay_due(container.ctx):
            pass


@pytest.mark.req(155)
async def test_one_trace_goes_from_the_phone_to_the_chain(tmp_path: Path) -> None:
    exporters = [InMemorySpanExporter(), InMemorySpanExporter()]
    api, worker = (
        Tracing(name, SimpleSpanProcessor(told)) for name, told in zip(("api", "worker"), exporters, strict=True)
    )
    async with chain(tmp_path) as settings:
        await asked_and_done(settings, api, worker)
    told = [span for exporter in exporters for span in exporter.get_finished_spans()]
    spans = [span for span in told if of_trace(span) == TRACE]
    by_name = {span.name: span for span in spans}
    request, effect = by_name["POST /v1/dev/funds"], by_name["effect fund_test_account"]
    sent = by_name["eth_sendRawTransaction"]
    assert [parent_of(span) for span in (request, effect, sent)] == [PHONE, id_of(request), id_of(effect)]
    assert [service_of(span) for span in (request, effect, sent)] == ["api", "worker", "worker"]
    assert dict(request.attributes or {})["http.response.status_code"] == 200
    assert dict(effect.attributes or {})["effect.outcome"] == "done"
    shown = " ".join(str((span.name, dict(span.attributes or {}), span.status.description)) for span in told)
    assert [secret for secret in SECRETS if secret in shown] == []


async def test_without_tracing_there_is_none(tmp_path: Path) -> None:
    """Negative control: the same story, nobody listening."""
    async with chain(tmp_path) as settings:
        await asked_and_done(settings, None, None)
        async with open_container(settings) as container, container.ctx.uow.read() as tx:
            assert await tx.outbox.next_due() is None


def of_trace(span: ReadableSpan) -> str:
    return f"{context(span).trace_id:032x}"


def id_of(span: ReadableSpan) -> str:
    return f"{context(span).span_id:016x}"


def parent_of(span: ReadableSpan) -> str:
    assert span.parent is not None
    return f"{span.parent.span_id:016x}"


def context(span: ReadableSpan) -> Any:
    return span.get_span_context()


def service_of(span: ReadableSpan) -> Any:
    return span.resource.attributes["service.name"]
