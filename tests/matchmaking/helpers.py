"""Scripted sources without sockets, and a peer reached through ASGI."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa

from matchmaking.efpf.client import FederatedClient
from matchmaking.efpf.config import FederationConfig, GatewayConfig
from matchmaking.efpf.gateway_auth import GatewayAuth
from matchmaking.efpf.origins import Resolver
from matchmaking.efpf.transport import GuardedHttp
from matchmaking.peer import PeerCatalogue, PeerUser, Quirks, create_peer_app, load_catalogue
from matchmaking.peer.quirks import NO_QUIRKS

PROJECT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 21, 5, 1, 6, tzinfo=UTC)
GATEWAY = "https://gateway.example"
PUBLIC_ADDRESS = "93.184.216.34"
CATEGORIES = ("urn:lso:category:cylinder-base", "urn:lso:category:cylinder-cover", "urn:lso:operation:machining")


class Clock:
    """A wall clock that tests move."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


async def public(_host: str, _port: int) -> Sequence[str]:
    """A resolver for which every name is public."""
    return [PUBLIC_ADDRESS]


async def loopback(_host: str, _port: int) -> Sequence[str]:
    """A resolver for which every name is this machine."""
    return ["127.0.0.1"]


Responder = Callable[[httpx.Request], httpx.Response]


def answer(body: object, status: int = 200, **headers: str) -> httpx.Response:
    """A JSON answer; bytes are sent as they are."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, content=raw, headers=sent)


def _streamed(response: httpx.Response) -> httpx.Response:
    """`response` as it comes off a wire: its raw bytes still to be read."""
    try:
        raw = response.content
    except httpx.ResponseNotRead:
        return response
    headers = [(name, value) for name, value in response.headers.raw if name.lower() != b"content-length"]
    return httpx.Response(response.status_code, headers=headers, stream=httpx.ByteStream(raw))


class Scripted:
    """A source that answers by path from a list of answers a path, the last one for ever; it records requests."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self._answers: dict[str, list[httpx.Response | Exception | Responder]] = {}

    def on(self, path: str, *answers: httpx.Response | Exception | Responder) -> "Scripted":
        self._answers[path] = list(answers)
        return self

    def with_token(self, expires_in: int = 300) -> "Scripted":
        counter = iter(range(1, 10_000))

        def token(_request: httpx.Request) -> httpx.Response:
            return answer({"access_token": f"token-{next(counter)}", "expires_in": expires_in, "token_type": "Bearer"})

        return self.on("/auth/realms/efpf/protocol/openid-connect/token", token)

    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        await asyncio.sleep(0.001)  # others get their turn, as on a real wire
        known = self._answers.get(request.url.path)
        if known is None:
            return answer({"code": 404, "message": "nothing here"}, 404)
        chosen = known.pop(0) if len(known) > 1 else known[0]
        if isinstance(chosen, Exception):
            raise chosen
        return _streamed(chosen if isinstance(chosen, httpx.Response) else chosen(request))

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self), trust_env=False)


def gateway(**changes: Any) -> GatewayConfig:
    """The configuration of a public gateway."""
    return GatewayConfig(**({"gateway_id": "efpf", "base_url": GATEWAY, "username": "lso", "password": "pw"} | changes))


def guarded(
    source: Scripted, config: GatewayConfig | None = None, resolve: Resolver = public, **more: Any
) -> GuardedHttp:
    """A guarded caller of `source`."""
    return GuardedHttp(source.http(), (config or gateway()).policy(), resolve=resolve, **more)


def auth_for(source: Scripted, config: GatewayConfig | None = None) -> GatewayAuth:
    """Step 1 in front of `source`."""
    config = config or gateway()
    return GatewayAuth(config, guarded(source, config))


def item(**changes: Any) -> dict[str, Any]:
    """The item of the notes, as NIMBLE's getters write it."""
    recorded: dict[str, Any] = {
        "uri": "urn:item:1",
        "catalogueId": "c-1",
        "label": {"en": "Base 40 mm"},
        "price": {"EUR": 12.5},
        "currency": ["EUR"],
        "deliveryTime": {"Week(s)": 2.0},
        "minimumOrderQuantity": 1.0,
        "baseQuantities": {"piece(s)": [1.0]},
        "priceHidden": False,
        "certificateType": ["ISO 9001"],
        "applicableCountries": [],
        "permittedParties": None,
        "restrictedParties": None,
        "classificationUri": ["urn:lso:category:cylinder-base"],
        "stringValue": {"material": ["steel@en"]},
        "doubleValue": {"diameter@mm": [40.0]},
        "booleanValue": {},
        "manufactuerItemId": "A-7",
        "manufacturerId": "991",
        "manufacturer": {"id": "991", "legalName": "Nine Nine One", "trustScore": 0.7},
    }
    return recorded | changes


