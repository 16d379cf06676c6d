"""One table from exceptions to problems (RFC 9457). Nothing a client sent is ever sent back.

Echoed input turns a correct 422 into a 500 (NaN and lone surrogates cannot be serialised) and a log into a leak.
"""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from marketplace.domain.errors import (
    Conflict,
    Finding,
    Forbidden,
    InvalidInput,
    InvalidTransition,
    NotFound,
    NotMakeable,
    PriceChanged,
    Unauthenticated,
)
from marketplace.ports.chain import ChainFundsLow, ChainRefused, ChainUnavailable
from marketplace.ports.supplier_directory import DirectoryMisconfigured, DirectoryUnavailable
from marketplace.ports.unit_of_work import StoreUnavailable
from mobile_api.messages import UNION_TAGS, message_for
from mobile_api.strict_json import MalformedJson, RefusedJson

logger = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_S = 2
"""When to come back after a 503: the chain mines each second, a database restarts in about two."""


class TooManyAttempts(Exception):
    """Too many failed sign-ins for now; try again after `retry_after_s`."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("too many failed attempts: wait a little")
        self.retry_after_s = retry_after_s


class OverBudget(Exception):
    """A caller asked for more than its `budget` of `units` in `window_s` seconds holds; in `retry_after_s` it does."""

    def __init__(self, budget: str, units: int, window_s: int, *, left: int, retry_after_s: int) -> None:
        super().__init__(f"too many requests of this {budget}: wait a little")
        self.retry_after_s = retry_after_s
        self.policy = f'"{budget}";q={units};w={window_s}'
        self.state = f'"{budget}";r={left};t={retry_after_s}'


class Busy(Exception):
    """A bounded resource of this process is used up just now."""


class InsufficientScope(Forbidden):
    """The token's scope does not open this; `scope` would (RFC 6750, 3.1)."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"this needs the scope {scope}, which the token does not have")
        self.scope = scope


class KeyInUse(Exception):
    """The first request with this Idempotency-Key has not been answered in time."""


class KeyReused(Exception):
    """The Idempotency-Key belongs to another request."""


class ChangedMeanwhile(Exception):
    """What If-Match names is not how it is (any more)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the table. `detail` replaces the exception's own words where those are not for strangers."""

    status: int
    slug: str
    title: str
    detail: str | None = None


UNAVAILABLE = Kind(503, "unavailable", "Not available just now", "A part of the marketplace is not answering.")
UNEXPECTED = Kind(500, "unexpected", "Something went wrong", "This is our fault, and it has been recorded.")

INVALID = Kind(422, "invalid-input", "Not acceptable", "Some values are not acceptable; see errors.")

TABLE: Mapping[type[Exception], Kind] = {
    InvalidInput: INVALID,
    NotMakeable: Kind(422, "not-makeable", "Cannot be made like this", "These values do not go together; see errors."),
    RequestValidationError: INVALID,
    RefusedJson: INVALID,
    MalformedJson: Kind(400, "malformed-json", "Not JSON"),
    Unauthenticated: Kind(401, "unauthenticated", "Sign in first"),
    InsufficientScope: Kind(403, "insufficient-scope", "Not in the token's scope"),
    Forbidden: Kind(403, "forbidden", "Not allowed"),
    NotFound: Kind(404, "not-found", "Not found"),
    InvalidTransition: Kind(409, "invalid-transition", "Not possible now"),
    Conflict: Kind(409, "conflict", "Conflict"),
    PriceChanged: Kind(409, "price-changed", "The price has changed"),
    ChainRefused: Kind(409, "chain-refused", "The contracts refuse this", "The contracts would refuse this as it is."),
    KeyInUse: Kind(409, "request-in-progress", "Still working on it", "The first request with this key still runs."),
    KeyReused: Kind(422, "key-reused", "Key used before", "This Idempotency-Key belongs to another request."),
    ChangedMeanwhile: Kind(
        412, "changed-meanwhile", "Changed meanwhile", "It is not as you have seen it: read it again, then decide."
    ),
    TooManyAttempts: Kind(429, "too-many-attempts", "Too many attempts"),
    OverBudget: Kind(429, "over-budget", "Too many requests"),
    Busy: Kind(503, "busy", "Busy", "Too much is going on just now; try again."),
    ChainFundsLow: Kind(
        503,
        "no-gas-money",
        "No new orders just now",
        "The marketplace cannot pay the chain's fees for an order just now. The quote stays as it is: try again later.",
    ),
    ChainUnavailable: UNAVAILABLE,
    StoreUnavailable: UNAVAILABLE,
    DirectoryUnavailable: UNAVAILABLE,
    DirectoryMisconfigured: UNAVAILABLE,
    ConnectionError: UNAVAILABLE,
    TimeoutError: UNAVAILABLE,
}


