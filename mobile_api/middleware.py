"""Around every request: security headers, a bound on bodies, and an answer even for what nobody foresaw."""

import logging
import re
from collections.abc import Mapping

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mobile_api.errors import problem, unexpected

logger = logging.getLogger(__name__)

# Styles may be inline (the app sets widths of progress bars); scripts may not.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "media-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=(), payment=()",
}
_RAW_SECURITY_HEADERS = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
STRICT_TRANSPORT = "max-age=31536000"
TOO_LARGE = "The body is larger than this interface takes."


class SafeResponses:
    """Adds the security headers, and turns an exception nobody foresaw into a problem without details."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_safely(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add_headers(MutableHeaders(scope=message), scope)
            await send(message)

        try:
            await self.app(scope, receive, send_safely)
        except Exception as error:
            logger.error("unexpected %s", type(error).__name__, exc_info=error)
            if started:
                # Half an answer is out: the server must cut the connection, so that nobody takes it for whole.
                raise
            await unexpected()(scope, receive, send_safely)


class BodyLimit:
    """Refuses bodies larger than `max_bytes`, by their announced length or as soon as they pass it.

    `larger` has the bounds of paths that take more.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, larger: Mapping[re.Pattern[str], int] | None = None) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most = next((most for path, most in self.larger.items() if path.fullmatch(scope["path"])), self.max_bytes)
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isascii() and announced.isdigit() and int(announced[:20]) > most:
            await _too_large()(scope, receive, send)
            return
        taken = 0

        async def receive_bounded() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > most:
                    raise HTTPException(413, TOO_LARGE, headers={"Connection": "close"})
            return message

        await self.app(scope, receive_bounded, send)


def _add_headers(headers: MutableHeaders, scope: Scope) -> None:
    there = {name for name, _ in headers.raw}
    headers.raw.extend(pair for pair in _RAW_SECURITY_HEADERS if pair[0] not in there)
    if scope.get("scheme") == "https":
        headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
    if scope["path"].startswith("/v1/"):
        headers.setdefault("Cache-Control", "no-store")


def _too_large() -> ASGIApp:
    return problem(413, "content-too-large", "Content Too Large", TOO_LARGE, headers={"Connection": "close"})
