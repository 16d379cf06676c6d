"""The registry's side of the peer: LinkSmart's Service Catalog v3 under `/apis/sr`.

One route dispatches by the number of segments, because an id may itself hold one slash.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from matchmaking.peer.http import Peer, Refused, answering, json_of, principal_of, whole_number
from matchmaking.peer.services import OPERATORS, CatalogueFull, ServiceBody

_METHODS = ["GET", "POST", "PUT", "DELETE"]
_MAX_PER_PAGE = 100
_MAX_PAGE = 1_000_000


def service_routes(peer: Peer) -> list[Route]:
    """`/apis/sr` and below."""

    async def dispatch(request: Request) -> Response:
        rest = request.path_params.get("rest", "").strip("/")
        segments = [] if not rest else rest.split("/")
        if request.method not in _METHODS:
            return Response(status_code=405, headers={"Allow": ", ".join(_METHODS)})
        if segments == ["health"] and request.method == "GET":
            return PlainTextResponse("OK")
        await principal_of(request, peer, write=request.method != "GET")
        match (request.method, len(segments)):
            case ("GET", 0):
                return _page(request, peer, peer.services.listing(), filtered=False)
            case ("POST", 0):
                return await _create(request, peer)
            case ("GET", 3):
                return _filter(request, peer, segments)
            case (method, 1 | 2) if method != "POST":
                return await _one(request, peer, rest)
        return Response(status_code=405)

    everything = [*_METHODS, "HEAD", "PATCH", "OPTIONS"]
    return [
        Route("/apis/sr", answering(dispatch), methods=everything),
        Route("/apis/sr/{rest:path}", answering(dispatch), methods=everything),
    ]


async def _create(request: Request, peer: Peer) -> Response:
    body = await json_of(request, ServiceBody)
    if body.id is not None:
        raise Refused(400, "Creating a service with defined ID is not possible using a POST request")
    service_id, _ = _register(peer, None, body)
    return JSONResponse(peer.services.get(service_id), 201, headers={"Location": f"/apis/sr/{service_id}"})


async def _one(request: Request, peer: Peer, service_id: str) -> Response:
    known = peer.services.get(service_id)
    if request.method == "PUT":
        body = await json_of(request, ServiceBody)
        if body.id is not None and body.id != service_id:
            raise Refused(409, "the id of the body is not the id of the address")
        if len(service_id) > 256 or any(c.isspace() for c in service_id):
            raise Refused(400, "an id holds no blanks")
        _, new = _register(peer, service_id, body)
        return JSONResponse(peer.services.get(service_id), 201 if new else 200)
    if known is None:
        raise Refused(404, "no service has this id")
    if request.method == "DELETE":
        peer.services.remove(service_id)
    return JSONResponse(known)


def _register(peer: Peer, service_id: str | None, body: ServiceBody) -> tuple[str, bool]:
    try:
        return peer.services.register(service_id, body)
    except CatalogueFull as error:
        raise Refused(507, str(error)) from None


def _filter(request: Request, peer: Peer, segments: list[str]) -> Response:
    path, operator, wanted = segments
    if peer.quirks.filter_fails:
        return PlainTextResponse("runtime error: index out of range\ngoroutine 42 [running]:\nmain.go:17", 500)
    if operator not in OPERATORS:
        raise Refused(400, f"the operators are {', '.join(OPERATORS)}")
    hits = [] if peer.quirks.filter_finds_nothing else peer.services.having(path, operator, wanted)
    return _page(request, peer, hits, filtered=True)


def _page(request: Request, peer: Peer, hits: list[dict[str, Any]], *, filtered: bool) -> Response:
    number = whole_number(request, "page", 1, 1, _MAX_PAGE)
    size = whole_number(request, "per_page", _MAX_PER_PAGE, 1, _MAX_PER_PAGE)
    start = (number - 1) * size
    if peer.quirks.repeats_across_pages and number > 1:
        start -= 1
    on_page = hits[start : start + size]
    total = len(hits)
    if peer.quirks.zero_total_past_end and not on_page and not filtered:
        total = 0
    listed = None if peer.quirks.null_for_empty and not on_page else on_page
    answer = {
        "id": peer.identity.registry_id,
        "description": peer.identity.title,
        "services": listed,
        "page": number,
        "per_page": size,
        "total": total,
    }
    media = "application/json;version=" if peer.quirks.empty_content_type_version else "application/json"
    return JSONResponse(answer, media_type=media)
