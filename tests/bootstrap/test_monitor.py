"""What operators are told of a process: its figures, whether it lives, whether it is ready; on loopback, on request."""

import asyncio
import logging
import math
import re
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bootstrap.api import build_app
from bootstrap.container import Container, open_container
from bootstrap.metrics import Metrics
from bootstrap.monitor import NoAddress, checks_of, monitor_app, monitored
from bootstrap.settings import Settings
from marketplace.application.health import Check, readiness
from marketplace.domain.effects import Effect, EffectKind
from marketplace.persistence.figures import Figures
from marketplace.ports.chain import Head, SendingHealth
from marketplace.ports.chain_cursor import ReadingState
from marketplace.ports.fakes.chain import FakeChain
from tests.bootstrap.test_container import BOOK

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def container(tmp_path: Path) -> AsyncIterator[Container]:
    """Everything wired, beside a chain that does not answer."""
    BOOK.save(tmp_path / "contracts.json")
    settings = Settings(data_dir=tmp_path, argon2_memory_kib=1_024, argon2_passes=1, chain_url="http://127.0.0.1:9")
    async with open_container(settings) as opened:
        yield opened


def values(text: bytes) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
    """Samples of the text format, by name and labels."""
    families = text_string_to_metric_families(text.decode())
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(text: bytes, name: str, **labels: str) -> float:
    return values(text)[f"lotsizeone_{name}", frozenset(labels.items())]


def test_the_figures_are_told() -> None:
    metrics = Metrics()
    metrics.request("POST", "/v1/orders", 201, 0.2)
    metrics.effect("push", "done", 1.5)
    figures = Figures({"waiting": 3, "parked": 1}, NOON - timedelta(seconds=7), {"settled": 2}, 43, 31, True, 2, 5)
    metrics.show(figures, NOON)
    metrics.show_chain(Head(44, "0x", int(NOON.timestamp()) - 2), NOON)
    text = metrics.text()
    assert value(text, "http_request_seconds_count", method="POST", route="/v1/orders", status="2xx") == 1
    assert value(text, "effect_seconds_sum", kind="push", outcome="done") == 1.5
    assert [value(text, "outbox_effects", status=status) for status in ("waiting", "parked", "held")] == [3, 1, 0]
    assert value(text, "outbox_oldest_due_seconds") == 7
    assert (value(text, "orders", status="settled"), value(text, "orders", status="placed")) == (2, 0)
    assert [value(text, f"chain_{name}") for name in ("up", "head_block", "head_age_seconds")] == [1, 44, 2]
    assert [value(text, f"chain_{name}") for name in ("read_block", "final_block", "distrusted")] == [43, 31, 1]
    assert (value(text, "orders_frozen"), value(text, "chain_transactions_pending")) == (2, 5)


def test_the_account_that_sends_is_shown() -> None:
    metrics = Metrics()
    metrics.show_sending(SendingHealth(3, 90.5, 10**16, 5 * 10**16, {"relayer-funds": "empty"}, None))
    text = metrics.text()
    figures = [
        value(text, name) for name in ("relayer_balance_ether", "relayer_reserve_ether", "sending_oldest_seconds")
    ]
    assert figures == [0.01, 0.05, 90.5]
    assert value(text, "sending_alarms", alarm="relayer-funds") == 1
    metrics.show_sending(None)
    assert math.isnan(value(metrics.text(), "relayer_balance_ether"))
    assert b"relayer-funds" not in metrics.text()


async def test_readiness_names_what_is_wrong_with_sending(container: Container) -> None:
    chain = FakeChain()
    checks = checks_of(replace(container, ctx=replace(container.ctx, chain=chain)))
    assert (await readiness(checks)).words["sending"] == "ok"
    chain.node.is_poor = True
    found = await readiness(checks)
    assert (found.ready, found.words["sending"]) == (True, "the relayer's money is below its reserve")


