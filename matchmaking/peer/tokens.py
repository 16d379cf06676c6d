"""The peer's tokens: RS256, with the claims that LinkSmart's validator and NIMBLE's index look for.

`iss` is the realm's URL, `aud` one string (the registry's service id), and the roles stand both in
`realm_access.roles` and in `resource_access.account.roles`. NIMBLE does not check the signature; we do.
"""

import base64
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from matchmaking.peer.principals import BearerRefused, Principal

_LEEWAY = timedelta(seconds=30)  # clocks of two machines
_MAX_TOKEN = 8_192  # characters; ours have about a thousand


class _Roles(BaseModel):
    roles: list[str] = Field(default_factory=list, max_length=100)


class _Claims(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    iss: str
    aud: str
    sub: str = Field(min_length=1)
    iat: int
    exp: int
    realm_access: _Roles
    lso_party: str | None = None


class TokenIssuer:
    """Issues and verifies the bearers of one realm. `clock` gives the wall time with an offset."""

    def __init__(
        self,
        *,
        realm_url: str,
        audience: str,
        clock: Callable[[], datetime],
        life: timedelta = timedelta(minutes=5),
        key: rsa.RSAPrivateKey | None = None,
    ) -> None:
        if life < timedelta(seconds=1):
            raise ValueError("a token must live for at least a second")
        self._key = key or rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        self._realm_url = realm_url
        self._audience = audience
        self._clock = clock
        self.life = life
        self._key_id = str(uuid.uuid5(uuid.NAMESPACE_URL, self.public_key))

    @property
    def public_key(self) -> str:
        """The public key as Keycloak's realm URL shows it: base64 of the DER SubjectPublicKeyInfo."""
        der = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(der).decode("ascii")

    def jwks(self) -> dict[str, Any]:
        """The public key as a JSON Web Key Set (RFC 7517)."""
        key = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": self._key_id, "use": "sig", "alg": "RS256"}]}

    def issue(self, principal: Principal) -> str:
        """A bearer for `principal`."""
        now = int(self._clock().timestamp())
        roles = sorted(principal.roles)
        claims: dict[str, Any] = {
            "iss": self._realm_url,
            "aud": self._audience,
            "sub": principal.user,
            "preferred_username": principal.user,
            "iat": now,
            "exp": now + int(self.life.total_seconds()),
            "jti": str(uuid.uuid4()),
            "typ": "Bearer",
            "realm_access": {"roles": roles},
            "resource_access": {"account": {"roles": roles}},
        }
        if principal.party_id is not None:
            claims["lso_party"] = principal.party_id
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._key_id})

    def verify(self, bearer: str) -> Principal:
        """Who the bearer stands for. Raises BearerRefused."""
        if len(bearer) > _MAX_TOKEN or not bearer.isascii():
            raise BearerRefused("not a token of ours")
        # Time claims are judged below, by our own clock; PyJWT would ask the system's.
        own_checks = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
        try:
            raw = jwt.decode(bearer, self._key.public_key(), algorithms=["RS256"], options=own_checks)  # type: ignore[arg-type]
            claims = _Claims.model_validate(raw)
        except (jwt.PyJWTError, ValidationError, ValueError, RecursionError) as error:
            raise BearerRefused("not a token of ours") from error
        now = self._clock().timestamp()
        leeway = _LEEWAY.total_seconds()
        if claims.iss != self._realm_url or claims.aud != self._audience:
            raise BearerRefused("a token of another realm or for another service")
        if now >= claims.exp or now < claims.iat - leeway:
            raise BearerRefused("the token has expired or is not yet valid")
        return Principal(claims.sub, claims.lso_party, frozenset(claims.realm_access.roles))
