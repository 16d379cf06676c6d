"""The search's side of the peer: `/item|party/select` (GET) and `/item|party/search` (POST) under `/apis/fs`."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from matchmaking.peer.http import Endpoint, Peer, Refused, answering, json_of, principal_of, whole_number
from matchmaking.peer.index import Kind
from matchmaking.peer.search import FacetWish, SearchRequest, run_search
from matchmaking.peer.solr import QueryRefused

_MAX_FILTERS = 50
_MAX_QUERY = 4_096  # characters


def search_routes(peer: Peer) -> list[Route]:
    """`/apis/fs` and below."""
    routes = []
    kinds: tuple[Kind, ...] = ("item", "party")
    for kind in kinds:
        routes.append(Route(f"/apis/fs/{kind}/select", _endpoint(peer, kind), methods=["GET"]))
        routes.append(Route(f"/apis/fs/{kind}/search", _endpoint(peer, kind), methods=["POST"]))
    return routes


def _endpoint(peer: Peer, kind: Kind) -> Endpoint:
    async def search(request: Request) -> Response:
        if request.method not in ("GET", "POST"):
            return Response(status_code=405)
        try:
            who = await principal_of(request, peer)
        except Refused as refusal:
            if peer.quirks.plain_401_for_role and refusal.status == 403:
                return PlainTextResponse("Invalid role", 401)
            raise
        wish = await json_of(request, SearchRequest) if request.method == "POST" else _from_parameters(request)
        try:
            return JSONResponse(await run_search(peer.offers, kind, wish, who, peer.quirks))
        except QueryRefused as error:
            raise Refused(400, str(error)) from None

    return answering(search)


def _from_parameters(request: Request) -> SearchRequest:
    """The query parameters as a request; there is no sort on GET."""
    parameters = request.query_params
    texts = [parameters.get("q", "*:*"), *parameters.getlist("fq"), *parameters.getlist("facet.field")]
    if len(texts) > _MAX_FILTERS or any(len(text) > _MAX_QUERY for text in texts):
        raise Refused(400, "the query is too long")
    fields = parameters.getlist("facet.field")[:20]
    return SearchRequest(
        q=texts[0],
        fq=parameters.getlist("fq"),
        rows=whole_number(request, "rows", 10, 1, 1_000),
        start=whole_number(request, "start", 0, 0, 1_000_000),
        facet=FacetWish(field=fields) if fields else None,
    )
