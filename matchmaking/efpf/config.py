"""What the client must be told about each federation it may ask."""

from dataclasses import dataclass, field
from typing import Literal

from matchmaking.efpf.origins import OriginPolicy, origin_of


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """One gateway: where it is, who we are there, and what of its registry we use.

    `search_origins` are further origins that its registry may send us to; of them and the gateway itself only those
    in `token_origins` (default: the gateway alone) ever see our bearer. `private` allows plain http and
    loopback or private addresses for this gateway and its search origins. Paths and names are configuration
    because the real EFPF search is not public. Signed entries rank before others; with `trusted_signers` (addresses)
    only those of these signers do.
    """

    gateway_id: str
    base_url: str
    username: str
    password: str = field(repr=False)
    realm: str = "efpf"
    client_id: str = "user-terminal"
    client_secret: str | None = field(default=None, repr=False)
    scope: str | None = None
    token_field: Literal["access_token", "id_token"] = "access_token"  # noqa: S105 - the name of a field
    registry_path: str = "/apis/sr"
    service_type_suffix: str = "federated-search"
    api_id: str = "search"
    search_origins: tuple[str, ...] = ()
    token_origins: tuple[str, ...] | None = None
    private: bool = False
    search_method: Literal["POST", "GET"] = "POST"
    paging: Literal["page", "offset"] = "page"
    page_size: int = 100
    trusted_signers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.page_size <= 100:
            raise ValueError("page_size must be 1 to 100")
        if not self.gateway_id or not self.username:
            raise ValueError("a gateway needs an id and a user name")
        self.policy()  # ValueError if an address is none

    @property
    def realm_url(self) -> str:
        """The realm's address, which is also the issuer of its tokens."""
        return f"{self.base_url.rstrip('/')}/auth/realms/{self.realm}"

    @property
    def token_url(self) -> str:
        """Where tokens are got (Keycloak, OpenID Connect)."""
        return f"{self.realm_url}/protocol/openid-connect/token"

    @property
    def registry_url(self) -> str:
        """The service catalogue, without a slash at its end."""
        return f"{self.base_url.rstrip('/')}/{self.registry_path.strip('/')}"

    def policy(self) -> OriginPolicy:
        """The allow-list of this gateway."""
        origins = frozenset(map(origin_of, (self.base_url, *self.search_origins)))
        return OriginPolicy(allowed=origins, private=origins if self.private else frozenset())

    def bearer_origins(self) -> frozenset[str]:
        """The origins that may see our bearer."""
        if self.token_origins is None:
            return frozenset({origin_of(self.base_url)})
        return frozenset(map(origin_of, self.token_origins))


@dataclass(frozen=True, slots=True)
class FederationConfig:
    """All gateways and the limits (seconds, counts) that hold for every search."""

    gateways: tuple[GatewayConfig, ...]
    deadline_s: float = 3.0  # one search, all sources: a customer waits for the quote
    source_deadline_s: float = 1.5  # one source, all its steps; longer where the others take long, too (`Patience`)
    registry_max_age_s: float = 300.0
    search_max_age_s: float = 60.0
    stale_max_age_s: float = 86_400.0
    max_offers: int = 10_000
    max_pages: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.source_deadline_s <= self.deadline_s <= 60:
            raise ValueError("0 < source_deadline_s <= deadline_s <= 60 must hold")
        ids = [gateway.gateway_id for gateway in self.gateways]
        if len(set(ids)) != len(ids):
            raise ValueError("gateway ids must differ")
