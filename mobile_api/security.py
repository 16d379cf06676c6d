"""Who is asking: HTTP Basic once, then a bearer token; gateways by their own kind of token.

A token is good while its signature, its times, its account and the list of signed-out tokens say so, on every request.
"""

import base64
import binascii
import hashlib
import hmac
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request

from marketplace.application import oauth_clients, register_gateway, sign_in
from marketplace.application.context import Context
from marketplace.domain.errors import Unauthenticated
from marketplace.domain.parties import Account
from marketplace.ports import activity
from marketplace.ports.unit_of_work import Gateway
from mobile_api import scopes, tokens
from mobile_api.budgets import cost_of, network_of
from mobile_api.services import services
from mobile_api.settings import GATEWAY_AUDIENCE, ApiSettings
from mobile_api.strict_json import storable

logger = logging.getLogger(__name__)

COMPONENT = "Authentication"
GATEWAY_ROLE = "gateway"
LONGEST_PASSWORD = 200
LONGEST_NAME = 254
NOT_KNOWN = "name or password is wrong"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A caller: the account and the token that opened the door."""

    account: Account
    claims: tokens.Claims

    @property
    def principal(self) -> str:
        """Under whom answers are remembered: a client is not given what the person was answered."""
        return self.account.id if self.claims.client_id is None else f"{self.account.id} {self.claims.client_id}"


async def sign_in_with_basic(request: Request) -> tuple[Account, str]:
    """The account named by HTTP Basic (RFC 7617) and a new token. Raises Unauthenticated, TooManyAttempts, Busy."""
    api = services(request)
    name, password = basic_credentials(request)
    address = address_of(request)
    api.attempts.check(name.lower(), address)
    account = await sign_in.credentials(api.ctx, name)
    if not await api.passwords.verify(password, account.password_hash if account else None) or account is None:
        api.attempts.failed(name.lower(), address)
        log_failure()
        raise Unauthenticated(NOT_KNOWN)
    api.attempts.succeeded(name.lower(), address)
    token, _ = tokens.issue(
        api.settings,
        subject=account.id,
        role=account.role.value,
        audience=api.settings.audience,
        lifetime=timedelta(days=api.settings.token_days),
        now=api.ctx.clock.now(),
    )
    activity.user_id.set(account.id)
    log_success(account.id)
    return account, token


async def authenticate(request: Request) -> SignedIn:
    """The person, or the client, who sends this request. Raises Unauthenticated, Forbidden, OverBudget."""
    known = getattr(request.state, "signed_in", None)
    if isinstance(known, SignedIn):
        return known
    api = services(request)
    claims = tokens.read(
        api.settings,
        bearer_token(request),
        audience=api.settings.audience,
        lifetime=timedelta(days=api.settings.token_days),
        now=api.ctx.clock.now(),
    )
    account, revoked = await sign_in.bearer(api.ctx, claims.subject, claims.token_id)
    if revoked or not await client_stands(api.ctx, claims):
        raise Unauthenticated("this token was signed out: sign in again")
    if account is None or account.role.value != claims.role:
        raise Unauthenticated("the token is not one of ours")
    activity.user_id.set(account.id)
    scopes.check(request, claims)
    signed_in = SignedIn(account, claims)
    _pay(request, signed_in.principal)
    request.state.signed_in = signed_in
    return signed_in


async def client_stands(ctx: Context, claims: tokens.Claims) -> bool:
    """Whether the client of a token, if it has one, is still registered."""
    return claims.client_id is None or await oauth_clients.is_registered(ctx, claims.client_id)


async def gateway_token_with_basic(request: Request) -> str:
    """A token for the gateway named by HTTP Basic (its id, its secret). Raises Unauthenticated, TooManyAttempts."""
    api = services(request)
    name, secret = basic_credentials(request)
    address = address_of(request)
    api.attempts.check(name, address)
    gateway = await register_gateway.gateway(api.ctx, name)
    stored = gateway.secret_hash if gateway else hash_secret("")
    if not hmac.compare_digest(stored.encode(), hash_secret(secret).encode()) or gateway is None:
        api.attempts.failed(name, address)
        log_failure()
        raise Unauthenticated("gateway id or secret is wrong")
    api.attempts.succeeded(name, address)
    token, _ = tokens.issue(
        api.settings,
        subject=gateway.id,
        role=GATEWAY_ROLE,
        audience=GATEWAY_AUDIENCE,
        lifetime=timedelta(seconds=api.settings.gateway_token_s),
        now=api.ctx.clock.now(),
    )
    activity.user_id.set(gateway.id)
    log_success(gateway.id)
    return token


def gateway_authenticator(ctx: Context, settings: ApiSettings) -> Callable[[Request], Awaitable[Gateway]]:
    """`authenticate_gateway(request) -> Gateway` for gateways' routers. It raises Unauthenticated, OverBudget."""

    async def authenticate_gateway(request: Request) -> Gateway:
        claims = tokens.read(
            settings,
            bearer_token(request),
            audience=GATEWAY_AUDIENCE,
            lifetime=timedelta(seconds=settings.gateway_token_s),
            now=ctx.clock.now(),
        )
        gateway = await register_gateway.gateway(ctx, claims.subject)
        if gateway is None or claims.role != GATEWAY_ROLE:
            raise Unauthenticated("the token is not one of ours")
        _pay(request, gateway.id)
        activity.user_id.set(gateway.id)
        return gateway

    return authenticate_gateway


def _pay(request: Request, who: str) -> None:
    """Whoever is known pays; who only says so does not, or a stranger could spend what is somebody else's."""
    services(request).budget.spend(who, cost_of(request.method, request.scope["path"]))


def new_secret() -> str:
    """256 random bits as text, to be shown once."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """What is kept of a gateway's or a partner's secret, or of a code.

    Random bits need no slow hash, unlike what people think of.
    """
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


def bearer_token(request: Request) -> str:
    """The token of `Authorization: Bearer` (RFC 6750). Raises Unauthenticated."""
    scheme, _, token = _authorization(request).partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("sign in and send the token as Authorization: Bearer")
    return token.strip(" ")


def basic_credentials(request: Request) -> tuple[str, str]:
    """Name and password of `Authorization: Basic`, in UTF-8 (RFC 7617). Raises Unauthenticated."""
    scheme, _, encoded = _authorization(request).partition(" ")
    try:
        text = base64.b64decode(encoded.strip(" "), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        text = ""
    name, colon, password = text.partition(":")
    if scheme.lower() != "basic" or not colon or not storable(text):
        raise Unauthenticated("send name and password as Authorization: Basic")
    if len(name) > LONGEST_NAME or len(password) > LONGEST_PASSWORD:
        log_failure()
        raise Unauthenticated(NOT_KNOWN)
    return name, password


def _authorization(request: Request) -> str:
    found = request.headers.getlist("authorization")
    return found[0] if len(found) == 1 else ""


def address_of(request: Request) -> str:
    """Who is at the other end, for counting attempts."""
    return network_of(request.client.host) if request.client else ""


def log_success(subject: str, **info: str) -> None:
    """Somebody was let in."""
    extra = {"component": COMPONENT, "additional_info": {"subject": subject, **info}}
    logger.info("Connection attempt succeeded", extra=extra)


def log_failure(reason: str = "Invalid credentials", **info: str) -> None:
    """Somebody was not. A name that was typed is not logged: people type passwords into the wrong field."""
    extra = {"component": COMPONENT, "additional_info": {"reason": reason, **info}}
    logger.warning("Connection attempt failed", extra=extra)
