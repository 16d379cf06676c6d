"""Around every request: who sent it is forgotten before and known after, what it changed is logged, its time is told.

Only a route's template is named, with the ids that it holds: a path that matches none is whatever a stranger typed.
"""

import logging
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marketplace.ports import activity

logger = logging.getLogger(__name__)

COMPONENT = "Requests"
UNMATCHED = "(no route)"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, 9.2.1)."""

Observe = Callable[[str, str, int, float], None]
"""Is told method, route, status and seconds of each request."""


def unobserved(_method: str, _route: str, _status: int, _seconds: float) -> None:
    """Tells nobody."""


class Journal:
    """Logs the requests that may change something, and tells `observe` of every one."""

    def __init__(self, app: ASGIApp, observe: Observe = unobserved) -> None:
        self.app = app
        self.observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        activity.user_id.set(None)
        activity.order_id.set(None)
        begun, status = time.perf_counter(), 500

        async def listen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, listen)
        finally:
            self._tell(scope, status, time.perf_counter() - begun)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = method_of(scope), route_of(scope)
        self.observe(method, route, status, seconds)
        if method in SAFE or route == UNMATCHED:
            return
        ids = {_name_of(name, route): value for name, value in scope.get("path_params", {}).items()}
        details = {"status": status, "ms": round(seconds * 1000)} | ids
        logger.info("%s %s", method, route, extra={"component": COMPONENT, "additional_info": details})


def method_of(scope: Scope) -> str:
    """The request's method, or "other" for one that a client made up."""
    method: str = scope["method"]
    return method if method in SAFE | {"POST", "PUT", "PATCH", "DELETE"} else "other"


def route_of(scope: Scope) -> str:
    """The template of the route that took the request; known after routing."""
    return getattr(scope.get("route"), "path", UNMATCHED)


def _name_of(parameter: str, route: str) -> str:
    return "order_id" if parameter == "id" and route.startswith("/v1/orders/{id}") else parameter
