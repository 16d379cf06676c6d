"""Is the process alive, and can it serve (the words of Kubernetes probes)."""

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from marketplace.application import chain_info, view_timeline
from marketplace.application.context import Context
from marketplace.application.health import OK, UNAVAILABLE, Check, readiness
from mobile_api.services import services

health = APIRouter(include_in_schema=False)


def checks_of(ctx: Context) -> Mapping[str, Check]:
    """What this interface cannot do without, the database; and the chain, without which orders can still be seen."""

    async def database() -> None:
        await view_timeline.latest(ctx)

    async def chain() -> None:
        await chain_info.chain_info(ctx)

    return {"database": Check(database, needed=True), "chain": Check(chain)}


@health.get("/livez")
async def alive() -> Response:
    """200 while the process answers at all."""
    return JSONResponse({"status": OK})


@health.get("/readyz")
async def ready(request: Request) -> Response:
    """200 while all that is needed answers; each part is named, with what is wrong with it."""
    found = await readiness(services(request).checks)
    body = {"status": OK if found.ready else UNAVAILABLE, "checks": dict(found.words)}
    return JSONResponse(body, 200 if found.ready else 503)
