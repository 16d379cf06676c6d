"""The protocol of OAuth 2.0's token endpoint (RFC 6749, 7009, 7636): forms, clients that prove themselves, refusals.

Here errors have OAuth's own form, `{"error": …}`, because every client library reads that; everywhere else they are
problems.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote_plus, urlencode

from starlette.requests import Request
from starlette.responses import Response

from marketplace.application import oauth_clients
from marketplace.domain.errors import Unauthenticated
from marketplace.ports.unit_of_work import OAuthClient
from mobile_api.errors import TooManyAttempts
from mobile_api.security import address_of, basic_credentials, hash_secret, log_failure
from mobile_api.services import services
from mobile_api.strict_json import storable

FORM = "application/x-www-form-urlencoded"
LARGEST_FORM = 16_384
MOST_FIELDS = 32
LONGEST_ID = 128
VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
"""RFC 7636, 4.1."""
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
"""RFC 6749, 5.1."""
CHALLENGE = {"WWW-Authenticate": 'Basic realm="lotsizeone", charset="UTF-8"'}
NOBODY = hash_secret("")


class OAuthRefusal(Exception):
    """A refusal in OAuth's own words: `error` is a code of RFC 6749, 5.2, the text is for the developer."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error

    def response(self) -> Response:
        """400, or 401 where the client is not known."""
        if self.error == "invalid_client":
            return answer({"error": self.error, "error_description": str(self)}, 401, CHALLENGE)
        return answer({"error": self.error, "error_description": str(self)}, 400)


def answer(body: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer that nobody keeps."""
    return Response(json.dumps(body), status, headers={**NO_STORE, **(headers or {})}, media_type="application/json")


def too_many(error: TooManyAttempts) -> Response:
    """429 in OAuth's form."""
    body = {"error": "temporarily_unavailable", "error_description": str(error)}
    return answer(body, 429, {"Retry-After": str(error.retry_after_s)})


async def form_of(request: Request) -> dict[str, str]:
    """The parameters of the body; one without a value is none (RFC 6749, 3.2). Raises OAuthRefusal."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise OAuthRefusal("invalid_request", f"the body must be {FORM}")
    body = await request.body()
    try:
        if len(body) > LARGEST_FORM:
            raise ValueError("too long")
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise OAuthRefusal("invalid_request", "the form cannot be read") from error
    if not all(storable(name) and storable(value) for name, value in pairs):
        raise OAuthRefusal("invalid_request", "text may not hold U+0000")
    if len({name for name, _ in pairs}) < len(pairs):
        raise OAuthRefusal("invalid_request", "a parameter appears twice")
    return {name: value for name, value in pairs if value}


async def client_of(request: Request, form: Mapping[str, str]) -> OAuthClient:
    """The client that sent the form: proven by its secret where it has one. Raises OAuthRefusal, TooManyAttempts.

    A stranger's question costs what a wrong secret costs: one look into the database and one hash.
    """
    api = services(request)
    client_id, secret = _credentials(request, form)
    address = address_of(request)
    api.attempts.check(client_id, address)
    client = await oauth_clients.client(api.ctx, client_id)
    fits = _secret_fits(request, client, secret)
    if client is None or not (fits if client.secret_hash is not None else secret is None):
        failed(request, client_id)
        raise OAuthRefusal("invalid_client", "client id or secret is wrong")
    return client


def failed(request: Request, name: str, reason: str = "Invalid credentials", **info: str) -> None:
    """Count and log an attempt that came to nothing."""
    services(request).attempts.failed(name, address_of(request))
    log_failure(reason, **info)


def challenge_of(verifier: str | None) -> str:
    """The S256 challenge of a verifier. Raises OAuthRefusal for what is no verifier."""
    if verifier is None or VERIFIER.fullmatch(verifier) is None:
        raise OAuthRefusal("invalid_request", "code_verifier must be 43 to 128 unreserved characters")
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def required(form: Mapping[str, str], name: str) -> str:
    """A parameter. Raises OAuthRefusal where it is missing."""
    if name not in form:
        raise OAuthRefusal("invalid_request", f"{name} is required")
    return form[name]


def redirect_to(redirect_uri: str, **parameters: str | None) -> str:
    """The app's address with our answer in its query; what was in the query stays (RFC 6749, 3.1.2)."""
    given = {name: value for name, value in parameters.items() if value is not None}
    mark = "&" if "?" in redirect_uri else "?"
    return redirect_uri + mark + urlencode(given, quote_via=quote)


def issuer_of(request: Request) -> str:
    """Our name for clients (RFC 8414, 2; RFC 9207): the address at which they find us."""
    return services(request).settings.public_url or f"{request.url.scheme}://{request.url.netloc}"


def _credentials(request: Request, form: Mapping[str, str]) -> tuple[str, str | None]:
    """Id and secret by client_secret_basic, client_secret_post, or the id alone (RFC 6749, 2.3.1)."""
    client_id, secret = form.get("client_id"), form.get("client_secret")
    if "authorization" in request.headers:
        try:
            name, password = (unquote_plus(part, errors="strict") for part in basic_credentials(request))
        except (Unauthenticated, UnicodeDecodeError) as error:
            raise OAuthRefusal("invalid_client", "client id or secret is wrong") from error
        if secret is not None or client_id not in (None, name):
            raise OAuthRefusal("invalid_request", "a client proves itself in one way only")
        client_id, secret = name, password
    if client_id is None:
        raise OAuthRefusal("invalid_client", "the client must name itself")
    if len(client_id) > LONGEST_ID or not storable(client_id) or not storable(secret or ""):
        raise OAuthRefusal("invalid_client", "client id or secret is wrong")
    return client_id, secret


def _secret_fits(request: Request, client: OAuthClient | None, secret: str | None) -> bool:
    now = services(request).ctx.clock.now()
    given = hash_secret(secret or "").encode()
    good = [NOBODY]
    if client is not None and client.secret_hash is not None:
        good = [client.secret_hash, *(former.hash for former in client.former_secrets if former.until > now)]
    # All of them are compared: how long it takes says nothing of which one it was.
    matches = [hmac.compare_digest(one.encode(), given) for one in good]
    return any(matches) and secret is not None
