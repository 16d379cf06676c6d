"""The peer as an ASGI application: gateway, registry and search under one base address."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import JsonValue
from starlette.applications import Starlette

from matchmaking.peer.auth_routes import auth_routes
from matchmaking.peer.catalogue import PeerCatalogue, PeerIdentity
from matchmaking.peer.http import Authenticate, Peer
from matchmaking.peer.index import MemoryIndex, OfferIndex
from matchmaking.peer.principals import PeerUser, Principal
from matchmaking.peer.quirks import NO_QUIRKS, Quirks
from matchmaking.peer.search_routes import search_routes
from matchmaking.peer.service_routes import service_routes
from matchmaking.peer.services import ApiBody, ServiceBody, ServiceStore
from matchmaking.peer.tokens import TokenIssuer
from matchmaking.signed_entries import MEMBER

SERVICE_TYPE = "lso.federated-search"
_TTL_S = 3_600  # of our own entry, which renews itself


@dataclass(frozen=True, slots=True)
class StoredOffers:
    """Who we are, and where our suppliers' offers are found."""

    identity: PeerIdentity
    offers: OfferIndex


def create_peer_app(
    served: PeerCatalogue | StoredOffers,
    users: Mapping[str, PeerUser],
    clock: Callable[[], datetime],
    *,
    base_url: str,
    token_life: timedelta = timedelta(minutes=5),
    key: rsa.RSAPrivateKey | None = None,
    authenticate: Authenticate | None = None,
    proof: Mapping[str, str] | None = None,
    quirks: Quirks = NO_QUIRKS,
) -> Starlette:
    """The application that serves `served`: a catalogue, or who we are and an index of offers.

    `base_url` is where clients reach it (it stands in tokens and in the registry's entry, so it is never taken from
    a request). `key` signs the tokens; without one a fresh key is made. `authenticate` replaces the check of
    our own bearers where the peer is mounted into a larger service. `proof` says who signed our entry (see
    `signed_entries`). `quirks` is for tests only.
    """
    base_url = base_url.rstrip("/")
    if isinstance(served, PeerCatalogue):
        served = StoredOffers(PeerIdentity(**served.model_dump(exclude={"parties"})), MemoryIndex(served, quirks))
    identity = served.identity
    realm_url = f"{base_url}/auth/realms/{identity.realm}"
    issuer = TokenIssuer(realm_url=realm_url, audience=identity.registry_id, clock=clock, life=token_life, key=key)

    async def verify(bearer: str) -> Principal:
        return issuer.verify(bearer)

    peer = Peer(
        identity=identity,
        offers=served.offers,
        services=ServiceStore(clock, quirks),
        authenticate=authenticate or verify,
        quirks=quirks,
    )
    peer.services.register("federated-search", _own_entry(identity, base_url, proof), permanent=True)
    return Starlette(
        routes=[
            *auth_routes(identity.realm, realm_url, issuer, users),
            *service_routes(peer),
            *search_routes(peer),
        ]
    )


def search_address(base_url: str) -> str:
    """Where the search of the peer at `base_url` is: what its entry lists, and what is signed."""
    return f"{base_url.rstrip('/')}/apis/fs"


def _own_entry(identity: PeerIdentity, base_url: str, proof: Mapping[str, str] | None) -> ServiceBody:
    protocol = "HTTPS" if base_url.startswith("https:") else "HTTP"
    api = ApiBody(id="search", title=identity.title, protocol=protocol, url=search_address(base_url))
    meta: dict[str, JsonValue] = {"apiVersion": "v1"}
    if proof is not None:
        meta[MEMBER] = dict(proof)
    return ServiceBody(type=SERVICE_TYPE, title=identity.title, apis=[api], meta=meta, ttl=_TTL_S)
