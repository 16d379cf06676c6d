"""Our own registry: a gateway, a service catalogue and a federated search that any federation client may ask.

The wire shapes are those that `matchmaking.efpf` reads; what real deployments get wrong (expired entries listed,
totals of 0, party lists left to the client) is done properly here, or on purpose wrongly by `Quirks` in tests.
"""

from matchmaking.peer.app import StoredOffers, create_peer_app
from matchmaking.peer.catalogue import CatalogueError, PeerCatalogue, PeerIdentity, load_catalogue, read_catalogue
from matchmaking.peer.principals import BearerRefused, PeerUser, Principal
from matchmaking.peer.quirks import Quirks
from matchmaking.peer.server import serve

__all__ = [
    "BearerRefused",
    "CatalogueError",
    "PeerCatalogue",
    "PeerIdentity",
    "PeerUser",
    "Principal",
    "Quirks",
    "StoredOffers",
    "create_peer_app",
    "load_catalogue",
    "read_catalogue",
    "serve",
]
