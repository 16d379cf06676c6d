"""Who may use the peer: users with a password, and the principal that a verified bearer stands for."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

# Roles as EFPF names them: the first reads registry and search, the others write to the registry.
READ_ROLES = frozenset({"efpf_basic", "efpf_sr_admin", "sr_admin"})
WRITE_ROLES = frozenset({"efpf_sr_admin", "sr_admin"})


class BearerRefused(Exception):
    """The bearer is missing, forged, foreign or expired. The text is for our log, not for the caller."""


@dataclass(frozen=True, slots=True)
class PeerUser:
    """One account: its password, the party it acts for in the catalogue (None: nobody's), its realm roles."""

    password: str = field(repr=False)
    party_id: str | None = None
    roles: frozenset[str] = frozenset({"efpf_basic"})


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking."""

    user: str
    party_id: str | None
    roles: frozenset[str]

    @property
    def may_read(self) -> bool:
        """May use registry and search."""
        return not self.roles.isdisjoint(READ_ROLES)

    @property
    def may_write(self) -> bool:
        """May register services."""
        return not self.roles.isdisjoint(WRITE_ROLES)


def sign_in(users: Mapping[str, PeerUser], name: str, password: str) -> Principal | None:
    """The principal if `password` is the one of `name`, else None; both answers take the same time."""
    user = users.get(name)
    known = "" if user is None else user.password
    same = hmac.compare_digest(_digest(known), _digest(password))
    if user is None or not known or not same:
        return None
    return Principal(name, user.party_id, user.roles)


def _digest(text: str) -> bytes:
    # Equal lengths for compare_digest; this is no stored password hash, the peer's users live in its settings.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
