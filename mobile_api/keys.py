"""The secrets that sign tokens: one of them signs, and while it is being replaced another one is read beside it.

A key's name (`kid`: RFC 7515, 4.1.4) says under which secret a token was signed, and nothing about the secret.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from functools import lru_cache

LABEL = b"lotsizeone name of a key"
NAME_BYTES = 8
"""Two secrets have one name once in 2^64; nothing is decided by the name alone."""


@dataclass(frozen=True, slots=True)
class Key:
    """A secret and its public name."""

    kid: str
    secret: str = field(repr=False)


@lru_cache(maxsize=8)
def key_of(secret: str) -> Key:
    """The key with this secret. Whoever reads its name learns no more than from a token that it signed."""
    return Key(hmac.digest(secret.encode(), LABEL, hashlib.sha256)[:NAME_BYTES].hex(), secret)
