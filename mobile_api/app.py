"""Puts the interface together: routes, guards, problems, limits, the live timeline and the built app."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI

from marketplace.application import design_files, dispute_photos
from marketplace.application.context import Context
from marketplace.application.health import Check
from mobile_api import errors
from mobile_api.attempts import Attempts
from mobile_api.budgets import AddressBudget, Budget
from mobile_api.health import checks_of, health
from mobile_api.idempotency import Answers
from mobile_api.journal import Journal, Observe, unobserved
from mobile_api.live import LiveTimeline
from mobile_api.middleware import BodyLimit, SafeResponses
from mobile_api.openapi import TITLE, VERSION, document, operation_id
from mobile_api.passwords import Passwords
from mobile_api.routers.table import include
from mobile_api.services import Services
from mobile_api.settings import ApiSettings
from mobile_api.static_app import BUILT, StaticApp

LARGER = {
    re.compile(r"/v1/design-files"): design_files.LARGEST,
    re.compile(r"/v1/orders/[^/]+/dispute/photos"): dispute_photos.LARGEST,
}
"""Paths whose bodies are files."""


def create_app(
    ctx: Context,
    settings: ApiSettings,
    *,
    routers: Sequence[APIRouter] = (),
    static_dir: Path | None = None,
    observe: Observe = unobserved,
    checks: Mapping[str, Check] | None = None,
) -> FastAPI:
    """The ASGI app of one API process.

    `routers` are mounted beside ours and guard themselves (the gateways' ingest, the registry peer). `static_dir` holds
    the built app, by default the one in this package. `observe` is told of each request. `checks`
    are asked for /readyz beside the database and the chain. Nothing is opened before the first request.
    """
    services = Services(
        ctx=ctx,
        settings=settings,
        passwords=Passwords(memory_kib=settings.argon2_memory_kib, passes=settings.argon2_passes),
        attempts=Attempts(),
        budget=Budget("account", settings.account_budget),
        answers=Answers(settings.keys),
        live=LiveTimeline(ctx),
        checks={**checks_of(ctx), **(checks or {})},
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await services.passwords.prepare()
        try:
            yield
        finally:
            await services.live.close()

    app = FastAPI(
        title=TITLE,
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        lifespan=lifespan,
    )
    app.state.services = services
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, larger=LARGER)
    app.add_middleware(AddressBudget, budget=Budget("address", settings.address_budget))
    app.add_middleware(SafeResponses)
    app.add_middleware(Journal, observe=observe)
    errors.install(app)
    include(app, development=settings.development)
    app.include_router(health)
    for router in routers:
        app.include_router(router)
    app.router.default = StaticApp(static_dir or BUILT)
    _describe(app)
    return app


async def stop_streams(app: FastAPI) -> None:
    """End the open event streams. A server calls this when it is told to stop, before it waits for its requests."""
    await app.state.services.live.close()


def _describe(app: FastAPI) -> None:
    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]
