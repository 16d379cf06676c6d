"""The benchmark of whole orders: its client counts only what was answered as it should be, its ratios are what it says,
and the bare app does what it is compared for."""

import argparse
import asyncio
import json
import shutil
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, text

from benchmarks import orders
from benchmarks.order_flow import bare, load, posting, whole
from benchmarks.order_flow.load import Round, Unexpected, prepared, send_all
from benchmarks.order_flow.posting import Posting
from benchmarks.order_flow.premises import Setup
from benchmarks.order_flow.whole import Stuck, Whole

BODY = {
    "product_id": "pneumatic-cylinder",
    "configuration": {"amount": 40},
    "deliver_by": "2030-01-01",
    "payer_address": "0x" + "11" * 20,
    "handover_hash": "0x" + "22" * 32,
    "client_reference": "5f3c2f9e-6a0d-4f6e-9d2b-8a4d0c6c7e11",
}


def _served(status: int, requests: int) -> Round:
    """A round against a server that answers everything with this status."""
    taken: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            taken.append(await reader.readexactly(length))
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\nok".encode())

    async def run() -> Round:
        async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await answer(reader, writer)
            except asyncio.IncompleteReadError:
                writer.close()

        server = await asyncio.start_server(quietly, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            asked = [prepared("/v1/orders", str(index).encode(), {}) for index in range(requests)]
            return await send_all(port, asked, 4)

    done = asyncio.run(run())
    assert sorted(map(int, taken)) == list(range(requests))
    return done


@pytest.mark.integration
def test_every_request_is_sent_once_and_timed() -> None:
    done = _served(201, 25)
    assert (done.requests, len(done.latencies_s)) == (25, 25)
    assert all(0 < latency <= done.seconds for latency in done.latencies_s)


@pytest.mark.integration
def test_a_refusal_is_no_figure() -> None:
    with pytest.raises(ExceptionGroup) as refused:
        _served(503, 5)
    assert refused.group_contains(Unexpected)


def test_a_percentile_is_a_latency_that_was_measured() -> None:
    done = Round(200, 2.0, [index / 1000 for index in range(200, 0, -1)])
    assert (done.per_second, done.percentile_ms(50), done.percentile_ms(99)) == (100.0, 100.0, 198.0)
    assert Round(1, 1.0, [0.5]).percentile_ms(99) == 500.0


def test_ratios_are_medians_of_rounds_that_stood_side_by_side() -> None:
    ours = [Round(10, seconds, [seconds / 10] * 10) for seconds in (2.0, 4.0, 40.0)]
    others = [Round(10, seconds, [seconds / 10] * 10) for seconds in (1.0, 2.0, 4.0)]
    found = posting._compared(posting._Server(1, 1, ours, 0.3), posting._Server(2, 2, others, 0.06))
    assert (found.cpu_ms, found.bare_cpu_ms) == (10.0, 2.0)
    assert (found.ratio, found.p99_ratio) == (0.5, 2.0)
    assert (found.per_s, found.bare_per_s) == (2.5, 5.0)


def test_the_page_of_figures_has_the_four_of_each_set_up() -> None:
    post = Posting(60.0, 5.0, 20.0, 100.0, 4.0, 10.0, 0.6, 2.0, 4.0, 3.0)
    run = Whole(10, 4.0, 3.0, 2.0, 2.5, 30.0, 16.0, 8.0, 120.0, {"api": 100.0, "worker-1": 150.0}, 1.0)
    posts, wholes = {"postgres": post}, {"postgres_anvil_1_worker": run}
    wanted = {"orders_per_s": 2.0, "post_ratio": 0.6, "p99_ratio": 2.0, "chain_ratio": 0.25}
    assert orders.by_setup(posts, wholes) == {"postgres_anvil_1_worker": wanted}
    result = orders.result_of(posts, wholes)
    assert result.ratios == {
        "postgres_post": 0.6,
        "postgres_p99": 2.0,
        "postgres_post_cpu": 0.75,
        "postgres_anvil_1_worker_chain": 0.25,
    }
    assert result.bounds == {"postgres_anvil_1_worker_orders_per_s": orders.CORES * 4.0}
    assert json.loads(json.dumps(result.figures))["postgres_anvil_1_worker_cpu_ms_per_order_api"] == 100.0


def test_waiting_for_what_never_comes_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "SILENT_S", 0.05)
    monkeypatch.setattr(whole, "LOOK_S", 0.01)
    with pytest.raises(Stuck, match="1 of 2"):
        asyncio.run(whole._until(lambda: 1, 2))


def test_the_bare_app_writes_an_order_and_an_effect_together(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bare.db'}"
    app = bare.create_app(url)

    async def place() -> list[int]:
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://bare") as http:
                answers = [await http.post("/v1/orders", json=BODY) for _ in range(2)]
                answers.append(await http.post("/v1/orders", json=BODY | {"deliver_by": "soon"}))
        return [answer.status_code for answer in answers]

    assert asyncio.run(place()) == [201, 201, 422]
    engine = create_engine(url)
    with engine.connect() as connection:
        for table in ("bare_orders", "bare_outbox"):
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 2  # noqa: S608 - a name of ours
    engine.dispose()


def test_the_median_is_the_middle_one() -> None:
    assert load.median([3.0, 1.0, 2.0]) == 2.0


@pytest.mark.integration
@pytest.mark.nightly
@pytest.mark.skipif(shutil.which("rabbitmqctl") is None, reason="needs RabbitMQ")
@pytest.mark.parametrize("setup", orders.SETUPS, ids=lambda setup: str(setup.name))
def test_orders_are_settled_on_every_set_up(tmp_path: Path, setup: Setup) -> None:
    given = {"only": [setup.name], "rounds": 1, "requests": 8, "connections": 2, "orders": 3, "presigned": 5}
    options = argparse.Namespace(**given, post_only=False, phones=True, data=tmp_path / "runs")
    posts, wholes, failed = asyncio.run(orders.measure(options))
    assert not failed
    figures = orders.by_setup(posts, wholes)[setup.name]
    assert all(figure > 0 for figure in figures.values())
    assert wholes[setup.name].orders == 3
