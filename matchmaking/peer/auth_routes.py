"""The gateway's side of the peer: token endpoint, realm and key set, in Keycloak's shape."""

from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from matchmaking.peer.http import answering, body_of
from matchmaking.peer.principals import PeerUser, sign_in
from matchmaking.peer.tokens import TokenIssuer

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}  # RFC 6749, 5.1


def auth_routes(realm: str, realm_url: str, issuer: TokenIssuer, users: Mapping[str, PeerUser]) -> list[Route]:
    """`/auth/realms/{realm}` and below."""

    async def token(request: Request) -> Response:
        form = _form(await body_of(request))
        if form is None or not {"grant_type", "username", "password", "client_id"} <= form.keys():
            return _oauth_error(400, "invalid_request")
        if form["grant_type"] != "password":
            return _oauth_error(400, "unsupported_grant_type")
        principal = sign_in(users, form["username"], form["password"])
        if principal is None:
            return _oauth_error(401, "invalid_grant")  # Keycloak says 401 where RFC 6749 says 400
        answer: dict[str, object] = {
            "access_token": issuer.issue(principal),
            "expires_in": int(issuer.life.total_seconds()),
            "token_type": "Bearer",
            "scope": form.get("scope", ""),
        }
        if "openid" in form.get("scope", "").split():
            answer["id_token"] = issuer.issue(principal)
        return JSONResponse(answer, headers=_NO_STORE)

    async def describe(_request: Request) -> Response:
        return JSONResponse(
            {
                "realm": realm,
                "public_key": issuer.public_key,
                "token-service": f"{realm_url}/protocol/openid-connect",
                "tokens-not-before": 0,
            }
        )

    async def keys(_request: Request) -> Response:
        return JSONResponse(issuer.jwks())

    at = f"/auth/realms/{realm}"
    return [
        Route(f"{at}/protocol/openid-connect/token", answering(token), methods=["POST"]),
        Route(f"{at}/protocol/openid-connect/certs", keys, methods=["GET"]),
        Route(at, describe, methods=["GET"]),
    ]


def _form(body: bytes) -> dict[str, str] | None:
    """The fields of an urlencoded form, None if it is none or repeats a field."""
    try:
        fields = parse_qs(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=20
        )
    except ValueError:
        return None
    return {name: values[0] for name, values in fields.items()} if all(len(v) == 1 for v in fields.values()) else None


def _oauth_error(status: int, error: str) -> Response:
    return JSONResponse({"error": error}, status, headers=_NO_STORE)
