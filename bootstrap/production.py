"""What a profile other than development refuses: parts that are only good for development. Pure: nothing is asked."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

SECRETS = ("jwt_secret", "vapid_private_key", "registry_password", "relayer_password")
NAMED = ("relayer_keystore", "arbiter", "token")
LEAST_SECRET_BYTES = 32
"""RFC 7518, 3.2: a key as long as the hash."""
LEAST_ARGON2_MEMORY_KIB, LEAST_ARGON2_PASSES = 19_456, 2
"""OWASP Password Storage Cheat Sheet: the least Argon2id for one lane."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


def refusals(settings: Any) -> Iterator[str]:
    """Everything for which `settings.Settings` must not start outside development, each with what to do."""
    missing = [name for name in SECRETS if not getattr(settings, name).get_secret_value()]
    missing += [name for name in NAMED if not getattr(settings, name)]
    if missing:
        yield f"needs {', '.join(name.upper() for name in missing)}: set them, or use PROFILE=development"
        return
    yield from _of_the_tokens(settings)
    if settings.argon2_memory_kib < LEAST_ARGON2_MEMORY_KIB or settings.argon2_passes < LEAST_ARGON2_PASSES:
        least = f"{LEAST_ARGON2_MEMORY_KIB} and {LEAST_ARGON2_PASSES}"
        yield f"needs ARGON2_MEMORY_KIB and ARGON2_PASSES of at least {least}"
    for name in ("arbiter", "token"):
        if not ADDRESS.fullmatch(getattr(settings, name)):
            yield f"needs an address (0x and 40 hexadecimal digits) as {name.upper()}"
    if settings.push_contact.endswith("@example.org"):
        yield "needs your own address as PUSH_CONTACT"
    if settings.mail_url and settings.mail_from.endswith("@example.org"):
        yield "needs your own address as MAIL_FROM"
    if settings.mail_url and not settings.public_url:
        yield "needs PUBLIC_URL where MAIL_URL is set: letters carry links"
    if settings.confirmations == 0:
        yield "needs CONFIRMATIONS above 0: a block without others over it is not final"
    yield from _of_the_network(settings)


def _of_the_tokens(settings: Any) -> Iterator[str]:
    signs, also_read = (getattr(settings, name).get_secret_value() for name in ("jwt_secret", "jwt_secret_also_read"))
    if len(signs.encode()) < LEAST_SECRET_BYTES:
        yield f"needs a JWT_SECRET of at least {LEAST_SECRET_BYTES} bytes"
    if also_read and len(also_read.encode()) < LEAST_SECRET_BYTES:
        yield f"needs a JWT_SECRET_ALSO_READ of at least {LEAST_SECRET_BYTES} bytes, or none"
    if also_read == signs:
        yield "needs another JWT_SECRET_ALSO_READ than JWT_SECRET, or none"


def _of_the_network(settings: Any) -> Iterator[str]:
    for name in ("trusted_proxies", "push_origins"):
        if any("*" in part for part in getattr(settings, name)):
            yield f"needs names in {name.upper()}: * lets anybody in"
    if settings.broker_url and settings.database.startswith("sqlite"):
        yield "needs DATABASE_URL=postgresql+psycopg://… where BROKER_URL is set: no other computer shares a file"
    for name in ("database_url", "broker_url"):
        parts = urlsplit(getattr(settings, name))
        if (
            parts.hostname
            and parts.hostname not in LOOPBACK
            and parts.password in ("", "guest", "postgres", "password")
        ):
            yield f"needs a password of your own in {name.upper()}"
    if urlsplit(settings.registry_url).scheme != "https":
        yield "needs a REGISTRY_URL with https"


def wiring_refusals(
    chain_id: int, development_chains: frozenset[int], *, money: str, test_euro: str | None, relayer: str, arbiter: str
) -> Iterator[str]:
    """The same, of what the address book and the keys say."""
    if chain_id in development_chains:
        yield f"chain {chain_id} is for development: deploy to a chain whose money is money"
    if test_euro is not None and money.lower() == test_euro.lower():
        yield "the test euro is no money: set TOKEN to a listed token"
    if arbiter.lower() == relayer.lower():
        yield "the platform's relayer is the arbiter: set ARBITER to somebody independent"
