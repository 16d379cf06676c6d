"""One gateway with its registry and searches: caches, breakers and the account of what went wrong."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime

import httpx

from matchmaking.efpf.answer import RejectedItem, SourceReport, Status
from matchmaking.efpf.breaker import Breaker
from matchmaking.efpf.config import FederationConfig, GatewayConfig
from matchmaking.efpf.errors import (
    FederationError,
    GiveUp,
    OriginRefused,
    SecurityRefusal,
    SignatureRefused,
    SourceTimedOut,
)
from matchmaking.efpf.federated_search import FederatedSearch, Found
from matchmaking.efpf.gateway_auth import GatewayAuth
from matchmaking.efpf.origins import Resolver
from matchmaking.efpf.patience import Patience
from matchmaking.efpf.query import SearchQuery
from matchmaking.efpf.service_registry import SearchService, ServiceRegistry
from matchmaking.efpf.transport import GuardedHttp
from matchmaking.offers import Offer

_MAX_REMEMBERED = 64  # answers a gateway keeps; a handful of product categories is asked again and again
_MAX_SERVICES = 100  # searches of one registry that are asked at once


@dataclass(frozen=True, slots=True)
class Heard:
    """What one source contributes to an answer."""

    report: SourceReport
    offers: tuple[Offer, ...] = ()
    rejected: tuple[RejectedItem, ...] = ()
    security_event: bool = False


@dataclass(frozen=True, slots=True)
class _Remembered:
    at_s: float
    found: Found


class GatewaySource:
    """Searches one federation. Never raises FederationError: what went wrong is a report."""

    def __init__(
        self, gateway: GatewayConfig, limits: FederationConfig, http: httpx.AsyncClient, *, resolve: Resolver
    ) -> None:
        self._id = gateway.gateway_id
        self._limits = limits
        auth = GatewayAuth(gateway, GuardedHttp(http, gateway.policy(), resolve=resolve))
        self._registry = ServiceRegistry(gateway, auth, max_pages=limits.max_pages)
        self._search = FederatedSearch(gateway, auth, max_pages=limits.max_pages, max_offers=limits.max_offers)
        self._services: tuple[float, float, tuple[SearchService, ...]] | None = None  # read at, fresh until
        self._breakers: OrderedDict[str, Breaker] = OrderedDict()
        self._remembered: OrderedDict[tuple[str, SearchQuery], _Remembered] = OrderedDict()

    async def search(
        self, query: SearchQuery, now: datetime, patience: Patience, *, fresh: bool, allow_stale: bool
    ) -> tuple[Heard, ...]:
        """One entry for each search of this gateway; a single one if its registry could not be read."""
        began = _loop_s()
        try:
            services = await self._discover(now, patience)
        except FederationError as error:
            return (self._failure(self._id, error, began),)
        return tuple(
            await asyncio.gather(
                *(self._hear(service, query, patience, fresh=fresh, allow_stale=allow_stale) for service in services)
            )
        )

    async def _discover(self, now: datetime, patience: Patience) -> tuple[SearchService, ...]:
        began = _loop_s()
        if self._services is not None and began < self._services[1]:
            return self._services[2]
        breaker = self._breaker(self._id)
        try:
            if not breaker.admits(began):
                raise _Resting(self._id, "left alone for a while after repeated failures")
            asked = self._registry.search_services(now, timeout_s=patience.most_left_s(began))
            found = await patience.within(self._id, asked)
        except FederationError as error:
            _count(breaker, error)
            if self._services is not None and began - self._services[0] < self._limits.stale_max_age_s:
                return self._services[2]
            raise
        breaker.succeeded()
        services = found[:_MAX_SERVICES]
        lives = [(service.expires_at - now).total_seconds() for service in services if service.expires_at is not None]
        self._services = (began, began + min([self._limits.registry_max_age_s, *lives]), services)
        return services

    async def _hear(
        self, service: SearchService, query: SearchQuery, patience: Patience, *, fresh: bool, allow_stale: bool
    ) -> Heard:
        began = _loop_s()
        remembered = self._remembered.get((service.source_id, query))
        if not fresh and remembered is not None and began - remembered.at_s < self._limits.search_max_age_s:
            return _heard(service.source_id, "ok", remembered.found, began, age_s=int(began - remembered.at_s))
        breaker = self._breaker(service.source_id)
        try:
            if service.forged is not None:
                raise SignatureRefused(service.source_id, service.forged)
            if not breaker.admits(began):
                raise _Resting(service.source_id, "left alone for a while after repeated failures")
            asked = self._search.search(service, query, timeout_s=patience.most_left_s(began))
            found = await patience.within(service.source_id, asked)
        except FederationError as error:
            _count(breaker, error)
            age_s = _loop_s() - remembered.at_s if remembered is not None else 0.0
            if not allow_stale or remembered is None or age_s >= self._limits.stale_max_age_s:
                return self._failure(service.source_id, error, began)
            heard = _heard(service.source_id, "stale", remembered.found, began, age_s=max(1, int(age_s)))
            return replace(
                heard,
                report=replace(heard.report, error=error.code, detail=error.detail),
                security_event=isinstance(error, SecurityRefusal),
            )
        breaker.succeeded()
        patience.heard(_loop_s())
        self._remember((service.source_id, query), found)
        return _heard(service.source_id, "ok", found, began, age_s=0)

    def _remember(self, key: tuple[str, SearchQuery], found: Found) -> None:
        self._remembered[key] = _Remembered(_loop_s(), found)
        self._remembered.move_to_end(key)
        while len(self._remembered) > _MAX_REMEMBERED:
            self._remembered.popitem(last=False)

    def _breaker(self, source_id: str) -> Breaker:
        breaker = self._breakers.setdefault(source_id, Breaker())
        self._breakers.move_to_end(source_id)
        # A registry that invents new ids each time must not fill our memory.
        while len(self._breakers) > 2 * _MAX_SERVICES:
            self._breakers.popitem(last=False)
        return breaker

    def _failure(self, source_id: str, error: FederationError, began: float) -> Heard:
        status: Status = "failed"
        if isinstance(error, SourceTimedOut):
            status = "timed_out"
        elif isinstance(error, _Resting | OriginRefused | SignatureRefused):
            status = "skipped"  # it was never asked
        report = SourceReport(
            source_id,
            status,
            elapsed_ms=_elapsed_ms(began),
            error=error.code,
            detail=error.detail,
            final=isinstance(error, GiveUp),
        )
        return Heard(report, security_event=isinstance(error, SecurityRefusal))


class _Resting(FederationError):
    """The breaker is open."""

    code = "resting"


def _count(breaker: Breaker, error: FederationError) -> None:
    if isinstance(error, _Resting):
        return
    if error.counts_for_breaker:
        breaker.failed(_loop_s())
    else:
        breaker.succeeded()


def _heard(source_id: str, status: Status, found: Found, began: float, *, age_s: int) -> Heard:
    offers = tuple(replace(offer, age_s=age_s) for offer in found.offers) if age_s else tuple(found.offers)
    report = SourceReport(
        source_id,
        status,
        offers=len(found.offers),
        rejected=len(found.rejected),
        age_s=age_s,
        elapsed_ms=_elapsed_ms(began),
        cut=found.cut or found.wrong_total,
        error="wrong_total" if found.wrong_total else None,
    )
    return Heard(report, offers, tuple(found.rejected))


def _loop_s() -> float:
    return asyncio.get_running_loop().time()


def _elapsed_ms(began: float) -> int:
    return round((_loop_s() - began) * 1000)
