"""Step 3: ask one federated search (the shape of NIMBLE's indexing service) and read its pages.

`start` is a zero-based *page number* there, not an offset; other deployments may mean an offset, so it is a setting.
"""

import json
from dataclasses import dataclass, field, replace
from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field

from matchmaking.efpf.answer import RejectedItem
from matchmaking.efpf.config import GatewayConfig
from matchmaking.efpf.gateway_auth import GatewayAuth
from matchmaking.efpf.item_mapping import Reader, Rejected, offer_of
from matchmaking.efpf.query import SearchQuery
from matchmaking.efpf.service_registry import SearchService
from matchmaking.efpf.transport import Answer
from matchmaking.efpf.untrusted import RawItems, Wire, read
from matchmaking.offers import Offer

_MAX_ID = 512


class SearchPage(Wire):
    """One page; items stay raw, so that one bad item does not spoil the others. `totalElements` None: not said."""

    result: RawItems
    totalElements: Annotated[int | None, Field(ge=0)] = None  # noqa: N815 - the wire's spelling


@dataclass(slots=True)
class Found:
    """What one source gave: offers, rejected items, whether a cap ended the reading early, and whether the source
    gave more or fewer items than it said there are.
    """

    offers: list[Offer] = field(default_factory=list)
    rejected: list[RejectedItem] = field(default_factory=list)
    cut: bool = False
    wrong_total: bool = False


def parse_search_page(source: str, answer: Answer, reader: Reader) -> tuple[SearchPage, Found]:
    """One page of an answer as offers and rejected items. Raises MalformedAnswer if the envelope is wrong."""
    page = read(source, SearchPage, answer)
    found = Found()
    for raw in page.result:
        try:
            found.offers.append(offer_of(raw, reader))
        except Rejected as verdict:
            found.rejected.append(RejectedItem(source, _id_of(raw), verdict.reason, verdict.detail))
    return page, found


def _id_of(raw: object) -> str | None:
    uri = raw.get("uri") if isinstance(raw, dict) else None
    return uri if isinstance(uri, str) and len(uri) <= _MAX_ID and uri.isprintable() else None


class FederatedSearch:
    """Asks the searches that one gateway's registry lists."""

    def __init__(self, config: GatewayConfig, auth: GatewayAuth, *, max_pages: int, max_offers: int) -> None:
        self._config = config
        self._auth = auth
        self._max_pages = max_pages
        self._max_offers = max_offers

    async def search(self, service: SearchService, query: SearchQuery, *, timeout_s: float) -> Found:
        """All pages of `service` for `query`: items of other categories dropped, repeated ones counted once.

        Raises FederationError.
        """
        reader = Reader(service.source_id, query.currency, query.party_id)
        found = Found()
        seen: set[str] = set()
        read_items = 0
        for number in range(self._max_pages):
            answer = await self._ask(service, query, number, timeout_s)
            page, on_page = parse_search_page(service.source_id, answer, reader)
            fresh = list({offer.item_id: offer for offer in on_page.offers if offer.item_id not in seen}.values())
            seen.update(offer.item_id for offer in fresh)
            found.offers.extend(replace(one, signed_by=service.signed_by) for one in fresh if _fits(one, query))
            found.rejected.extend(on_page.rejected)
            read_items += len(page.result)
            if len(found.offers) > self._max_offers or len(found.rejected) > self._max_offers:
                del found.offers[self._max_offers :], found.rejected[self._max_offers :]
                found.cut = True
                return found
            # A source that ignores `start` repeats its first page for ever: no news, no further page.
            repeats = bool(on_page.offers) and not fresh
            total = page.totalElements
            if not page.result or repeats or (total is not None and read_items >= total):
                found.wrong_total = total is not None and len(seen) + len(found.rejected) != total
                return found
        found.cut = True
        return found

    async def _ask(self, service: SearchService, query: SearchQuery, number: int, timeout_s: float) -> Answer:
        rows = self._config.page_size
        start = number if self._config.paging == "page" else number * rows
        headers = {"Accept": "application/json"}
        if self._config.search_method == "GET":
            # One fq with a comma may be split by the server; every filter is applied here again, so leave it out.
            filters = [text for text in query.filters if "," not in text]
            pairs = [("q", query.words), *(("fq", text) for text in filters), ("start", start), ("rows", rows)]
            url = f"{service.base_url}/item/select?{urlencode(pairs)}"
            return await self._auth.fetch(service.source_id, "GET", url, timeout_s=timeout_s, headers=headers)
        wanted: dict[str, object] = {"q": query.words, "fq": list(query.filters), "rows": rows, "start": start}
        if query.sort:
            wanted["sort"] = list(query.sort)
        return await self._auth.fetch(
            service.source_id,
            "POST",
            f"{service.base_url}/item/search",
            timeout_s=timeout_s,
            headers={**headers, "Content-Type": "application/json"},
            body=json.dumps(wanted).encode("ascii"),
        )


def _fits(offer: Offer, query: SearchQuery) -> bool:
    return not query.categories or not set(query.categories).isdisjoint(offer.categories)


__all__ = ["FederatedSearch", "Found", "SearchPage", "parse_search_page"]
