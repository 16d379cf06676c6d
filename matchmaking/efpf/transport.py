"""One guarded HTTP call: judged address, no redirect, no compression, a cap on bytes, one deadline round it all.

httpx's own timeouts are per read, so a server that sends a byte now and then holds a call for ever: the deadline
is `asyncio.timeout`. A gzip bomb of 194 kB was measured to unfold to 67 MB in its first chunk: we ask for
`identity` and read raw bytes.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import httpx

from matchmaking.efpf.errors import (
    AnswerTooLarge,
    EncodingRefused,
    RedirectRefused,
    RequestRefused,
    RetryLater,
    SourceTimedOut,
    SourceUnavailable,
    SourceUnreachable,
    TooManyRequests,
)
from matchmaking.efpf.origins import OriginPolicy, Resolver, Target, judged_address, resolve_by_system

MAX_BODY_BYTES: Final = 5 * 1024 * 1024
_MAX_RETRY_AFTER_S: Final = 3_600.0
_SHORT_PAUSE_S: Final = 0.05  # lets a restarting server come up without eating the deadline
_DEFAULT_PAUSE_S: Final = 1.0  # after a 429 that does not say how long
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: its status, the bare content type in lower case, and the body."""

    status: int
    content_type: str
    body: bytes


def open_http_client() -> httpx.AsyncClient:
    """The HTTP client that the federation wants: no proxies from the environment, no redirects, HTTP/1.1."""
    return httpx.AsyncClient(trust_env=False, follow_redirects=False, http1=True, http2=False)


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None


class GuardedHttp:
    """Calls sources through `http`, but only those that `policy` admits.

    `http` must not trust the environment (proxies would see the bearer); raises ValueError if it does.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        policy: OriginPolicy,
        *,
        resolve: Resolver = resolve_by_system,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        if http.trust_env:
            raise ValueError("the HTTP client must be built with trust_env=False: see open_http_client()")
        self._http = http
        self._policy = policy
        self._resolve = resolve
        self._max_body_bytes = max_body_bytes

    async def fetch(
        self,
        source: str,
        method: str,
        url: str,
        *,
        timeout_s: float,
        headers: Mapping[str, str] = _NO_HEADERS,
        body: bytes | None = None,
    ) -> Answer:
        """The answer, whatever its status below 300 or from 400 on.

        Every call here is safe to repeat, so a broken one is repeated once within `timeout_s`.
        Raises RetryLater or SecurityRefusal.
        """
        target = self._policy.admit(source, url)
        loop = asyncio.get_running_loop()
        ends = loop.time() + timeout_s
        try:
            return await self._attempt(source, target, _Call(method, url, headers, body), timeout_s)
        except RetryLater as error:
            pause_s = _pause_before_retry(error)
            left_s = ends - loop.time() - pause_s
            if left_s <= 0:
                raise
            await asyncio.sleep(pause_s)
        return await self._attempt(source, target, _Call(method, url, headers, body), left_s)

    async def _attempt(self, source: str, target: Target, call: _Call, timeout_s: float) -> Answer:
        try:
            async with asyncio.timeout(timeout_s):
                address = await judged_address(source, target, self._resolve)
                return await self._send(source, self._build(target, address, call))
        except TimeoutError as error:
            raise SourceTimedOut(source, f"no whole answer within {timeout_s:g} s") from error
        except httpx.TimeoutException as error:
            raise SourceTimedOut(source, "the connection timed out") from error
        except (httpx.TransportError, httpx.InvalidURL, httpx.StreamError) as error:
            raise SourceUnreachable(source, "the connection failed or broke") from error

    def _build(self, target: Target, address: str, call: _Call) -> httpx.Request:
        wanted = httpx.URL(call.url)
        request = self._http.build_request(
            call.method,
            wanted.copy_with(host=address),
            headers={**call.headers, "Host": wanted.netloc.decode("ascii"), "Accept-Encoding": "identity"},
            content=call.body,
            extensions={"sni_hostname": target.host, "timeout": httpx.Timeout(None).as_dict()},
        )
        # A shared cookie jar would let one source mark us for another.
        request.headers.pop("cookie", None)
        if target.scheme == "https" and address != target.host:
            # The pool knows connections by IP address: without this, a connection whose certificate was checked
            # for one name could carry the bearer of another name at the same address.
            request.headers["Connection"] = "close"
        return request

    async def _send(self, source: str, request: httpx.Request) -> Answer:
        response = await self._http.send(request, stream=True, auth=None, follow_redirects=False)
        try:
            if 300 <= response.status_code < 400:
                raise RedirectRefused(source, f"the answer is a redirect ({response.status_code})")
            if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
                raise EncodingRefused(source, "the answer is compressed although we asked for plain bytes")
            body = await self._read(source, response)
        finally:
            await response.aclose()
        _raise_for_waiting(source, response)
        content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return Answer(response.status_code, content_type, body)

    async def _read(self, source: str, response: httpx.Response) -> bytes:
        announced = response.headers.get("content-length", "")
        if announced.isdecimal() and (len(announced) > 12 or int(announced) > self._max_body_bytes):
            raise AnswerTooLarge(source, f"the answer is larger than {self._max_body_bytes} bytes")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self._max_body_bytes:
                raise AnswerTooLarge(source, f"the answer is larger than {self._max_body_bytes} bytes")
        return bytes(body)


def _pause_before_retry(error: RetryLater) -> float:
    if isinstance(error, TooManyRequests):
        return _DEFAULT_PAUSE_S if error.retry_after_s is None else error.retry_after_s
    return _SHORT_PAUSE_S


def _raise_for_waiting(source: str, response: httpx.Response) -> None:
    if response.status_code in (502, 503, 504):
        raise SourceUnavailable(source, f"the source answered {response.status_code}")
    if response.status_code == 429:
        wait = response.headers.get("retry-after", "")
        # Retry-After may also be a date (RFC 9110, 10.2.3); we ask for no clock here and take our own pause then.
        known = wait.isascii() and wait.isdecimal() and len(wait) <= 6
        seconds = min(float(wait), _MAX_RETRY_AFTER_S) if known else None
        raise TooManyRequests(source, "the source asks us to slow down", seconds)


def expect_success(source: str, answer: Answer) -> None:
    """Raises RequestRefused unless the status is 2xx. The body of a refusal is never read: it is a stranger's text."""
    if not 200 <= answer.status < 300:
        raise RequestRefused(source, f"the source answered {answer.status}", answer.status)


__all__ = ["MAX_BODY_BYTES", "Answer", "GuardedHttp", "expect_success", "open_http_client"]
