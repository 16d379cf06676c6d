"""Programs of others (OAuth 2.0 as RFC 9700 wants it): code with PKCE for apps, client credentials for partners."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.responses import Response

from marketplace.application import oauth_clients, oauth_codes, sign_in
from marketplace.domain.clients import LONGEST_REDIRECT, ClientKind, Scope, scope_of
from marketplace.domain.errors import InvalidInput, Unauthenticated
from marketplace.domain.parties import Account
from marketplace.ports import activity
from marketplace.ports.unit_of_work import OAuthClient
from mobile_api import oauth as protocol
from mobile_api import pagination, security, tokens
from mobile_api.conditional import unless_changed
from mobile_api.dependencies import Anyone, Ctx, Organised, Public
from mobile_api.errors import TooManyAttempts
from mobile_api.oauth import OAuthRefusal, answer
from mobile_api.route import StrictRoute
from mobile_api.routers.paths import Id, NoBody, router
from mobile_api.schemas import oauth as schemas
from mobile_api.schemas.base import DIGITS, Text
from mobile_api.services import services

clients = router("oauth")
grants = router("oauth", remembering=False)
metadata = APIRouter(tags=["oauth"], route_class=StrictRoute)

Limit = Annotated[int, Query(ge=1, le=100), DIGITS]
Cursor = Annotated[str | None, Query(max_length=pagination.LONGEST), AfterValidator(pagination.plain_or_none)]
GRANTS = ("authorization_code", "client_credentials")
PROOFS = ["client_secret_basic", "client_secret_post", "none"]


def _form(required: list[str], *optional: str) -> dict[str, Any]:
    fields = {name: {"type": "string"} for name in [*required, *optional]}
    schema = {"type": "object", "required": required, "properties": fields}
    body = {"required": True, "content": {protocol.FORM: {"schema": schema}}}
    return {"requestBody": body, "security": [{"basic": []}, {}]}


TOKEN_FORM = _form(["grant_type"], "code", "redirect_uri", "code_verifier", "client_id", "client_secret", "scope")
REVOKE_FORM = _form(["token"], "token_type_hint", "client_id", "client_secret")
ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": schemas.OAuthError, "description": "RFC 6749, 5.2."},
    401: {"model": schemas.OAuthError, "description": "`invalid_client`."},
}


@clients.post("/oauth/clients", status_code=201, response_model=schemas.OAuthClient)
async def register_oauth_client(
    ctx: Ctx, caller: Organised, body: schemas.OAuthClientCreate
) -> oauth_clients.ClientView:
    """Let a program of others in. A partner's secret is in this answer and nowhere else."""
    secret = security.new_secret()
    return await oauth_clients.register_client(
        ctx,
        caller,
        name=body.name,
        kind=ClientKind(body.kind),
        scope=body.scope,
        redirect_uris=body.redirect_uris,
        secret=secret,
        secret_hash=security.hash_secret(secret),
    )


@clients.get("/oauth/clients", response_model=schemas.OAuthClientPage)
async def list_oauth_clients(
    ctx: Ctx, caller: Organised, limit: Limit = 20, cursor: Cursor = None
) -> oauth_clients.ClientPage:
    """The clients of the caller's organisation, newest first."""
    page = await oauth_clients.list_clients(ctx, caller, limit=limit, cursor=cursor)
    return oauth_clients.ClientPage(page.items, pagination.opaque(page.next_cursor))


@clients.get("/oauth/clients/{id}", response_model=schemas.OAuthClient)
async def read_oauth_client(ctx: Ctx, caller: Organised, client_id: Id) -> oauth_clients.ClientView:
    """A client of the caller's organisation."""
    return await oauth_clients.own_client(ctx, caller, client_id)


AS_SEEN = unless_changed(clients, read_oauth_client)


@clients.post("/oauth/clients/{id}/secret", response_model=schemas.OAuthClient, dependencies=[AS_SEEN])
async def replace_oauth_secret(
    ctx: Ctx, caller: Organised, client_id: Id, _body: NoBody = None
) -> oauth_clients.ClientView:
    """A new secret for a partner. The one before it is good for another 24 hours."""
    secret = security.new_secret()
    return await oauth_clients.replace_secret(
        ctx, caller, client_id, secret=secret, secret_hash=security.hash_secret(secret)
    )


