"""The federation as one call: all gateways at once, each on its own deadline, none able to block the others."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

import httpx

from matchmaking.efpf.answer import RejectedItem, SearchAnswer, SourceReport, count_sources
from matchmaking.efpf.config import FederationConfig
from matchmaking.efpf.merge import merge
from matchmaking.efpf.origins import Resolver, resolve_by_system
from matchmaking.efpf.patience import Patience
from matchmaking.efpf.query import SearchQuery
from matchmaking.efpf.source import GatewaySource, Heard
from matchmaking.offers import Offer

_FOR_MERGING = 0.1  # of the deadline of a whole search: when the last source ends, the answer is still to be made
_security_log = logging.getLogger("matchmaking.security")


class FederatedClient:
    """Searches every configured federation.

    `http` comes from `open_http_client()`; `clock` gives the wall time with an offset (the registry's expiry is
    judged by it). One instance serves many searches at the same time; it belongs to one event loop.
    """

    def __init__(
        self,
        config: FederationConfig,
        http: httpx.AsyncClient,
        *,
        clock: Callable[[], datetime],
        resolve: Resolver = resolve_by_system,
    ) -> None:
        self._config = config
        self._clock = clock
        self._gateways = tuple(GatewaySource(gateway, config, http, resolve=resolve) for gateway in config.gateways)

    async def search(self, query: SearchQuery, *, fresh: bool = True, allow_stale: bool = True) -> SearchAnswer:
        """The offers of all sources that could be heard, within `config.deadline_s`.

        `fresh=False` (browsing) may reuse an answer of the last minute. `allow_stale` lets a failing source speak by
        its last answer (at most a day old), marked with its age. A failing source is a report in the answer,
        never an exception; `SearchAnswer.require_alive()` raises if none was heard.
        """
        now = self._clock()
        patience = Patience(
            asyncio.get_running_loop().time(),
            least_s=self._config.source_deadline_s,
            most_s=self._config.deadline_s * (1 - _FOR_MERGING),
        )
        heard = await asyncio.gather(
            *(gateway.search(query, now, patience, fresh=fresh, allow_stale=allow_stale) for gateway in self._gateways)
        )
        return _assemble([one for of_gateway in heard for one in of_gateway], query, self._config.max_offers)


def _assemble(heard: list[Heard], query: SearchQuery, max_offers: int) -> SearchAnswer:
    reports: tuple[SourceReport, ...] = tuple(
        sorted((one.report for one in heard), key=lambda report: report.source_id)
    )
    offers: list[Offer] = [offer for one in heard for offer in one.offers]
    rejected: list[RejectedItem] = [item for one in heard for item in one.rejected]
    for one in heard:
        if one.security_event:
            _security_log.warning("refused %s from source %r", one.report.error, one.report.source_id)
    merged = merge(offers, query)
    partial = len(merged) > max_offers or any(report.status != "ok" or report.cut for report in reports)
    return SearchAnswer(
        offers=merged[:max_offers],
        partial=partial,
        sources=count_sources(reports),
        by_source=reports,
        rejected=tuple(rejected[:max_offers]),
    )
