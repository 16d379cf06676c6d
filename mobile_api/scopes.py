"""What the token of an OAuth client opens, and that of who joined without a password: asked in
`security.authenticate`, for every route, and nowhere else."""

from starlette.requests import Request

from marketplace.domain.clients import Scope
from marketplace.domain.errors import Forbidden
from mobile_api.errors import InsufficientScope
from mobile_api.journal import UNMATCHED, method_of, route_of
from mobile_api.tokens import Claims

PEOPLE_ONLY = frozenset(
    {
        "GET /v1/oauth/clients",
        "POST /v1/oauth/clients",
        "GET /v1/oauth/clients/{id}",
        "POST /v1/oauth/clients/{id}/secret",
        "DELETE /v1/oauth/clients/{id}",
        "GET /v1/oauth/authorization",
        "POST /v1/oauth/authorization",
        "PUT /v1/me/signing-key",
        "POST /v1/gateways",
        "POST /v1/orders/{id}/invitations",
    }
)
"""Invitations, clients, keys and what else makes new credentials, whatever the scope: who was let in lets nobody in.

Passwords have no route yet. A token signs itself out with `DELETE /v1/tokens/current`, and no other.
"""
SIGNING = frozenset(
    {
        "GET /v1/me",
        "PUT /v1/me/signing-key",
        "GET /v1/signature-requests",
        "POST /v1/signature-requests/{id}/signature",
        "POST /v1/signature-requests/{id}/decline",
        "POST /v1/signature-requests/{id}/counter",
        "DELETE /v1/tokens/current",
    }
)
"""All that a login-free token opens: what its company is asked to sign, and the key that signs."""
LOOKING = frozenset({"GET", "HEAD"})


def check(request: Request, claims: Claims) -> None:
    """Raises Forbidden, InsufficientScope (RFC 6750, 3.1). A token from HTTP Basic has no client and opens all."""
    if claims.client_id is None and not claims.login_free:
        return
    method, route = method_of(request.scope), route_of(request.scope)
    if claims.login_free:
        if f"{method} {route}" not in SIGNING:
            raise Forbidden("a link opens only what is to be signed: choose a password for everything else")
        return
    if route == UNMATCHED or f"{method} {route}" in PEOPLE_ONLY:
        raise Forbidden("a person must do this: the token of an OAuth client does not open it")
    words = claims.scope.split()
    if Scope.WRITE not in words and not (Scope.READ in words and method in LOOKING):
        raise InsufficientScope(Scope.WRITE)
