"""An organisation's clients: programs of others that it lets in (OAuth 2.0)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from marketplace.application.context import Context
from marketplace.domain.clients import ClientKind, Scope, check_redirects, scope_of
from marketplace.domain.errors import Conflict, Forbidden, NotFound
from marketplace.domain.parties import Account, Organisation
from marketplace.ports.unit_of_work import FormerSecret, OAuthClient, Transaction

OVERLAP = timedelta(hours=24)
"""How long a secret is good after it was replaced: time to tell the partner's servers."""
MOST_FORMER = 8
"""Who replaces secrets faster than this loses the oldest before its time."""
NO_PASSWORD = ""
"""What is kept as the password of an account that no person signs in to."""


@dataclass(frozen=True, slots=True)
class ClientView:
    """A client; `client_secret` is shown once, when it is made; the one before is good until `former_secret_until`."""

    client_id: str
    name: str
    kind: str
    scope: str
    redirect_uris: tuple[str, ...]
    created_at: datetime
    former_secret_until: datetime | None
    client_secret: str | None = None


@dataclass(frozen=True, slots=True)
class ClientPage:
    """Clients of a page; `next_cursor` is None on the last one."""

    items: tuple[ClientView, ...]
    next_cursor: str | None


async def register_client(
    ctx: Context,
    caller: Account,
    *,
    name: str,
    kind: ClientKind,
    scope: str,
    redirect_uris: Sequence[str],
    secret: str,
    secret_hash: str,
) -> ClientView:
    """Add a client to the caller's organisation; a partner's gets the secret and an account to act for.

    Raises Forbidden, InvalidInput.
    """
    organisation = _organisation(caller)
    scope = scope_of(scope, " ".join(Scope))
    check_redirects(kind, redirect_uris)
    partner = kind is ClientKind.PARTNER
    client_id = f"cli_{ctx.new_id()}"
    account = _service_account(ctx, organisation, client_id, name) if partner else None
    client = OAuthClient(
        id=client_id,
        organisation_id=organisation.id,
        name=name,
        kind=kind,
        scope=scope,
        redirect_uris=tuple(redirect_uris),
        created_at=ctx.clock.now(),
        account_id=account.id if account else None,
        secret_hash=secret_hash if partner else None,
    )
    async with ctx.uow.write() as tx:
        if account is not None:
            await tx.parties.add_account(account)
        await tx.oauth.add_client(client)
    return _view(client, secret if partner else None)


async def list_clients(ctx: Context, caller: Account, *, limit: int, cursor: str | None) -> ClientPage:
    """The organisation's clients, newest first. Raises Forbidden, and InvalidInput for a strange cursor."""
    organisation = _organisation(caller)
    async with ctx.uow.read() as tx:
        found = await tx.oauth.clients_of(organisation.id, limit + 1, cursor)
    items = tuple(_view(client) for client in found[:limit])
    return ClientPage(items, items[-1].client_id if len(found) > limit else None)


async def own_client(ctx: Context, caller: Account, client_id: str) -> ClientView:
    """A client of the caller's organisation. Raises Forbidden, NotFound."""
    async with ctx.uow.read() as tx:
        return _view(await _own(tx, caller, client_id))


async def replace_secret(ctx: Context, caller: Account, client_id: str, *, secret: str, secret_hash: str) -> ClientView:
    """A new secret; the one before it is good for `OVERLAP`. Raises NotFound, and Conflict for an app."""
    now = ctx.clock.now()
    async with ctx.uow.write() as tx:
        client = await _own(tx, caller, client_id)
        if client.secret_hash is None:
            raise Conflict("an app has no secret")
        former = [FormerSecret(client.secret_hash, now + OVERLAP)]
        former += [secret for secret in client.former_secrets if secret.until > now]
        await tx.oauth.set_secrets(client.id, secret_hash, former[:MOST_FORMER])
    return _view(replace(client, former_secrets=tuple(former)), secret)


async def remove_client(ctx: Context, caller: Account, client_id: str) -> None:
    """Forget a client: its tokens are refused from now on, by every process. Raises NotFound."""
    async with ctx.uow.write() as tx:
        client = await _own(tx, caller, client_id)
        await tx.oauth.remove_client(client.id)


async def client(ctx: Context, client_id: str) -> OAuthClient | None:
    """The client, or None."""
    async with ctx.uow.glance() as tx:
        return await tx.oauth.client(client_id)


async def is_registered(ctx: Context, client_id: str) -> bool:
    """Whether the client of a token is still there."""
    async with ctx.uow.glance() as tx:
        return await tx.oauth.is_registered(client_id)


def _organisation(caller: Account) -> Organisation:
    if caller.organisation is None:
        raise Forbidden("clients belong to organisations")
    return caller.organisation


async def _own(tx: Transaction, caller: Account, client_id: str) -> OAuthClient:
    found = await tx.oauth.client(client_id)
    if found is None or found.organisation_id != _organisation(caller).id:
        raise NotFound("client")
    return found


def _service_account(ctx: Context, organisation: Organisation, client_id: str, name: str) -> Account:
    """Of the organisation and of nobody in it: the partner goes on when the person who registered it is gone."""
    return Account(
        id=f"acc_{ctx.new_id()}",
        email=f"{client_id}@clients.invalid",  # RFC 2606, 2: reaches nobody
        display_name=name,
        role=organisation.kind,
        password_hash=NO_PASSWORD,
        organisation=organisation,
    )


def _view(client: OAuthClient, secret: str | None = None) -> ClientView:
    former = client.former_secrets[0].until if client.former_secrets else None
    return ClientView(
        client.id, client.name, client.kind, client.scope, client.redirect_uris, client.created_at, former, secret
    )
