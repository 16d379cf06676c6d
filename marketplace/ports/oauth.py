"""Programs of others and the codes they trade for tokens (RFC 6749)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from marketplace.domain.clients import ClientKind


@dataclass(frozen=True, slots=True)
class FormerSecret:
    """The hash of a secret that was replaced, and until when it is good all the same."""

    hash: str
    until: datetime


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """A program that an organisation has registered. `account_id` is the account that a partner's tokens act for.

    Only hashes of secrets are kept; an app has none. `redirect_uris` are an app's.
    """

    id: str
    organisation_id: str
    name: str
    kind: ClientKind
    scope: str
    redirect_uris: tuple[str, ...]
    created_at: datetime
    account_id: str | None = None
    secret_hash: str | None = None
    former_secrets: tuple[FormerSecret, ...] = ()


@dataclass(frozen=True, slots=True)
class OAuthCode:
    """An authorization code, known by its hash, with all that it is bound to.

    `token_id` names the token that it was traded for. It is remembered until `forget_at`: as long as that token lives.
    """

    code_hash: str
    client_id: str
    account_id: str
    redirect_uri: str
    scope: str
    challenge: str
    expires_at: datetime
    forget_at: datetime
    token_id: str | None = None


class OAuth(Protocol):
    """Clients and codes."""

    async def add_client(self, client: OAuthClient) -> None:
        """Raises Conflict if the id is taken."""
        ...

    async def client(self, client_id: str) -> OAuthClient | None:
        """By id. A transaction that writes keeps it from other writers until its end."""
        ...

    async def is_registered(self, client_id: str) -> bool:
        """Whether the client is there: what every request with its token asks."""
        ...

    async def clients_of(self, organisation_id: str, limit: int, before: str | None) -> Sequence[OAuthClient]:
        """A page of an organisation's clients, newest first. Raises InvalidInput if `before` is none of them."""
        ...

    async def set_secrets(self, client_id: str, secret_hash: str, former: Sequence[FormerSecret]) -> None:
        """Replace the secret and the list of those that are good for a while."""
        ...

    async def remove_client(self, client_id: str) -> None:
        """Forget the client and its codes."""
        ...

    async def add_code(self, code: OAuthCode, now: datetime) -> None:
        """Keep a code, and forget those whose `forget_at` has come."""
        ...

    async def code(self, code_hash: str) -> OAuthCode | None:
        """By hash. A transaction that writes keeps it from other writers until its end."""
        ...

    async def use_code(self, code_hash: str, token_id: str, forget_at: datetime) -> None:
        """It was traded for this token."""
        ...
