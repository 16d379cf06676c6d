"""Bearer tokens: JWT (RFC 7519) signed with HS256, read as strictly as they are written (RFC 8725)."""

import base64
import binascii
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt

from marketplace.domain.clients import SCOPES
from marketplace.domain.errors import Unauthenticated
from mobile_api.keys import Key
from mobile_api.settings import ApiSettings

ALGORITHM = "HS256"
HEADER = {"alg": ALGORITHM, "typ": "JWT"}
"""What every header says. Beside it stands the key's name (`kid`), save in tokens from before keys had names."""
LEEWAY = timedelta(seconds=60)
"""How far the clocks of two of our processes may differ."""
LONGEST = 4096
REMEMBERED = 1_024
"""Tokens whose signature need not be checked again, 4 MiB of them at most."""
CLAIMS = ["iss", "aud", "sub", "jti", "iat", "exp", "role"]
LOGIN_FREE = "sign"
"""The scope of who joined by a link without a password: see `scopes.SIGNING`. No client can have it."""
PART = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, checked."""

    subject: str
    token_id: str
    role: str
    expires_at: datetime
    client_id: str | None = None
    scope: str = ""
    """Of an OAuth client's token, and of a login-free one; what a person got for a password has none."""

    @property
    def login_free(self) -> bool:
        """Whether nobody signed in for it: a link and a code opened the door."""
        return self.client_id is None and self.scope == LOGIN_FREE


def new_id() -> str:
    """A name for a token that nobody guesses and no other has."""
    return secrets.token_urlsafe(16)


def issue(
    settings: ApiSettings,
    *,
    subject: str,
    role: str,
    audience: str,
    lifetime: timedelta,
    now: datetime,
    token_id: str | None = None,
    client_id: str | None = None,
    scope: str = "",
) -> tuple[str, Claims]:
    """A new token, with an id of its own unless one is given, good from `now` for `lifetime`."""
    issued = int(now.timestamp())
    expires = issued + int(lifetime.total_seconds())
    token_id = token_id or new_id()
    payload = {
        "iss": settings.issuer,
        "aud": audience,
        "sub": subject,
        "jti": token_id,
        "iat": issued,
        "exp": expires,
        "role": role,
    }
    if client_id is not None:
        payload |= {"client_id": client_id, "scope": scope}  # RFC 9068, 2.2
    elif scope:
        payload["scope"] = scope
    key = settings.keys[0]
    token = jwt.encode(payload, key.secret, algorithm=ALGORITHM, headers=HEADER | {"kid": key.kid})
    return token, Claims(subject, token_id, role, datetime.fromtimestamp(expires, UTC), client_id, scope)


def read(settings: ApiSettings, token: str, *, audience: str, lifetime: timedelta, now: datetime) -> Claims:
    """The claims of a token of ours for `audience`.

    Raises Unauthenticated for anything else: another algorithm or header, a key that we do not have, a missing claim, a
    time that is not a whole number, an expiry later than we ever give, an encoding that is not canonical.
    """
    if len(token) > LONGEST:
        raise Unauthenticated("the token is not one of ours")
    payload = _signed(token, settings.keys, settings.issuer, audience)
    return _checked(payload, audience, lifetime, now)


@lru_cache(maxsize=REMEMBERED)
def _signed(token: str, keys: tuple[Key, ...], issuer: str, audience: str) -> Mapping[str, Any]:
    """What a token of ours says. That never changes, so a caller's next request need not prove it again; whether the
    token is still good is asked each time. Raises Unauthenticated, which is not remembered.
    """
    try:
        if _canonical(token):
            for key in _keys_for(jwt.get_unverified_header(token), keys):
                with suppress(jwt.InvalidSignatureError):
                    return _decoded(token, key, issuer, audience)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise Unauthenticated("the token is not one of ours") from error
    raise Unauthenticated("the token is not one of ours")


def _keys_for(header: Mapping[str, Any], keys: Sequence[Key]) -> Sequence[Key]:
    """The key that a header names, or all of them where it names none, as none did once. Any other header has no key:
    the name is compared with those of ours, and neither looked up nor opened anywhere.
    """
    if header == HEADER:
        return keys
    return [key for key in keys if header == HEADER | {"kid": key.kid}]


def _decoded(token: str, key: Key, issuer: str, audience: str) -> Mapping[str, Any]:
    return jwt.decode(
        token,
        key.secret,
        algorithms=[ALGORITHM],
        audience=audience,
        issuer=issuer,
        # Times are compared by the caller, with the marketplace's clock instead of the machine's.
        options={"require": CLAIMS, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )


def _checked(payload: Mapping[str, Any], audience: str, lifetime: timedelta, now: datetime) -> Claims:
    texts = [payload["sub"], payload["jti"], payload["role"], payload["aud"]]
    issued, expires = payload["iat"], payload["exp"]
    if not all(type(text) is str for text in texts) or type(issued) is not int or type(expires) is not int:
        raise Unauthenticated("the token is not one of ours")
    present = now.timestamp()
    leeway = LEEWAY.total_seconds()
    if payload["aud"] != audience or issued > present + leeway or not 0 < expires - issued <= lifetime.total_seconds():
        raise Unauthenticated("the token is not one of ours")
    if present >= expires:
        raise Unauthenticated("the token has expired: sign in again")
    client_id, scope = payload.get("client_id"), payload.get("scope", "")
    delegated = "client_id" in payload or ("scope" in payload and scope != LOGIN_FREE)
    if delegated and not (type(client_id) is str and type(scope) is str and scope in SCOPES):
        raise Unauthenticated("the token is not one of ours")
    ends = datetime.fromtimestamp(expires, UTC)
    return Claims(payload["sub"], payload["jti"], payload["role"], ends, client_id, scope)


def _canonical(token: str) -> bool:
    """Three base64url parts (RFC 7515, 2) that have one spelling only: stray bits in the last character are refused."""
    parts = token.split(".")
    return len(parts) == 3 and all(_one_spelling(part) for part in parts)


def _one_spelling(part: str) -> bool:
    if PART.fullmatch(part) is None:
        return False
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        return False
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == part