@clients.delete("/oauth/clients/{id}", status_code=204, dependencies=[AS_SEEN])
async def remove_oauth_client(ctx: Ctx, caller: Organised, client_id: Id) -> None:
    """Let a client in no more: its tokens are refused from now on, by every process."""
    await oauth_clients.remove_client(ctx, caller, client_id)


async def _once(request: Request) -> None:
    """A parameter that is there twice is an attack or a mistake (RFC 6749, 3.1)."""
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if names.count(name) > 1:
            raise InvalidInput(name, "appears twice")


@clients.get("/oauth/authorization", response_model=schemas.Consent, dependencies=[Depends(_once)])
async def read_oauth_request(
    ctx: Ctx,
    _caller: Anyone,
    response_type: Annotated[Literal["code"], Query()],
    client_id: Annotated[Text, Query(max_length=128)],
    redirect_uri: Annotated[Text, Query(max_length=LONGEST_REDIRECT)],
    code_challenge: Annotated[schemas.CodeChallenge, Query()],
    code_challenge_method: Annotated[Literal["S256"], Query()],
    scope: Annotated[schemas.Scopes | None, Query()] = None,
    state: Annotated[schemas.State | None, Query()] = None,
) -> oauth_codes.ConsentView:
    """What an app asks for, to be shown to the person who decides. What is wrong with it is said here, never there."""
    del response_type, code_challenge_method, state
    asked = oauth_codes.AccessRequest(client_id, redirect_uri, scope, code_challenge)
    return await oauth_codes.consent(ctx, asked)


@clients.post("/oauth/authorization", response_model=schemas.OAuthRedirect)
async def decide_oauth_request(
    request: Request, ctx: Ctx, caller: Anyone, body: schemas.OAuthDecision
) -> dict[str, str]:
    """Let the app in, or not: where to send the browser, with a code that is good for a minute and once."""
    asked = oauth_codes.AccessRequest(body.client_id, body.redirect_uri, body.scope, body.code_challenge)
    issuer = protocol.issuer_of(request)
    if body.decision == "deny":
        await oauth_codes.consent(ctx, asked)
        refusal = protocol.redirect_to(body.redirect_uri, error="access_denied", state=body.state, iss=issuer)
        return {"redirect_to": refusal}
    code = security.new_secret()
    await oauth_codes.allow(ctx, caller, asked, security.hash_secret(code))
    return {"redirect_to": protocol.redirect_to(body.redirect_uri, code=code, state=body.state, iss=issuer)}


@grants.post(
    "/oauth/token",
    response_model=schemas.OAuthToken,
    responses=ERRORS,
    dependencies=[Public],
    openapi_extra=TOKEN_FORM,
)
async def issue_oauth_token(request: Request, ctx: Ctx) -> Response:
    """A token for a code (apps) or for the client's secret (partners), RFC 6749. Refusals have OAuth's own form."""
    try:
        form = await protocol.form_of(request)
        grant = protocol.required(form, "grant_type")
        if grant not in GRANTS:
            raise OAuthRefusal("unsupported_grant_type", "must be " + " or ".join(GRANTS))
        client = await protocol.client_of(request, form)
        if grant == "authorization_code":
            return await _token_for_code(request, ctx, client, form)
        return await _token_for_secret(request, ctx, client, form)
    except OAuthRefusal as refusal:
        return refusal.response()
    except TooManyAttempts as error:
        return protocol.too_many(error)


@grants.post("/oauth/revoke", status_code=200, responses=ERRORS, dependencies=[Public], openapi_extra=REVOKE_FORM)
async def revoke_oauth_token(request: Request, ctx: Ctx) -> Response:
    """A client gives a token of its own back (RFC 7009). What is no token any more is no error."""
    try:
        form = await protocol.form_of(request)
        client = await protocol.client_of(request, form)
        token = protocol.required(form, "token")
        try:
            claims = _read(request, token)
        except Unauthenticated:
            return answer({})
        if claims.client_id != client.id:
            raise OAuthRefusal("invalid_grant", "the token was not given to this client")
        await sign_in.revoke(ctx, claims.token_id, claims.expires_at)
        return answer({})
    except OAuthRefusal as refusal:
        return refusal.response()
    except TooManyAttempts as error:
        return protocol.too_many(error)


