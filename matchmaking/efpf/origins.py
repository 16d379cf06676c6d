"""Which addresses we may call: origins by name, then every IP address behind the name.

Resolvers turn `127.1`, `2130706433` and `0177.0.0.1` into loopback, and `ipaddress.is_global` is true for NAT64,
6to4 and other tunnels to it; so a name is judged after resolving, by our own table, and we connect to the address
that was judged (DNS rebinding finds nothing to rebind).
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from matchmaking.efpf.errors import AddressRefused, OriginRefused, SourceUnreachable

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) -> the IP addresses behind the host, as texts."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_URL = 2_000  # characters; a longer one is no service address

_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)
_PUBLIC_V6 = ipaddress.ip_network("2000::/3")  # IANA global unicast; NAT64, site-local and mapped lie outside
_TUNNELS_V6 = (ipaddress.ip_network("2002::/16"), ipaddress.ip_network("2001::/32"))  # 6to4, Teredo


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart: where to connect (`origin` is `scheme://host:port`) and whether it may be private."""

    origin: str
    scheme: str
    host: str
    port: int
    private: bool


def origin_of(url: str) -> str:
    """`scheme://host:port` of a URL, lower case and with the port written out. Raises ValueError if it has none."""
    scheme, host, port = _take_apart(url)
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _take_apart(url: str) -> tuple[str, str, int]:
    if len(url) > _MAX_URL or not url.isascii() or any(c <= " " or c in '\\"<>^`{|}\x7f' for c in url):
        raise ValueError("the address holds characters that no plain URL has")
    parts = urlsplit(url)
    port = parts.port
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("the address is not http or https")
    if "@" in parts.netloc:
        raise ValueError("the address carries a user name")
    if port == 0:
        raise ValueError("port 0 is no address")
    return parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme]


@dataclass(frozen=True, slots=True)
class OriginPolicy:
    """The allow-list. `allowed` may be called over https; `private` (a subset by meaning, not by need) may also be
    plain http and may lie on loopback or in a private network. Both hold values of `origin_of`.
    """

    allowed: frozenset[str]
    private: frozenset[str] = frozenset()

    def admit(self, source: str, url: str) -> Target:
        """The target behind `url`. Raises OriginRefused if the allow-list does not hold its origin."""
        try:
            scheme, host, port = _take_apart(url)
            origin = origin_of(url)
        except ValueError as error:
            raise OriginRefused(source, "the address is not a plain http(s) URL") from error
        private = origin in self.private
        if not private and origin not in self.allowed:
            raise OriginRefused(source, "the origin of the address is not on the allow-list")
        if scheme == "http" and not private:
            raise OriginRefused(source, "plain http is allowed to configured private origins only")
        return Target(origin, scheme, host, port, private)


def address_is_fit(text: str, *, private: bool) -> bool:
    """True if we may connect to the IP address `text`; `private` opens loopback and private networks too."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if private and any(address.version == network.version and address in network for network in _PRIVATE):
        return True
    if isinstance(address, ipaddress.IPv6Address) and (
        address not in _PUBLIC_V6 or any(address in network for network in _TUNNELS_V6)
    ):
        return False
    return address.is_global and not address.is_multicast


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """The addresses that the operating system's resolver gives for `host`."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


async def judged_address(source: str, target: Target, resolve: Resolver) -> str:
    """One address behind `target` that we may connect to.

    Every address must be fit: a name that mixes fit and unfit ones is an attack or a mistake.
    Raises SourceUnreachable if the name is unknown, AddressRefused if an address is unfit.
    """
    try:
        addresses = await resolve(target.host, target.port)
    except (OSError, UnicodeError) as error:
        raise SourceUnreachable(source, "the host name does not resolve") from error
    if not addresses:
        raise SourceUnreachable(source, "the host name does not resolve")
    for address in addresses:
        if not address_is_fit(address, private=target.private):
            raise AddressRefused(source, "the host name leads to an address that is not public")
    return addresses[0]