def test_what_is_not_known_is_not_told_as_if_it_were() -> None:
    metrics = Metrics()
    metrics.show(Figures({"waiting": 3}, None, {"settled": 2}, 43, 31, True, 2, 5), NOON)
    metrics.show(None, NOON)
    metrics.show_chain(None, NOON)
    text = metrics.text()
    assert (value(text, "database_up"), value(text, "chain_up")) == (0, 0)
    assert not [name for name, labels in values(text) if name in ("lotsizeone_orders", "lotsizeone_outbox_effects")]
    assert math.isnan(value(text, "chain_read_block"))


async def test_requests_and_log_are_counted_by_what_they_are(container: Container) -> None:
    app = build_app(container)
    async with (
        monitored(container, {}),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as http,
    ):
        await http.get("/v1/orders/ord_1")
        await http.post("/v1/tokens", auth=("nobody@example.org", "wrong"))
        await http.get("/v1/secret-of-a-stranger")
        logging.getLogger("tests").error("something")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(monitor_app(container, {})), base_url="http://here"
    ) as http:
        text = (await http.get("/metrics")).content
    assert value(text, "http_request_seconds_count", method="GET", route="/v1/orders/{id}", status="4xx") == 1
    assert value(text, "http_request_seconds_count", method="GET", route="(no route)", status="4xx") == 1
    assert value(text, "log_records_total", level="ERROR") == 1
    assert value(text, "log_records_total", level="WARN") >= 1
    assert (value(text, "database_up"), value(text, "chain_up")) == (1, 0)
    assert b"stranger" not in text
    assert b"ord_1" not in text


async def test_the_outbox_is_read_from_the_database(container: Container) -> None:
    now = container.ctx.clock.now()
    async with container.ctx.uow.write() as tx:
        late = Effect(EffectKind.PUSH, "a", due=now - timedelta(seconds=60))
        await tx.outbox.add("ord_1", [late, Effect(EffectKind.PUSH, "b", due=now + timedelta(days=1))], now)
    figures = await container.database.figures().read(now)
    assert figures.effects == {"waiting": 2}
    assert figures.oldest_due == late.due


async def test_ready_means_that_what_is_needed_answers(container: Container) -> None:
    checks = checks_of(container)
    found = await readiness(checks)
    words = {
        "database": "ok",
        "migrations": "ok",
        "chain": "unavailable",
        "chain reading": "ok",
        "sending": "unavailable",
    }
    assert (found.ready, dict(found.words)) == (True, words)
    async with container.ctx.uow.write() as tx:
        await tx.cursor.save(ReadingState(distrust="another genesis block"))
    assert (await readiness(checks)).words["chain reading"] == "the node is not believed"
    await container.database.close()
    (container.settings.data_dir / "marketplace.db").unlink()
    found = await readiness(checks)
    assert not found.ready
    assert found.words["migrations"] == "another version's tables"


async def test_a_check_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketplace.application.health.ANSWER_WITHIN_S", 0.01)

    async def hang() -> None:
        await asyncio.sleep(60)

    found = await readiness({"slow": Check(hang), "slow and needed": Check(hang, needed=True)})
    assert (found.ready, found.words["slow"]) == (False, "unavailable")


@pytest.mark.integration
async def test_the_monitor_answers_on_its_own_port_and_the_interface_has_no_metrics(container: Container) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = container.settings.model_copy(update={"metrics_port": port})
    there = Container(**{name: getattr(container, name) for name in Container.__slots__} | {"settings": settings})
    async with httpx.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{port}") as http:
        async with monitored(there, checks_of(there)):
            for path, status in {"/livez": 200, "/readyz": 200, "/metrics": 200, "/v1/me": 404}.items():
                assert (await http.get(path)).status_code == status
            with pytest.raises(NoAddress, match="METRICS_PORT"):
                async with monitored(there, {}):
                    pass
        with pytest.raises(httpx.ConnectError):
            await http.get("/livez")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(build_app(container)), base_url="http://here"
    ) as interface:
        assert not re.search("lotsizeone_", (await interface.get("/metrics")).text)
        assert (await interface.get("/readyz")).json()["checks"]["migrations"] == "ok"