@metadata.get("/.well-known/oauth-authorization-server", response_model=schemas.OAuthMetadata, dependencies=[Public])
async def read_oauth_metadata(request: Request) -> dict[str, object]:
    """Where clients find everything (RFC 8414)."""
    issuer = protocol.issuer_of(request)
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/v1/oauth/authorization",
        "token_endpoint": f"{issuer}/v1/oauth/token",
        "revocation_endpoint": f"{issuer}/v1/oauth/revoke",
        "scopes_supported": list(Scope),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANTS),
        "token_endpoint_auth_methods_supported": PROOFS,
        "revocation_endpoint_auth_methods_supported": PROOFS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


async def _token_for_code(request: Request, ctx: Ctx, client: OAuthClient, form: dict[str, str]) -> Response:
    """Raises OAuthRefusal; a code that came twice has by then taken its token away, which stands."""
    if client.kind is not ClientKind.APP:
        raise OAuthRefusal("unauthorized_client", "codes are for apps")
    lifetime = timedelta(days=services(request).settings.token_days)
    token_id = tokens.new_id()
    traded = await oauth_codes.trade(
        ctx,
        client,
        code_hash=security.hash_secret(protocol.required(form, "code")),
        redirect_uri=protocol.required(form, "redirect_uri"),
        challenge=protocol.challenge_of(form.get("code_verifier")),
        token_id=token_id,
        token_ends=ctx.clock.now() + lifetime,
    )
    if isinstance(traded, oauth_codes.Refused):
        used = traded is oauth_codes.Refused.USED_TWICE
        reason = "Authorization code used twice: its token is revoked" if used else "Invalid grant"
        protocol.failed(request, client.id, reason, client_id=client.id)
        raise OAuthRefusal("invalid_grant", "the code is not good, or not any more")
    account, scope = traded
    return _token(request, client, account, scope, lifetime, token_id)


async def _token_for_secret(request: Request, ctx: Ctx, client: OAuthClient, form: dict[str, str]) -> Response:
    """Raises OAuthRefusal."""
    if client.kind is not ClientKind.PARTNER or client.account_id is None:
        raise OAuthRefusal("unauthorized_client", "an app has no secret: it brings a code")
    try:
        scope = scope_of(form.get("scope"), client.scope)
    except InvalidInput as error:
        raise OAuthRefusal("invalid_scope", error.message) from error
    account = await sign_in.account(ctx, client.account_id)
    if account is None:
        raise OAuthRefusal("invalid_client", "client id or secret is wrong")
    lifetime = timedelta(seconds=services(request).settings.partner_token_s)
    return _token(request, client, account, scope, lifetime, tokens.new_id())


def _token(
    request: Request, client: OAuthClient, account: Account, scope: str, lifetime: timedelta, token_id: str
) -> Response:
    api = services(request)
    token, _ = tokens.issue(
        api.settings,
        subject=account.id,
        role=account.role.value,
        audience=api.settings.audience,
        lifetime=lifetime,
        now=api.ctx.clock.now(),
        token_id=token_id,
        client_id=client.id,
        scope=scope,
    )
    api.attempts.succeeded(client.id, security.address_of(request))
    activity.user_id.set(account.id)
    security.log_success(account.id, client_id=client.id)
    seconds = int(lifetime.total_seconds())
    return answer({"access_token": token, "token_type": "Bearer", "expires_in": seconds, "scope": scope})


def _read(request: Request, token: str) -> tokens.Claims:
    api = services(request)
    lifetime = timedelta(days=api.settings.token_days)
    return tokens.read(api.settings, token, audience=api.settings.audience, lifetime=lifetime, now=api.ctx.clock.now())
