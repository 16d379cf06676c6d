"""The backend over HTTPS, always called by us: token, bounded answers, errors told apart.

The token lives about 15 minutes, is fetched once for all who wait (single flight) and renewed at 80 % of its life;
a 401 is answered by one retry with a fresh token.
"""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from shopfloor.gateway.config import GatewayConfig, Retry
from shopfloor.strict_json import JsonRefused, as_int, as_object, as_text, loads

_ANSWER_LIMIT = 4_000_000
_NOT_NOW = frozenset({401, 403, 404, 405, 408, 425, 429})  # our settings or its load, never the content's fault
_RETRY_AFTER_MOST_S = 300.0


class BackendError(Exception):
    """Top of the tree: the backend did not do it."""


class BackendUnavailable(BackendError):
    """Not now: try again, after `retry_after_s` if the backend said so."""

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BackendRefused(BackendError):
    """It will not take this content, now or later; `status` is the HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"refused with {status}")
        self.status = status


@dataclass(slots=True)
class _Token:
    text: str
    renew_at: float  # loop time


class Backoff:
    """The next wait of a row of failures; `reset` after a success."""

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._ceiling = retry.first_s

    def reset(self) -> None:
        """Start again at the shortest wait."""
        self._ceiling = self._retry.first_s

    def next(self, at_least_s: float = 0.0) -> float:
        """Seconds to wait now: full jitter, so that a thousand gateways do not return together."""
        wait = random.SystemRandom().uniform(self._ceiling / 10, self._ceiling)
        self._ceiling = min(self._ceiling * 2, self._retry.most_s)
        return max(wait, at_least_s)


class Backend:
    """One HTTP client and its token, shared by uplink and downlink."""

    def __init__(self, config: GatewayConfig, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._config = config
        self._http = httpx.AsyncClient(
            base_url=config.backend_url,
            timeout=config.request_timeout_s,
            transport=transport,
            follow_redirects=False,  # a redirect must not carry the bearer elsewhere
            trust_env=False,
        )
        self._token: _Token | None = None
        self._fetching = asyncio.Lock()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def call(
        self, method: str, path: str, *, content: bytes | None = None, headers: Mapping[str, str] | None = None,
        params: Mapping[str, int] | None = None, timeout_s: float | None = None,
    ) -> Mapping[str, Any]:  # fmt: skip
        """One authorised request; gives the JSON object. Raises BackendUnavailable, BackendRefused."""
        options = {"content": content, "params": params, "timeout": timeout_s or self._config.request_timeout_s}
        token = await self._bearer(None)
        response = await self._send(method, path, headers=_authorised(token, headers), **options)
        if response.status_code == 401:
            token = await self._bearer(token)
            response = await self._send(method, path, headers=_authorised(token, headers), **options)
        return _answer(response)

    async def _bearer(self, stale: str | None) -> str:
        """The current token; a new one when it nears its end or is the one that was refused (`stale`)."""
        loop = asyncio.get_running_loop()
        async with self._fetching:
            if self._token and self._token.text != stale and loop.time() < self._token.renew_at:
                return self._token.text
            asked_at = loop.time()
            response = await self._send(
                "POST",
                "/v1/gateway/token",
                auth=httpx.BasicAuth(self._config.gateway_id, self._config.secret),
                timeout=self._config.request_timeout_s,
            )
            body = _answer(response)
            try:
                text = as_text(body.get("access_token"), "access_token", limit=8_192)
                life_s = as_int(body.get("expires_in"), "expires_in", 1, 86_400)
            except JsonRefused as error:
                raise BackendUnavailable(f"token: {error}") from error
            self._token = _Token(text, asked_at + 0.8 * life_s)
            return text

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return await self._http.request(method, path, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise BackendUnavailable(type(error).__name__) from error


def _authorised(token: str, headers: Mapping[str, str] | None) -> dict[str, str]:
    return {**(headers or {}), "Authorization": f"Bearer {token}"}


def _answer(response: httpx.Response) -> Mapping[str, Any]:
    status = response.status_code
    if status == 200:
        try:
            return as_object(loads(response.content, limit=_ANSWER_LIMIT), "answer")
        except JsonRefused as error:
            raise BackendUnavailable(f"answer: {error}") from error
    if 400 <= status < 500 and status not in _NOT_NOW:
        raise BackendRefused(status)
    raise BackendUnavailable(f"status {status}", _retry_after(response))


def _retry_after(response: httpx.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return min(float(text), _RETRY_AFTER_MOST_S) if text.isascii() and text.isdigit() else 0.0
