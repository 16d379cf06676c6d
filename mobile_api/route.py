"""The route classes: strict JSON for all, remembered answers for every POST but those that hand out tokens."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from marketplace.application.remembered import OneTransaction, within
from marketplace.domain.errors import Unauthenticated
from mobile_api import conditional, idempotency, strict_json
from mobile_api.security import authenticate
from mobile_api.services import services

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
ANONYMOUS = "anonymous"


class StrictRequest(Request):
    """A request whose JSON is read by `strict_json`."""

    async def json(self) -> Any:
        """The body's value. Raises MalformedJson, RefusedJson."""
        if not hasattr(self, "_strict"):
            self._strict = strict_json.parse(await self.body())
        return self._strict


class StrictRoute(APIRoute):
    """A route whose bodies are read strictly. What a request writes is one transaction: a failure leaves nothing."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, given a strict request."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            strict_request = StrictRequest(request.scope, request.receive)
            if request.method in ("POST", "PUT"):
                # Read here, so that what is wrong with the body is told by the table and not by FastAPI's 400.
                # `request` keeps what it has read: somebody before us may have read it, and nobody can read it twice.
                strict_request._body = await request.body()
                if strict_request._body and _is_json(request):
                    await strict_request.json()
            if request.method == "GET":
                return conditional.named(request, await handle(strict_request))
            if hasattr(request.state, "ctx"):
                return await handle(strict_request)
            ctx = services(request).ctx
            async with OneTransaction(ctx.uow) as unit:
                request.state.ctx = within(ctx, unit)
                response = await handle(strict_request)
                await unit.do_first()
                return response

        return strict


class RememberingRoute(StrictRoute):
    """A strict route that answers the same Idempotency-Key with the same answer."""

    def get_route_handler(self) -> Handler:
        """The strict handler behind the remembered answers."""
        handle = super().get_route_handler()

        async def remembering(request: Request) -> Response:
            if request.method != "POST" or idempotency.HEADER not in request.headers:
                return await handle(request)
            api = services(request)
            return await api.answers.once(api.ctx, request, await _principal(request), handle)

        return remembering


async def _principal(request: Request) -> str:
    try:
        return (await authenticate(request)).principal
    except Unauthenticated:
        # A public route serves them all the same; any other answers 401, which is never kept.
        return ANONYMOUS


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
