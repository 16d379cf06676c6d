"""A small push service of our own (RFC 8030) with the device behind it.

A demonstration and a test have no browser vendor to talk to: this application answers as one would, checks
what one would check, and then decrypts as the device would. It also fails on request.

    POST   /subscribe        {"application_server_key"?: …} → 201 {"endpoint", "keys": {"p256dh", "auth"}}
    POST   /push/{id}        one encrypted message → 201, `Location`
    DELETE /push/{id}        unsubscribe → 204; later messages get 410
    POST   /push/{id}/faults {"status": 429, "retry_after": 7, "count": 1}: the next answers
    GET    /messages         what the devices read, oldest first; `?subscription=id` for one of them
    GET    /health           "OK"
"""

import json
import re
import secrets
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from notifications.errors import PushError, PushGone, PushInvalid, PushRefused
from notifications.mailbox import Box, Mailroom
from notifications.vapid_check import check_authorization

MAX_BODY_BYTES = 4096  # RFC 8030 §7.2: what a service must take, and this one takes no more
MAX_TTL_S = 28 * 24 * 3600
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
_URGENCIES = frozenset({"very-low", "low", "normal", "high"})


class _TooLarge(PushInvalid):
    """A body over the limit."""


class _Unsubscribed(PushGone):
    """A subscription that was here once: 410, where an unknown one is 404."""


# Most specific first: the first class that matches decides.
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (_Unsubscribed, 410),
    (PushGone, 404),
    (PushRefused, 403),
    (_TooLarge, 413),
    (PushError, 400),
)


def create_receiver_app(*, now: Callable[[], float], public_origin: str = "") -> Starlette:
    """The push service as an ASGI application that remembers in memory.

    `now` gives Unix time in seconds. `public_origin` is the origin senders see (and sign for); empty means
    the one each request names.
    """
    receiver = _Receiver(now, public_origin.rstrip("/"))
    routes = [
        Route("/subscribe", receiver.subscribe, methods=["POST"]),
        Route("/push/{id}", receiver.push, methods=["POST"]),
        Route("/push/{id}", receiver.unsubscribe, methods=["DELETE"]),
        Route("/push/{id}/faults", receiver.plan_fault, methods=["POST"]),
        Route("/messages", receiver.messages, methods=["GET"]),
        Route("/health", _health, methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers={PushError: _problem})


def serve(*, host: str, port: int, now: Callable[[], float], public_origin: str = "") -> None:
    """Run the receiver until the process is asked to end (SIGINT, SIGTERM)."""
    app = create_receiver_app(now=now, public_origin=public_origin)
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=2)


class _Receiver:
    def __init__(self, now: Callable[[], float], public_origin: str) -> None:
        self._now = now
        self._public_origin = public_origin
        self._room = Mailroom()

    async def subscribe(self, request: Request) -> Response:
        wanted = await _json_object(request)
        key = wanted.get("application_server_key", "")
        if not isinstance(key, str):
            raise PushInvalid("application_server_key must be text")
        box = self._room.subscribe(key.rstrip("="))
        endpoint = f"{self._origin(request)}/push/{box.id}"
        return JSONResponse({"endpoint": endpoint, "keys": box.keys()}, status_code=201)

    async def push(self, request: Request) -> Response:
        box = self._box(request)
        if box.faults:
            status, retry_after_s = box.faults.popleft()
            return PlainTextResponse("planned", status, headers={"Retry-After": str(retry_after_s)})
        authorization = request.headers.get("authorization")
        if authorization is None:
            return PlainTextResponse("a vapid Authorization is needed", 401, headers={"WWW-Authenticate": "vapid"})
        signer = check_authorization(authorization, audience=self._origin(request), now=self._now())
        if box.sender_key and signer.rstrip("=") != box.sender_key:
            raise PushRefused("this subscription belongs to another application server")
        ttl_s, topic = _check_headers(request)
        body = await _bounded_body(request)
        record = {
            "message": secrets.token_urlsafe(12),
            "subscription": box.id,
            "received_at": self._now(),
            "ttl_s": ttl_s,
            "content": box.decrypt(body),
        }
        box.store(topic, record)
        headers = {"Location": f"{self._origin(request)}/message/{record['message']}", "TTL": str(ttl_s)}
        return Response(status_code=201, headers=headers)

    async def unsubscribe(self, request: Request) -> Response:
        self._room.unsubscribe(self._box(request).id)
        return Response(status_code=204)

    async def plan_fault(self, request: Request) -> Response:
        box = self._box(request)
        wanted = await _json_object(request)
        status, wait_s, count = (wanted.get("status"), wanted.get("retry_after", 1), wanted.get("count", 1))
        if type(status) is not int or not 400 <= status <= 599:
            raise PushInvalid("status must be an HTTP error")
        if type(wait_s) is not int or type(count) is not int or not 0 <= wait_s <= 86_400 or not 1 <= count <= 100:
            raise PushInvalid("retry_after must be 0 to 86400 seconds, count 1 to 100")
        box.faults.extend([(status, wait_s)] * count)
        return Response(status_code=204)

    async def messages(self, request: Request) -> Response:
        chosen = request.query_params.get("subscription")
        boxes = self._room.boxes() if chosen is None else [self._room.box(chosen)]
        found = [record for box in boxes for record in box.read()]
        return JSONResponse({"messages": sorted(found, key=lambda record: float(record["received_at"]))})

    def _box(self, request: Request) -> Box:
        identity = str(request.path_params["id"])
        if self._room.was_removed(identity):
            raise _Unsubscribed("this subscription was removed")
        return self._room.box(identity)

    def _origin(self, request: Request) -> str:
        return self._public_origin or f"{request.url.scheme}://{request.url.netloc}"


def _check_headers(request: Request) -> tuple[int, str]:
    """Time to live in seconds and topic (RFC 8030 §5.2 to §5.4), or a refusal."""
    headers = request.headers
    if headers.get("content-encoding", "") != "aes128gcm":
        raise PushInvalid("Content-Encoding must be aes128gcm")
    ttl = headers.get("ttl", "")
    if not (ttl.isascii() and ttl.isdigit() and len(ttl) <= 10):
        raise PushInvalid("TTL is needed, in seconds")
    topic = headers.get("topic", "")
    if topic and not _TOPIC.fullmatch(topic):
        raise PushInvalid("Topic must be at most 32 base64url characters")
    if headers.get("urgency", "normal") not in _URGENCIES:
        raise PushInvalid("Urgency is not one of RFC 8030")
    return min(int(ttl), MAX_TTL_S), topic


async def _bounded_body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _TooLarge(f"the body is longer than {MAX_BODY_BYTES} bytes")
    return body


async def _json_object(request: Request) -> dict[str, Any]:
    body = await _bounded_body(request)
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise PushInvalid("the body is not JSON") from error
    if not isinstance(value, dict):
        raise PushInvalid("the body must be a JSON object")
    return value


async def _health(_: Request) -> Response:
    return PlainTextResponse("OK")


async def _problem(_: Request, error: Exception) -> Response:
    """Status codes of RFC 8030 and RFC 8292 for our error types."""
    status = next(code for kind, code in _STATUS if isinstance(error, kind))
    return PlainTextResponse(str(error), status)
