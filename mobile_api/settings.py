"""What the HTTP interface must be told. Nothing here reads the environment."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from mobile_api.budgets import DEAREST
from mobile_api.keys import Key, key_of

GATEWAY_AUDIENCE = "gateway"
"""The audience of gateway tokens: a person's token opens no gateway door and the other way round."""


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Settings of the interface. `jwt_secret` signs tokens (HS256) and seals remembered answers.

    Raises ValueError for a secret shorter than 32 bytes (RFC 7518, 3.2: a key as long as the hash) and for bounds
    that would switch a protection off.
    """

    jwt_secret: str = field(repr=False)
    jwt_secret_also_read: str = field(default="", repr=False)
    """The next secret or the former one, while one is replaced by the other; it never signs. Empty: there is none."""
    issuer: str = "lotsizeone"
    audience: str = "lotsizeone-app"
    token_days: int = 7
    gateway_token_s: int = 900
    partner_token_s: int = 3600
    public_url: str = ""
    """Where the world finds us, without a path; empty is where a request found us."""
    vapid_public_key: str = ""
    development: bool = False
    max_body_bytes: int = 1 << 20
    address_budget: int = 60_000
    account_budget: int = 12_000
    """What one address, and one account, may spend in a minute (`budgets.DEAR` says on what); 0 is no limit."""
    # RFC 9106, 4: the second recommended choice, 64 MiB of memory and three passes.
    argon2_memory_kib: int = 65_536
    argon2_passes: int = 3

    def __post_init__(self) -> None:
        _check_secrets(self.jwt_secret, self.jwt_secret_also_read)
        if not 1 <= self.token_days <= 30:
            raise ValueError("token_days must be from 1 to 30")
        if not 60 <= self.gateway_token_s <= 3600:
            raise ValueError("gateway_token_s must be from 60 to 3600")
        if not 60 <= self.partner_token_s <= 3600:
            raise ValueError("partner_token_s must be from 60 to 3600")
        parts = urlsplit(self.public_url)
        if self.public_url and (parts.scheme not in ("http", "https") or self.public_url.count("/") != 2):
            raise ValueError("public_url must be an http or https address without a path")
        if not 1024 <= self.max_body_bytes <= 64 << 20:
            raise ValueError("max_body_bytes must be from 1 KiB to 64 MiB")
        if any(0 < units < DEAREST or units < 0 for units in (self.address_budget, self.account_budget)):
            raise ValueError(f"address_budget and account_budget must be 0 or at least {DEAREST}")
        if self.audience == GATEWAY_AUDIENCE:
            raise ValueError("the audience of people must differ from the audience of gateways")

    @property
    def keys(self) -> tuple[Key, ...]:
        """The key that signs, and after it the one that is read too, if there is one."""
        if not self.jwt_secret_also_read:
            return (key_of(self.jwt_secret),)
        return key_of(self.jwt_secret), key_of(self.jwt_secret_also_read)


def _check_secrets(signs: str, also_read: str) -> None:
    if len(signs.encode()) < 32:
        raise ValueError("jwt_secret must be at least 32 bytes of randomness")
    if also_read and len(also_read.encode()) < 32:
        raise ValueError("jwt_secret_also_read must be at least 32 bytes of randomness, or empty")
    if also_read == signs:
        raise ValueError("jwt_secret_also_read must be another one than jwt_secret")
