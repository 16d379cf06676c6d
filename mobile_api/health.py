"""Is the process alive, and can it serve (the words of Kubernetes probes)."""

import asyncio
from collections.abc import Awaitable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from marketplace.application import chain_info, view_timeline
from mobile_api.services import services

ANSWER_WITHIN_S = 2.0

health = APIRouter(include_in_schema=False)


@health.get("/livez")
async def alive() -> Response:
    """200 while the process answers at all."""
    return JSONResponse({"status": "ok"})


@health.get("/readyz")
async def ready(request: Request) -> Response:
    """200 while the database answers. Without the chain, orders can still be seen: that is named, and no reason."""
    ctx = services(request).ctx
    database = await _answers(view_timeline.latest(ctx))
    chain = await _answers(chain_info.chain_info(ctx))
    checks = {"database": _word(database), "chain": _word(chain)}
    return JSONResponse({"status": _word(database), "checks": checks}, 200 if database else 503)


async def _answers(question: Awaitable[object]) -> bool:
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await question
    except Exception:
        return False
    return True


def _word(well: bool) -> str:
    return "ok" if well else "unavailable"
