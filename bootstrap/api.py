"""The API process: the interface for phones, the gateways' ingest, and the built app."""

import asyncio
from collections.abc import Callable
from socket import socket

import uvicorn
from fastapi import FastAPI

from bootstrap.container import Container, open_container
from bootstrap.monitor import checks_of, monitored
from bootstrap.processes import keep_what_is_loaded
from bootstrap.settings import Settings
from bootstrap.tracing import TracedRequests, open_tracing
from mobile_api.app import create_app, stop_streams
from mobile_api.security import gateway_authenticator
from mobile_api.settings import ApiSettings
from shopfloor.ingest import create_router

GRACE_S = 5
"""How long requests may go on once the process is told to stop."""


def build_app(container: Container, stopping: Callable[[], bool] = lambda: False) -> FastAPI:
    """The ASGI app of this process; `stopping` says that it was told to stop."""
    settings = ApiSettings(
        jwt_secret=container.jwt_secret,
        jwt_secret_also_read=container.settings.jwt_secret_also_read.get_secret_value(),
        vapid_public_key=container.vapid.public_key,
        public_url=container.settings.public_url,
        development=container.settings.development,
        address_budget=container.settings.address_budget,
        account_budget=container.settings.account_budget,
        argon2_memory_kib=container.settings.argon2_memory_kib,
        argon2_passes=container.settings.argon2_passes,
    )
    modes = frozenset({"production"})
    if container.settings.development:
        # A simulated machine pays only on a development chain.
        modes |= {"simulation"}
    authenticate = gateway_authenticator(container.ctx, settings)
    ingest = create_router(container.ctx, container.commands, authenticate, modes=modes, stopping=stopping)
    app = create_app(
        container.ctx, settings, routers=[ingest], observe=container.metrics.request, checks=checks_of(container)
    )
    if container.tracing is not None:
        app.add_middleware(TracedRequests, tracing=container.tracing)
    return app


class _Server(uvicorn.Server):
    """Ends the open event streams and the gateways' waiting before it waits for its requests."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._app = app
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Stop in order."""
        self._stopping.set()
        await stop_streams(self._app)
        await super().shutdown(sockets)


async def run_api(settings: Settings) -> None:
    """Serve until told to stop. Raises SettingsRefused."""
    tracing = open_tracing(settings, "lotsizeone-api")
    async with open_container(settings, tracing, answers_people=True) as container:
        stopping = asyncio.Event()
        app = build_app(container, stopping.is_set)
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_graceful_shutdown=GRACE_S,
        )
        keep_what_is_loaded()
        async with monitored(container, checks_of(container)):
            await _Server(config, app, stopping).serve()
