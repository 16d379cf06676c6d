"""Step 2: the LinkSmart Service Catalog (v3) says where federated search is served.

Wire shape: linksmart/service-catalog, `apidoc/swagger.json`. What its answers do in practice (null for empty, a
total of 0 past the end, expired entries still listed, `application/json;version=`) is handled here and nowhere else.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import quote

from pydantic import Field, JsonValue, ValidationError

from matchmaking.efpf.config import GatewayConfig
from matchmaking.efpf.errors import AnswerTooLarge, NoSearchService, RequestRefused
from matchmaking.efpf.gateway_auth import GatewayAuth
from matchmaking.efpf.origins import origin_of
from matchmaking.efpf.transport import Answer
from matchmaking.efpf.untrusted import Instant, NoneIsList, NoneIsMap, RawItems, Text, Wire, read
from matchmaking.signed_entries import SignatureBroken, signer_of

_PER_PAGE = 100  # the catalogue's own maximum; 101 is answered 400
_HTTP_PROTOCOLS = ("HTTP", "HTTPS")


class Api(Wire):
    """One `apis[]` entry of a service."""

    id: Text = ""
    protocol: Text = ""
    url: Text = ""


class Service(Wire):
    """One entry of the catalogue; `type` is `<platform>.<service-type>`, `ttl` is in seconds."""

    id: Annotated[Text, Field(min_length=1, max_length=256)]
    type: Annotated[Text, Field(min_length=1, max_length=256)]
    title: Text | None = None
    apis: Annotated[list[Api], NoneIsList] = Field(default_factory=list)
    meta: Annotated[dict[str, JsonValue], NoneIsMap] = Field(default_factory=dict)
    ttl: int | None = None
    updatedAt: Instant | None = None  # noqa: N815 - the wire's spelling
    expiresAt: Instant | None = None  # noqa: N815

    def expires_at(self) -> datetime | None:
        """When the entry ends; None if it never says."""
        if self.expiresAt is None and self.updatedAt is not None and self.ttl is not None and 0 < self.ttl < 2**31:
            return self.updatedAt + timedelta(seconds=self.ttl)
        return self.expiresAt


class CataloguePage(Wire):
    """One page; entries stay raw, so that one bad entry does not spoil the others."""

    services: RawItems
    page: int = 1
    total: int | None = None


@dataclass(frozen=True, slots=True)
class SearchService:
    """A federated search that the registry lists: `source_id` names it, `base_url` has no slash at its end.

    `signed_by` is whom its signature proves; `forged` is why it must not be asked.
    """

    source_id: str
    base_url: str
    expires_at: datetime | None
    signed_by: str | None = None
    forged: str | None = None


def parse_catalogue_page(source: str, answer: Answer) -> tuple[CataloguePage, tuple[Service, ...]]:
    """A page and its readable entries. Raises MalformedAnswer if the envelope is not a catalogue's."""
    page = read(source, CataloguePage, answer)
    services = []
    for raw in page.services:
        try:
            services.append(Service.model_validate(raw))
        except ValidationError:
            continue  # an unreadable entry is no service of ours; its neighbours are
    return page, tuple(services)


def base_url_of(service: Service, api_id: str) -> str | None:
    """The URL of the API called `api_id`, else of the first HTTP(S) one; None if there is none we could call."""
    web = [api for api in service.apis if api.protocol.upper() in _HTTP_PROTOCOLS and _is_base(api.url)]
    chosen = next((api for api in web if api.id == api_id), web[0] if web else None)
    return None if chosen is None else chosen.url.rstrip("/")


def _is_base(url: str) -> bool:
    try:
        origin_of(url)
    except ValueError:
        return False
    return "?" not in url and "#" not in url


class ServiceRegistry:
    """Reads one gateway's catalogue."""

    def __init__(self, config: GatewayConfig, auth: GatewayAuth, *, max_pages: int = 100) -> None:
        self._config = config
        self._auth = auth
        self._max_pages = max_pages

    async def search_services(self, now: datetime, *, timeout_s: float) -> tuple[SearchService, ...]:
        """The federated searches that are listed and not expired at `now`, by id.

        Asks with a filter first; if that fails or is empty, lists everything and filters here (the catalogue's
        filters look at the first matching element only and may answer 500).
        Raises NoSearchService if there is none, else FederationError.
        """
        suffix = self._config.service_type_suffix
        try:
            listed = await self._all_pages(f"/type/suffix/{quote(suffix, safe='')}", timeout_s)
        except RequestRefused:
            listed = {}
        found = self._usable(listed, now)
        if not found:
            found = self._usable(await self._all_pages("/", timeout_s), now)
        if not found:
            raise NoSearchService(self._config.gateway_id, f"the registry lists no service of type *{suffix}")
        return found

    def _usable(self, listed: dict[str, Service], now: datetime) -> tuple[SearchService, ...]:
        usable = []
        for service in sorted(listed.values(), key=lambda entry: entry.id):
            ends = service.expires_at()
            base = base_url_of(service, self._config.api_id)
            fits = service.type.lower().endswith(self._config.service_type_suffix.lower())
            # The catalogue removes entries on a minute's tick, so expired ones are served: judge them here.
            if fits and base is not None and (ends is None or ends > now):
                usable.append(
                    self._vouched(SearchService(f"{self._config.gateway_id}/{service.id}", base, ends), service)
                )
        return tuple(usable)

    def _vouched(self, found: SearchService, entry: Service) -> SearchService:
        try:
            signer = signer_of(entry.meta, entry.type, found.base_url)
        except SignatureBroken as broken:
            return replace(found, forged=str(broken))
        trusted = {address.lower() for address in self._config.trusted_signers}
        return replace(found, signed_by=signer) if signer and (not trusted or signer.lower() in trusted) else found

    async def _all_pages(self, path: str, timeout_s: float) -> dict[str, Service]:
        merged: dict[str, Service] = {}
        seen = 0
        total: int | None = None
        for number in range(1, self._max_pages + 1):
            url = f"{self._config.registry_url}{path}?page={number}&per_page={_PER_PAGE}"
            answer = await self._auth.fetch(
                self._config.gateway_id, "GET", url, timeout_s=timeout_s, headers={"Accept": "application/json"}
            )
            page, services = parse_catalogue_page(self._config.gateway_id, answer)
            if number == 1:
                total = page.total  # later pages may claim 0
            for service in services:
                _keep_newest(merged, service)
            seen += len(page.services)
            if not page.services or (total and seen >= total):
                return merged
        raise AnswerTooLarge(self._config.gateway_id, f"the registry has more than {self._max_pages} pages")


def _keep_newest(merged: dict[str, Service], service: Service) -> None:
    """Pages have no snapshot: an entry that moved between two of them comes twice."""
    known = merged.get(service.id)
    if (
        known is None
        or known.updatedAt is None
        or (service.updatedAt is not None and service.updatedAt >= known.updatedAt)
    ):
        merged[service.id] = service
