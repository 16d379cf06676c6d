"""The peer as an ASGI application: gateway, registry and search under one base address."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette

from matchmaking.peer.auth_routes import auth_routes
from matchmaking.peer.catalogue import PeerCatalogue
from matchmaking.peer.documents import index_items, index_parties
from matchmaking.peer.http import Authenticate, Peer
from matchmaking.peer.principals import PeerUser, Principal
from matchmaking.peer.quirks import NO_QUIRKS, Quirks
from matchmaking.peer.search_routes import search_routes
from matchmaking.peer.service_routes import service_routes
from matchmaking.peer.services import ApiBody, ServiceBody, ServiceStore
from matchmaking.peer.tokens import TokenIssuer

_TTL_S = 3_600  # of our own entry, which renews itself


def create_peer_app(
    catalogue: PeerCatalogue,
    users: Mapping[str, PeerUser],
    clock: Callable[[], datetime],
    *,
    base_url: str,
    token_life: timedelta = timedelta(minutes=5),
    key: rsa.RSAPrivateKey | None = None,
    authenticate: Authenticate | None = None,
    quirks: Quirks = NO_QUIRKS,
) -> Starlette:
    """The application that serves `catalogue`.

    `base_url` is where clients reach it (it stands in tokens and in the registry's entry, so it is never taken from
    a request). `key` signs the tokens; without one a fresh key is made. `authenticate` replaces the check of
    our own bearers where the peer is mounted into a larger service. `quirks` is for tests only.
    """
    base_url = base_url.rstrip("/")
    realm_url = f"{base_url}/auth/realms/{catalogue.realm}"
    issuer = TokenIssuer(realm_url=realm_url, audience=catalogue.registry_id, clock=clock, life=token_life, key=key)

    async def verify(bearer: str) -> Principal:
        return issuer.verify(bearer)

    peer = Peer(
        catalogue=catalogue,
        items=index_items(catalogue),
        parties=index_parties(catalogue),
        services=ServiceStore(clock, quirks),
        authenticate=authenticate or verify,
        quirks=quirks,
    )
    peer.services.register("federated-search", _own_entry(catalogue, base_url), permanent=True)
    return Starlette(
        routes=[
            *auth_routes(catalogue.realm, realm_url, issuer, users),
            *service_routes(peer),
            *search_routes(peer),
        ]
    )


def _own_entry(catalogue: PeerCatalogue, base_url: str) -> ServiceBody:
    protocol = "HTTPS" if base_url.startswith("https:") else "HTTP"
    api = ApiBody(id="search", title=catalogue.title, protocol=protocol, url=f"{base_url}/apis/fs")
    return ServiceBody(
        type="lso.federated-search", title=catalogue.title, apis=[api], meta={"apiVersion": "v1"}, ttl=_TTL_S
    )
