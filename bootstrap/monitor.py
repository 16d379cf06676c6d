"""A second, small server of API and worker, for those who operate: /metrics, /livez, /readyz on a port of its own."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bootstrap.metrics import UNKNOWN, LevelCounter
from marketplace.application.health import ANSWER_WITHIN_S, OK, UNAVAILABLE, Check, readiness

if TYPE_CHECKING:
    from bootstrap.container import Container

Answer = TypeVar("Answer")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class NoAddress(OSError):
    """The monitor's port cannot be had."""


def checks_of(container: "Container") -> Mapping[str, Check]:
    """What both kinds of process ask: the database, its tables, the chain, and how the reading of it stands."""

    async def database() -> None:
        async with container.ctx.uow.read() as tx:
            await tx.outbox.next_due()

    async def migrations() -> str | None:
        return None if await container.database.is_current() else "another version's tables"

    async def chain() -> None:
        await container.ctx.chain.head()

    async def reading() -> str | None:
        distrusted, frozen = await container.database.figures().trouble()
        if distrusted:
            return "the node is not believed"
        return f"{frozen} orders frozen" if frozen else None

    async def sending() -> str | None:
        health = await container.ctx.chain.sending()
        if health.balance < health.reserve:
            return "the relayer's money is below its reserve"
        return ", ".join(sorted(health.alarms)) or None

    broker = {"broker": Check(container.broker.answers)} if container.broker else {}
    return broker | {
        "database": Check(database, needed=True),
        "migrations": Check(migrations, needed=True),
        "chain": Check(chain),
        "chain reading": Check(reading),
        "sending": Check(sending),
    }


async def refresh(container: "Container") -> None:
    """Bring the gauges up to date. What does not answer is shown so: a monitor must not fail with what it watches."""
    ctx, metrics = container.ctx, container.metrics
    now = ctx.clock.now()
    figures, head, sending = await asyncio.gather(
        _or_none(container.database.figures().read(now)), _or_none(ctx.chain.head()), _or_none(ctx.chain.sending())
    )
    metrics.show(figures, now)
    metrics.show_chain(head, now)
    metrics.show_sending(sending)
    metrics.broker_up.set(UNKNOWN if container.broker is None else container.broker.up)
    metrics.log_dropped.set(container.log_keeper.dropped)


async def _or_none(question: Awaitable[Answer]) -> Answer | None:
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return await question
    except Exception:
        return None


def monitor_app(container: "Container", checks: Mapping[str, Check]) -> Starlette:
    """The ASGI app of the monitor."""

    async def metrics(_request: Request) -> Response:
        await refresh(container)
        return Response(container.metrics.text(), media_type=CONTENT_TYPE)

    async def alive(_request: Request) -> Response:
        return JSONResponse({"status": OK})

    async def ready(_request: Request) -> Response:
        found = await readiness(checks)
        body = {"status": OK if found.ready else UNAVAILABLE, "checks": dict(found.words)}
        return JSONResponse(body, 200 if found.ready else 503)

    return Starlette(routes=[Route("/metrics", metrics), Route("/livez", alive), Route("/readyz", ready)])


class _Server(uvicorn.Server):
    """A server beside another one: signals are not its business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them."""
        yield


@asynccontextmanager
async def monitored(container: "Container", checks: Mapping[str, Check]) -> AsyncIterator[None]:
    """Log records are counted while the block runs; the monitor answers if METRICS_PORT is set. Raises NoAddress."""
    counter = LevelCounter(container.metrics)
    logging.getLogger().addHandler(counter)
    try:
        async with _served(container, checks):
            yield
    finally:
        logging.getLogger().removeHandler(counter)


@asynccontextmanager
async def _served(container: "Container", checks: Mapping[str, Check]) -> AsyncIterator[None]:
    settings = container.settings
    if settings.metrics_port is None:
        yield
        return
    config = uvicorn.Config(
        monitor_app(container, checks),
        host=settings.metrics_host,
        port=settings.metrics_port,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    serving = asyncio.create_task(_serve(server), name="monitor")
    try:
        while not server.started:
            await asyncio.sleep(0.01)
            if serving.done():
                raise NoAddress(
                    f"METRICS_PORT: {settings.metrics_host}:{settings.metrics_port} cannot be had; choose another one"
                )
        yield
    finally:
        server.should_exit = True
        await serving


async def _serve(server: uvicorn.Server) -> None:
    with contextlib.suppress(SystemExit):  # uvicorn's word for a port that is taken
        await server.serve()
