"""Conditional requests (RFC 9110, 13): nobody is sent what they have, and nobody changes what they have not seen.

The ETag of a GET is a digest of its answer's bytes, so it is strong, another reader's is another one, and there is no
version to forget to count. A change that names one (`If-Match`) is compared with what the GET would answer now, in the
transaction of the change, before its first write.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Collection, Coroutine
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from marketplace.application import remembered
from mobile_api.dependencies import Ctx
from mobile_api.errors import ChangedMeanwhile
from mobile_api.security import authenticate

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
IF_MATCH, IF_NONE_MATCH = "If-Match", "If-None-Match"
ANY = "*"
LONGEST = 2_000
DIGEST_BYTES = 18
"""144 bits, as 24 characters without padding: nobody finds two answers with the same."""
_TAG = re.compile(r'(W/)?("[!#-~]*")')
_FORM = r'^(?:\*|(?:W/)?"[!#-~]*"(?:[ \t]*,[ \t]*(?:W/)?"[!#-~]*")*)$'
_KEPT_IN_304 = ("ETag", "Cache-Control", "Vary")

IfMatch = Annotated[
    str | None,
    Header(
        alias=IF_MATCH,
        max_length=LONGEST,
        pattern=_FORM,
        description="The ETag of what was seen, or several, or `*`: 412 where it is another one by now.",
        examples=['"q83vEjRWeJCrze8SNFZ4kKvN"'],
    ),
]


def etag_of(body: bytes) -> str:
    """The strong ETag of an answer."""
    digest = hashlib.sha256(body).digest()[:DIGEST_BYTES]
    return f'"{base64.urlsafe_b64encode(digest).decode()}"'


def named(request: Request, response: Response) -> Response:
    """The answer to a GET with its ETag; 304 where the reader has it already (13.1.2). Streams are left as they are."""
    body = getattr(response, "body", None)
    if response.status_code != 200 or not isinstance(body, bytes):
        return response
    tag = response.headers.setdefault("ETag", etag_of(body))
    known = ",".join(request.headers.getlist(IF_NONE_MATCH))
    if known.strip() != ANY and tag not in (found.group(2) for found in _TAG.finditer(known)):
        return response
    kept = {name: response.headers[name] for name in _KEPT_IN_304 if name in response.headers}
    return Response(status_code=304, headers=kept)


def unless_changed(router: APIRouter, read: Callable[..., Any]) -> Any:
    """A dependency of a route that changes what `read`, a GET of `router`, answers: it takes If-Match (13.1.1)."""
    route = next(one for one in router.routes if isinstance(one, APIRoute) and one.endpoint is read)
    handle = route.get_route_handler()

    async def compare(request: Request, ctx: Ctx, if_match: IfMatch = None) -> None:
        if if_match is None:
            return
        caller = (await authenticate(request)).account
        remembered.first(ctx, caller, partial(_compare, request, handle))

    return Depends(compare)


async def _compare(request: Request, read: Handler) -> None:
    """Raises ChangedMeanwhile, and NotFound where there is nothing (for this caller)."""
    wanted = strong_tags(request.headers.getlist(IF_MATCH))
    # What the GET answers to this caller here and now: guards, view and bytes are its own.
    headers = [pair for pair in request.scope["headers"] if pair[0] != IF_NONE_MATCH.lower().encode()]
    now = await read(Request({**request.scope, "method": "GET", "headers": headers}, request.receive))
    if wanted != {ANY} and now.headers["ETag"] not in wanted:
        raise ChangedMeanwhile


def strong_tags(lines: Collection[str]) -> set[str]:
    """The tags of If-Match, or `*` alone. A weak one never matches (13.1.1), so it is left out."""
    text = ",".join(lines).strip()
    return {ANY} if text == ANY else {found.group(2) for found in _TAG.finditer(text) if not found.group(1)}
