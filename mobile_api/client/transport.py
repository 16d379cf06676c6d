"""One request and what comes back: the token, repeats with a deadline, problems as exceptions. Needs httpx alone."""

import asyncio
import json
import math
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, TypeVar, cast
from urllib.parse import quote

import httpx

from mobile_api.client.problems import NotChanged, problem_of, retry_after_s

T = TypeVar("T")
Named = Mapping[str, str | int | None]
"""Headers or a query; what is None is left out."""
PATIENCE_S = 60.0
"""How long a call asks again, all in all: the interface is started again in seconds."""
FIRST_PAUSE_S = 0.3
LONGEST_PAUSE_S = 5.0
BUSY = frozenset({httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE})
IN_PROGRESS = "request-in-progress"
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Nobody has heard the request: any may be repeated."""


class Answer(dict[str, Any]):
    """A JSON object that was answered, and its ETag."""

    etag: str | None = None


class Transport:
    """Asks the interface behind `http`, whose `base_url` is where it is, in the name of whom `token` was given to.

    `patience_s` bounds every call. A request is asked again when nobody answers or the answer says "busy", if a repeat
    can do no harm: what only reads, what replaces the whole, and every POST with its key. A PUT under If-Match is not:
    its own success would refuse the repeat.
    """

    def __init__(self, http: httpx.AsyncClient, token: str = "", *, patience_s: float = PATIENCE_S) -> None:
        self.http = http
        self.token = token
        self.patience_s = patience_s

    async def call(
        self,
        returns: type[T],
        method: str,
        path: str,
        *,
        query: Named | None = None,
        headers: Named | None = None,
        body: object = None,
        form: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        basic: tuple[str, str] | None = None,
        key: str | None = None,
    ) -> T:
        """The answer as `returns`: bytes as they are, anything else as JSON.

        Raises Problem, NotChanged, and httpx.TransportError or TimeoutError when nobody has answered in time.
        """
        sent = given(headers) | ({} if key is None else {"Idempotency-Key": key})
        repeatable = method == "GET" or key is not None or (method == "PUT" and "If-Match" not in sent)
        response = await self.send(
            method,
            path,
            repeatable=repeatable,
            params=given(query),
            headers=sent,
            json=body,
            data=form,
            content=content,
            auth=None if basic is None else httpx.BasicAuth(*basic),
        )
        if response.status_code == httpx.codes.NOT_MODIFIED:
            raise NotChanged(path)
        if not response.is_success:
            raise problem_of(response)
        return cast(T, response.content if returns is bytes else _value_of(response))

    async def send(
        self, method: str, path: str, *, repeatable: bool, busy: bool = True, **parts: Any
    ) -> httpx.Response:
        """What is answered, good or bad; `parts` are httpx's. With `busy` false only silence is asked again.

        Raises httpx.TransportError, or TimeoutError, when nobody has answered in time.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + self.patience_s
        parts["headers"] = self._bearer(parts.get("auth")) | parts.get("headers", {})
        last: httpx.Response | httpx.TransportError | None = None
        try:
            async with asyncio.timeout_at(until):
                for pause_s in pauses():
                    last = await self._try(method, path, parts)
                    wait_s = max(pause_s, _wait_s(last, repeatable=repeatable, busy=busy))
                    if clock() + wait_s > until:
                        break
                    await asyncio.sleep(wait_s)
        except TimeoutError:
            if last is None:
                raise
        if isinstance(last, httpx.Response):
            return last
        raise last or TimeoutError(path)

    async def _try(self, method: str, path: str, parts: dict[str, Any]) -> httpx.Response | httpx.TransportError:
        try:
            return await self.http.request(method, path, **parts)
        except httpx.TransportError as failure:
            return failure

    async def stream(self, path: str, *, headers: Named | None = None) -> AsyncIterator[Any]:
        """The data of server-sent events, until the interface ends them. Raises Problem, httpx.TransportError.

        An interface that lives says something every 15 seconds; silence for `patience_s` is httpx.ReadTimeout.
        """
        sent = self._bearer(None) | given(headers)
        async with self.http.stream("GET", path, headers=sent, timeout=self.patience_s) as response:
            if not response.is_success:
                await response.aread()
                raise problem_of(response)
            async for line in response.aiter_lines():
                if line.startswith("data:"):
                    yield json.loads(line.removeprefix("data:"))

    def _bearer(self, other: object) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token and other is None else {}


def given(named: Named | None) -> dict[str, str]:
    """What is not None, as text."""
    return {name: str(value) for name, value in (named or {}).items() if value is not None}


def new_key() -> str:
    """An Idempotency-Key for a new intent."""
    return str(uuid.uuid4())


def part(value: str) -> str:
    """`value` as one part of a path."""
    return quote(value, safe="")


def pauses() -> Iterator[float]:
    """Seconds between repeats: twice as long each time, to a limit."""
    pause_s = FIRST_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def etag_of(answer: object) -> str | None:
    """The ETag of something that a method has answered, for `if_match` and `if_none_match`."""
    return answer.etag if isinstance(answer, Answer) else None


def _wait_s(last: httpx.Response | httpx.TransportError, *, repeatable: bool, busy: bool) -> float:
    """At least how long to wait before the request may be repeated; for ever where it may not, or need not."""
    if isinstance(last, httpx.TransportError):
        return 0 if repeatable or isinstance(last, NEVER_SENT) else math.inf
    return retry_after_s(last) or 0 if repeatable and busy and _is_busy(last) else math.inf


def _is_busy(response: httpx.Response) -> bool:
    if response.status_code == httpx.codes.CONFLICT:
        return problem_of(response).kind == IN_PROGRESS
    return response.status_code in BUSY


def _value_of(response: httpx.Response) -> Any:
    if not response.content:
        return None
    value = response.json()
    if not isinstance(value, dict):
        return value
    answer = Answer(value)
    answer.etag = response.headers.get("ETag")
    return answer
