"""What all routes of the peer share: bounded bodies, error answers in the recorded shape, and the bearer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from matchmaking.peer.catalogue import PeerIdentity
from matchmaking.peer.index import OfferIndex
from matchmaking.peer.principals import BearerRefused, Principal
from matchmaking.peer.quirks import Quirks
from matchmaking.peer.services import ServiceStore

MAX_BODY_BYTES = 64 * 1024  # a service description or a search; both are a few kB
_BODY_DEADLINE_S = 10.0

Authenticate = Callable[[str], Awaitable[Principal]]
"""The bearer -> who it stands for. Raises BearerRefused."""

Endpoint = Callable[[Request], Awaitable[Response]]

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Peer:
    """Everything the routes need."""

    identity: PeerIdentity
    offers: OfferIndex
    services: ServiceStore
    authenticate: Authenticate
    quirks: Quirks


class Refused(Exception):
    """The request ends here with this status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def error_answer(status: int, message: str) -> Response:
    """An error in LinkSmart's shape; `message` holds nothing of the request but ids it asked for."""
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"code": status, "message": message}, status, headers=headers)


def answering(endpoint: Endpoint) -> Endpoint:
    """`endpoint` with `Refused` turned into its answer."""

    async def wrapped(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refused as refusal:
            return error_answer(refusal.status, refusal.message)

    return wrapped


async def principal_of(request: Request, peer: Peer, *, write: bool = False) -> Principal:
    """Who is asking. Raises Refused 401 without a good bearer, 403 without a role for it."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not bearer.strip():
        raise Refused(401, "a bearer is required")
    try:
        principal = await peer.authenticate(bearer.strip())
    except BearerRefused:
        raise Refused(401, "the bearer is not accepted") from None
    if not (principal.may_write if write else principal.may_read):
        raise Refused(403, "no role allows this")
    return principal


async def body_of(request: Request) -> bytes:
    """The whole body. Raises Refused for one that is too large, too slow or compressed."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, "no content encoding is accepted")
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_DEADLINE_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise Refused(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
    except TimeoutError:
        raise Refused(408, "the body did not arrive in time") from None
    except ClientDisconnect:
        raise Refused(400, "the body broke off") from None
    return bytes(body)


async def json_of(request: Request, model: type[M]) -> M:
    """The body as `model`. Raises Refused 400; the answer names the first field at fault, never its value."""
    body = await body_of(request)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(part for part in map(str, fault["loc"]) if part.isidentifier() or part.isdecimal())
        raise Refused(400, f"{place[:80] or 'body'}: {fault['type']}") from None


def whole_number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A query parameter as an integer. Raises Refused 400 unless it is between `low` and `high`."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and low <= int(text) <= high):
        raise Refused(400, f"{name} must be {low} to {high}")
    return int(text)