def page(*items: object, total: int | None = None) -> dict[str, Any]:
    """A page of a search answer."""
    return {"totalElements": len(items) if total is None else total, "result": list(items)}


def service(**changes: Any) -> dict[str, Any]:
    """The recorded entry of a service catalogue."""
    recorded: dict[str, Any] = {
        "id": "5ae221a1-b986-48d8-b3f8-503a095f9571",
        "description": "x",
        "title": "EFPF Federated Search & Matchmaking",
        "type": "efpf.federated-search",
        "apis": [
            {
                "id": "search",
                "title": "Federated search",
                "description": "",
                "protocol": "HTTPS",
                "url": f"{GATEWAY}/apis/fs",
                "spec": {"mediaType": "application/vnd.oai.openapi+json;version=3.0", "url": "", "schema": {}},
                "meta": {},
            }
        ],
        "meta": {"apiVersion": "v1"},
        "doc": "https://docs.example",
        "ttl": 3600,
        "createdAt": "2026-11-21T05:01:06.971866067Z",
        "updatedAt": "2026-11-21T05:01:06.971866067Z",
        "expiresAt": "2026-11-21T06:01:06.971866067Z",
    }
    return recorded | changes


def listing(*services: object, total: int | None = None, number: int = 1) -> dict[str, Any]:
    """A page of a service catalogue."""
    count = len(services) if total is None else total
    return {
        "id": "efpf-sr",
        "description": "d",
        "services": list(services),
        "page": number,
        "per_page": 100,
        "total": count,
    }


@cache
def signing_key() -> rsa.RSAPrivateKey:
    """One key for all tests: making one takes a while."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


@cache
def demo_catalogue() -> PeerCatalogue:
    """The catalogue that the demo serves."""
    return load_catalogue(PROJECT / "examples" / "registry.yaml")


USERS = {
    "lso": PeerUser("pw", "lso"),
    "member": PeerUser("pw", "cooperative-member-1"),
    "guest": PeerUser("pw", None, frozenset({"somebody"})),
    "keeper": PeerUser("pw", None, frozenset({"efpf_sr_admin"})),
}


class PeerUnderTest:
    """Our peer behind ASGI, without sockets, and the clients that reach it."""

    def __init__(self, *, quirks: Quirks = NO_QUIRKS, clock: Clock | None = None, **more: Any) -> None:
        self.clock = clock or Clock()
        self.base_url = "http://peer.example"
        self.app = create_peer_app(
            demo_catalogue(), USERS, self.clock, base_url=self.base_url, key=signing_key(), quirks=quirks, **more
        )
        self.calls: list[str] = []

    def transport(self) -> httpx.AsyncBaseTransport:
        return _Counting(self)

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self.transport(), trust_env=False, base_url=self.base_url)

    def config(self, **changes: Any) -> GatewayConfig:
        return gateway(**({"base_url": self.base_url, "private": True} | changes))

    def client(self, **changes: Any) -> FederatedClient:
        config = FederationConfig((self.config(**changes),))
        return FederatedClient(config, self.http(), clock=self.clock, resolve=loopback)

    async def bearer(self, user: str = "lso") -> dict[str, str]:
        async with self.http() as http:
            form = {"grant_type": "password", "client_id": "user-terminal", "username": user, "password": "pw"}
            got = await http.post("/auth/realms/efpf/protocol/openid-connect/token", data=form)
        return {"Authorization": f"Bearer {got.json()['access_token']}"}


class _Counting(httpx.AsyncBaseTransport):
    def __init__(self, peer: PeerUnderTest) -> None:
        self._peer = peer
        self._asgi = httpx.ASGITransport(app=peer.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._peer.calls.append(f"{request.method} {request.url.path}")
        return await self._asgi.handle_async_request(request)


class Drip(httpx.AsyncByteStream):
    """A body that comes one byte at a time, each well inside a read timeout."""

    def __init__(self, pause_s: float = 0.02, count: int = 10_000) -> None:
        self._pause_s, self._count = pause_s, count

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self._count):
            await asyncio.sleep(self._pause_s)
            yield b" "
