"""Programs of others that act here (OAuth 2.0, RFC 6749): what they may, and where their codes are sent.

A scope narrows what the account may; it never adds to it.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from urllib.parse import SplitResult, urlsplit

from marketplace.domain.errors import InvalidInput


class ClientKind(StrEnum):
    """An app acts for the person in front of it and can keep no secret; a partner's server acts for the organisation
    that registered it (RFC 6749, 2.1: public and confidential)."""

    APP = "app"
    PARTNER = "partner"


class Scope(StrEnum):
    """`read` looks (GET and HEAD), `write` does all that the account's role may."""

    READ = "read"
    WRITE = "write"


SCOPES = {"read": (Scope.READ,), "write": (Scope.WRITE,), "read write": (Scope.READ, Scope.WRITE)}
"""The spellings that are kept and given."""
MOST_REDIRECTS = 10
LONGEST_REDIRECT = 512
LOOPBACK = frozenset({"127.0.0.1", "[::1]"})
"""RFC 8252, 8.3: the addresses and not the name `localhost`, which may lead elsewhere."""
_URI = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
"""RFC 3986 without `#`: a fragment is for the browser alone (RFC 6749, 3.1.2)."""
_PRIVATE = re.compile(r"[a-z][a-z0-9+\-]*(\.[a-z0-9+\-]+)+")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~]+)(?::(?P<port>[0-9]{1,5}))?")
_REDIRECT = "must be https, http on 127.0.0.1 or [::1], or a scheme of your own with a dot; without user or fragment"


def scope_of(asked: str | None, most: str) -> str:
    """The scope that is given to who asks for `asked` and may have `most`; for None all of it (RFC 6749, 3.3).

    Raises InvalidInput for a word that is no scope and for one that is not in `most`.
    """
    words = most.split() if asked is None else asked.split(" ")
    if not set(words) <= set(Scope) or len(set(words)) != len(words):
        raise InvalidInput("scope", "must be read, write, or both, separated by one space")
    if not set(words) <= set(most.split()):
        raise InvalidInput("scope", f"is more than this client is registered for: {most}")
    return " ".join(sorted(words))


def check_redirects(kind: ClientKind, redirect_uris: Sequence[str]) -> None:
    """Raises InvalidInput unless an app names where it is answered; a partner, who is answered at once, must not."""
    if kind is ClientKind.PARTNER:
        if redirect_uris:
            raise InvalidInput("redirect_uris", "are for apps: a partner signs in with its secret")
        return
    if not 1 <= len(redirect_uris) <= MOST_REDIRECTS or len(set(redirect_uris)) != len(redirect_uris):
        raise InvalidInput("redirect_uris", f"must be 1 to {MOST_REDIRECTS} different addresses")
    for number, uri in enumerate(redirect_uris):
        if not _may_be_redirect(uri):
            raise InvalidInput(f"redirect_uris.{number}", _REDIRECT)


def redirect_fits(redirect_uri: str, registered: Sequence[str]) -> bool:
    """Whether it is one of the registered ones, letter for letter; on loopback with any port (RFC 8252, 7.3)."""
    if redirect_uri in registered:
        return True
    without_port = _loopback_without_port(redirect_uri)
    return without_port is not None and without_port in {_loopback_without_port(uri) for uri in registered}


def _may_be_redirect(uri: str) -> bool:
    parts = _split(uri)
    if parts is None:
        return False
    scheme = uri.partition(":")[0]
    if scheme in ("https", "http"):
        authority = _AUTHORITY.fullmatch(parts.netloc)
        if authority is None or int(authority["port"] or 1) not in range(1, 65_536):
            return False
        return scheme == "https" or authority["host"] in LOOPBACK
    # RFC 8252, 7.1: a name in reverse, so that two apps do not choose the same; never `javascript:` or `data:`.
    return _PRIVATE.fullmatch(scheme) is not None and len(uri) > len(scheme) + 1 and "@" not in parts.netloc


def _loopback_without_port(uri: str) -> str | None:
    parts = _split(uri)
    if parts is None or not uri.startswith("http://"):
        return None
    authority = _AUTHORITY.fullmatch(parts.netloc)
    if authority is None or authority["host"] not in LOOPBACK or int(authority["port"] or 1) not in range(1, 65_536):
        return None
    return parts._replace(netloc=authority["host"]).geturl()


def _split(uri: str) -> SplitResult | None:
    if len(uri) > LONGEST_REDIRECT or _URI.fullmatch(uri) is None:
        return None
    try:
        return urlsplit(uri)
    except ValueError:
        return None
