"""A person lets an app in: the request is shown, allowed with a code, and the code traded for a token once."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from marketplace.application.context import Context
from marketplace.domain.clients import ClientKind, redirect_fits, scope_of
from marketplace.domain.errors import InvalidInput
from marketplace.domain.parties import Account
from marketplace.ports.unit_of_work import OAuthClient, OAuthCode, Transaction

LIFETIME = timedelta(seconds=60)
"""An app trades its code within the second; RFC 6749, 4.1.2 allows ten minutes at most."""


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What an app asks for. `challenge` is its verifier's SHA-256 (RFC 7636, S256); no scope means all of its own."""

    client_id: str
    redirect_uri: str
    scope: str | None
    challenge: str


@dataclass(frozen=True, slots=True)
class ConsentView:
    """What a person must see before saying yes."""

    client_id: str
    client_name: str
    owner: str
    scope: str
    scopes: tuple[str, ...]
    redirect_uri: str


class Refused(Enum):
    """Why a code is no good."""

    NOT_GOOD = "not good"
    USED_TWICE = "used twice"


async def consent(ctx: Context, asked: AccessRequest) -> ConsentView:
    """The request in words. Raises InvalidInput for a client or redirect URI that is not registered, or the scope."""
    async with ctx.uow.read() as tx:
        client, scope = await _checked(tx, asked)
        owners = await tx.parties.names({client.organisation_id})
    owner = owners.get(client.organisation_id, "")
    return ConsentView(client.id, client.name, owner, scope, tuple(scope.split()), asked.redirect_uri)


async def allow(ctx: Context, caller: Account, asked: AccessRequest, code_hash: str) -> None:
    """Keep a code for the app. Raises InvalidInput as `consent` does."""
    now = ctx.clock.now()
    async with ctx.uow.write() as tx:
        client, scope = await _checked(tx, asked)
        code = OAuthCode(
            code_hash=code_hash,
            client_id=client.id,
            account_id=caller.id,
            redirect_uri=asked.redirect_uri,
            scope=scope,
            challenge=asked.challenge,
            expires_at=now + LIFETIME,
            forget_at=now + LIFETIME,
        )
        await tx.oauth.add_code(code, now)


async def trade(
    ctx: Context,
    client: OAuthClient,
    *,
    code_hash: str,
    redirect_uri: str,
    challenge: str,
    token_id: str,
    token_ends: datetime,
) -> tuple[Account, str] | Refused:
    """Use a code up, for the token `token_id`: whose token it is and its scope.

    A code that comes a second time was stolen by one of the two who brought it: the token goes, too (RFC 6749, 4.1.2).
    That must be committed, so a refusal is given and not raised.
    """
    async with ctx.uow.write() as tx:
        code = await tx.oauth.code(code_hash)
        if code is None:
            return Refused.NOT_GOOD
        if code.token_id is not None:
            await tx.parties.revoke_token(code.token_id, code.forget_at)
            return Refused.USED_TWICE
        account = await tx.parties.account(code.account_id)
        mine = code.client_id == client.id and code.redirect_uri == redirect_uri
        proven = hmac.compare_digest(code.challenge.encode(), challenge.encode())
        if account is None or not mine or not proven or ctx.clock.now() >= code.expires_at:
            return Refused.NOT_GOOD
        await tx.oauth.use_code(code_hash, token_id, token_ends)
    return account, code.scope


async def _checked(tx: Transaction, asked: AccessRequest) -> tuple[OAuthClient, str]:
    client = await tx.oauth.client(asked.client_id)
    if client is None or client.kind is not ClientKind.APP:
        raise InvalidInput("client_id", "names no app that is registered here")
    if not redirect_fits(asked.redirect_uri, client.redirect_uris):
        raise InvalidInput("redirect_uri", "is not registered for this client")
    return client, scope_of(asked.scope, client.scope)
