"""Following an order as it happens (server-sent events)."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Header
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope, Send

from marketplace.application import sign_in, view_timeline
from marketplace.application.context import Context
from marketplace.application.views import TimelineItem as TimelineItemView
from marketplace.domain.errors import DomainError
from marketplace.domain.parties import Account
from marketplace.ports.unit_of_work import StoreUnavailable
from mobile_api.dependencies import Anyone, Ctx
from mobile_api.errors import Busy
from mobile_api.live import LiveTimeline, WatchEnded, Watcher
from mobile_api.routers.paths import Id, router
from mobile_api.schemas.orders import TimelineItem
from mobile_api.security import authenticate, client_stands
from mobile_api.services import services

live = router("orders")
logger = logging.getLogger(__name__)

HEARTBEAT_S = 15.0
RETRY_MS = 1000
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", pattern=r"^[0-9]{1,15}$")]
SEND_WITHIN_S = 30.0
"""A reader that takes nothing for so long is let go; it comes back with Last-Event-ID."""
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`event: timeline`, `id:` the item's id, `data:` a TimelineItem; a comment every 15 s.",
        # What `itemSchema` says in OpenAPI 3.2.
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "x-item-schema": {"$ref": "#/components/schemas/TimelineItem"},
            }
        },
    }
}


class PatientStream(StreamingResponse):
    """A stream that is cut when its reader takes nothing for `SEND_WITHIN_S`."""

    media_type = "text/event-stream"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(SEND_WITHIN_S):
                await send(message)

        with suppress(TimeoutError, ClientDisconnect):
            await super().__call__(scope, receive, send_in_time)


@dataclass(frozen=True, slots=True)
class Watch:
    """Who follows which order from where, and whether the token still opens the door."""

    ctx: Context
    caller: Account
    order_id: str
    after: int
    admitted: Callable[[], Awaitable[bool]]
    heartbeat_s: float = HEARTBEAT_S


@live.get("/orders/{id}/events", response_class=PatientStream, responses=EVENTS)
async def follow_order(
    request: Request, ctx: Ctx, caller: Anyone, order_id: Id, last_event_id: LastEventId = None
) -> PatientStream:
    """The timeline from Last-Event-ID on, and then everything as it happens."""
    after = int(last_event_id or 0)
    # Asked before the answer starts, so that someone else's order is a 404 and not an empty stream.
    hub = services(request).live
    hub.check_room()
    async with hub.reading:
        await view_timeline.require_visible(ctx, caller, order_id)
    claims = (await authenticate(request)).claims

    async def admitted() -> bool:
        if ctx.clock.now() >= claims.expires_at or await sign_in.is_revoked(ctx, claims.token_id):
            return False
        return await client_stands(ctx, claims)

    watch = Watch(ctx, caller, order_id, after, admitted)
    return PatientStream(frames(hub, watch), headers=HEADERS)


async def frames(hub: LiveTimeline, watch: Watch) -> AsyncIterator[bytes]:
    """The stream's bytes: history first, then live; nothing twice, nothing left out.

    It ends when the token ends, when the order is no longer the caller's, or when the database is away: the answer
    has begun, so the reader is let go and comes back with Last-Event-ID.
    """
    yield f"retry: {RETRY_MS}\n\n".encode()
    try:
        async with hub.watch(watch.order_id) as watcher:
            async for part in _parts(hub, watch, watcher):
                yield part
    except (WatchEnded, Busy, DomainError, StoreUnavailable) as error:
        logger.info("a stream ends: %s", type(error).__name__)


async def _parts(hub: LiveTimeline, watch: Watch, watcher: Watcher) -> AsyncIterator[bytes]:
    last = watch.after
    # The watch began before this first read, so that nothing falls between history and live.
    news = True
    while await watch.admitted():
        if news:
            async with hub.reading:
                items = await view_timeline.timeline(watch.ctx, watch.caller, watch.order_id, after=last)
            for item in items:
                yield frame(item)
                last = item.id
        else:
            yield b": still here\n\n"
        news = await watcher.news(watch.heartbeat_s)


def frame(item: TimelineItemView) -> bytes:
    """One event of the stream."""
    data = TimelineItem.model_validate(item).model_dump(mode="json")
    return f"event: timeline\nid: {item.id}\ndata: {json.dumps(data)}\n\n".encode()