def problem(
    status: int,
    slug: str,
    title: str,
    detail: str,
    *,
    errors: Iterable[Finding] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document; `errors` name fields, and the limit and the value where a machine refuses."""
    body: dict[str, Any] = {
        "type": f"urn:lotsizeone:problem:{slug}",
        "title": title,
        "status": status,
        "detail": detail,
    }
    listed = [_listed(found) for found in errors]
    if listed:
        body["errors"] = listed
    content = json.dumps(body, ensure_ascii=True, allow_nan=False).encode()
    return Response(content, status, headers=dict(headers or {}), media_type=PROBLEM_JSON)


def _listed(found: Finding) -> dict[str, Any]:
    entry: dict[str, Any] = {"field": safe_field(found.field), "message": found.message}
    return entry if found.limit is None else entry | {"limit": found.limit, "value": found.value}


def problem_for(error: Exception, request: Request) -> Response | None:
    """The problem for an exception of the table (or of a class below one), or None for a stranger."""
    if isinstance(error, HTTPException):
        return _http_problem(error)
    if isinstance(error, RequestValidationError) and any(entry["loc"][:1] == ("path",) for entry in error.errors()):
        # An id that cannot be an id names nothing.
        return problem(404, "not-found", "Not found", "There is nothing at this address.")
    kind = next((TABLE[cls] for cls in type(error).__mro__ if cls in TABLE), None)
    if kind is None:
        return None
    return problem(
        kind.status,
        kind.slug,
        kind.title,
        kind.detail if kind.detail is not None else _sentence(str(error)),
        errors=_fields_of(error),
        headers=_headers_of(error, kind, request),
    )


def unexpected() -> Response:
    """The problem for what nobody foresaw. The details are in the log, not here."""
    return problem(UNEXPECTED.status, UNEXPECTED.slug, UNEXPECTED.title, str(UNEXPECTED.detail))


def safe_field(path: str) -> str:
    """`path` if it looks like a field of ours, else a neutral name: keys are input too."""
    return path if re.fullmatch(r"[A-Za-z0-9_.\-]{1,128}", path) else "(unnamed field)"


def install(app: FastAPI) -> None:
    """Answer the exceptions of the table, and those of the framework, with problems."""

    async def handle(request: Request, error: Exception) -> Response:
        found = problem_for(error, request)
        if found is None:
            raise error
        if found.status_code == 503:
            logger.warning("unavailable: %s", type(error).__name__, exc_info=error)
        return found

    app.add_exception_handler(HTTPException, handle)
    for kind in TABLE:
        app.add_exception_handler(kind, handle)


def _fields_of(error: Exception) -> list[Finding]:
    match error:
        case NotMakeable():
            return list(error.findings)
        case InvalidInput():
            return [Finding(error.field, error.message)]
        case RefusedJson():
            return [Finding(error.field or "body", message_for(error.problem, {}))]
        case KeyReused():
            return [Finding("Idempotency-Key", "belongs to another request: make a new one")]
        case RequestValidationError():
            return [Finding(_path(entry), message_for(entry["type"], entry.get("ctx", {}))) for entry in error.errors()]
    return []


def _path(entry: Mapping[str, Any]) -> str:
    loc: tuple[int | str, ...] = entry["loc"]
    parts = [str(part) for part in loc[1:] if part not in UNION_TAGS]
    if entry["type"].startswith("union_tag"):
        parts.append(str(entry["ctx"]["discriminator"]).strip("'"))
    return ".".join(parts) or "body"


def _headers_of(error: Exception, kind: Kind, request: Request) -> dict[str, str]:
    if isinstance(error, TooManyAttempts):
        return {"Retry-After": str(error.retry_after_s)}
    if isinstance(error, OverBudget):
        # draft-ietf-httpapi-ratelimit-headers-10, 3 and 4.
        again = {"Retry-After": str(error.retry_after_s)}
        return again | {"RateLimit-Policy": error.policy, "RateLimit": error.state}
    if kind.status == 503 or isinstance(error, KeyInUse):
        return {"Retry-After": str(RETRY_AFTER_S)}
    if isinstance(error, InsufficientScope):
        return {"WWW-Authenticate": f'Bearer realm="lotsizeone", error="insufficient_scope", scope="{error.scope}"'}
    if kind.status == 401:
        return {"WWW-Authenticate": _challenge(request)}
    return {}


def _challenge(request: Request) -> str:
    # A browser answers a Basic challenge to fetch() with a dialog of its own; Sec-Fetch-Mode is how it says so.
    basic = request.url.path.endswith(("/tokens", "/token")) and "sec-fetch-mode" not in request.headers
    return 'Basic realm="lotsizeone", charset="UTF-8"' if basic else 'Bearer realm="lotsizeone"'


def _http_problem(error: HTTPException) -> Response:
    title = HTTPStatus(error.status_code).phrase
    slug = title.lower().replace(" ", "-")
    detail = error.detail if error.detail and error.detail != title else _sentence(title)
    return problem(error.status_code, slug, title, detail, headers=error.headers)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
