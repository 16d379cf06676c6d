"""Joining, signing in and out, and the key that signs."""

from datetime import timedelta

from fastapi import Response
from starlette.requests import Request

from marketplace.application import register, signing_key
from marketplace.application import sign_in as signing_in
from marketplace.application.views import AccountView
from marketplace.domain.parties import Role
from mobile_api import security
from mobile_api.conditional import unless_changed
from mobile_api.dependencies import Anyone, Ctx, Public
from mobile_api.routers.paths import router
from mobile_api.schemas.accounts import Account, AccountCreate, GatewayToken, SigningKey, Token
from mobile_api.services import services

accounts = router("accounts")
tokens = router("accounts", remembering=False)


@accounts.post("/accounts", status_code=201, response_model=Account, dependencies=[Public])
async def register_account(request: Request, ctx: Ctx, body: AccountCreate) -> AccountView:
    """Join, as a customer or for an organisation."""
    return await register.register(
        ctx,
        email=body.email,
        password_hash=await services(request).passwords.hash(body.password),
        display_name=body.display_name,
        role=Role(body.role),
        organisation_name=body.organisation_name,
        registry_party_id=body.registry_party_id,
    )


@tokens.post("/tokens", response_model=Token, dependencies=[Public], openapi_extra={"security": [{"basic": []}]})
async def sign_in(request: Request, response: Response) -> dict[str, object]:
    """Sign in with HTTP Basic; the answer's token opens everything else for seven days."""
    account, token = await security.sign_in_with_basic(request)
    response.headers["Cache-Control"] = "no-store"
    lifetime = timedelta(days=services(request).settings.token_days)
    return {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": int(lifetime.total_seconds()),
        "account": signing_in.view(account),
    }


@tokens.delete("/tokens/current", status_code=204)
async def sign_out(request: Request, ctx: Ctx, _caller: Anyone) -> None:
    """Sign out: this token is refused from now on, by every process."""
    claims = (await security.authenticate(request)).claims
    await signing_in.revoke(ctx, claims.token_id, claims.expires_at)


@tokens.post(
    "/gateway/token",
    response_model=GatewayToken,
    dependencies=[Public],
    openapi_extra={"security": [{"basic": []}]},
    tags=["gateways"],
)
async def issue_gateway_token(request: Request) -> dict[str, object]:
    """A gateway signs in with HTTP Basic (its id and secret) and gets a token for fifteen minutes."""
    token = await security.gateway_token_with_basic(request)
    return {"access_token": token, "token_type": "Bearer", "expires_in": services(request).settings.gateway_token_s}


@accounts.get("/me", response_model=Account)
async def read_me(ctx: Ctx, caller: Anyone) -> AccountView:
    """Who the token says I am."""
    return signing_in.view(await signing_in.account(ctx, caller.id) or caller)


@accounts.put("/me/signing-key", response_model=Account, dependencies=[unless_changed(accounts, read_me)])
async def set_signing_key(ctx: Ctx, caller: Anyone, body: SigningKey) -> AccountView:
    """Make the address of the device's key known, with a proof that the key is at hand. `If-Match` is for `/v1/me`."""
    return await signing_key.set_signing_key(ctx, caller, address=body.address, signature=body.signature)
