"""The marketplace's ports on the federation and on the choice: `SupplierDirectory` and `Selection`; and what the
marketplace remembers for the registry that we serve."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

from marketplace.domain.configuration import RequiredLine, certificate_key
from marketplace.domain.supply_conditions import SupplyConditions
from marketplace.ports.offer_catalogue import CatalogueEntry, CatalogueQuestion, FacetTest, OfferCatalogueStore
from marketplace.ports.selection import Chosen, Limit, NextBest, NoSelection, PassedOver, risk_limit
from marketplace.ports.supplier_directory import (
    DirectoryMisconfigured,
    DirectoryUnavailable,
    Offer,
    Offers,
    conditions_of,
)
from matchmaking.efpf.answer import SearchAnswer
from matchmaking.efpf.client import FederatedClient
from matchmaking.efpf.query import SearchQuery
from matchmaking.offers import Offer as FoundOffer
from matchmaking.peer.catalogue import PeerCatalogue, PeerItem, PeerParty
from matchmaking.peer.documents import Indexed, index_item, index_party
from matchmaking.peer.index import Hits, Question
from matchmaking.peer.solr import DEFAULT_FIELD
from matchmaking.selection import Candidate, Choice, Constraints, Line, NoFeasibleSelection, Problem, Supplier, select
from matchmaking.selection import Selection as SelectionFound
from matchmaking.selection.candidates import fits
from matchmaking.selection.model import MOST_HOURS, PPM
from matchmaking.words import words_of

HOURS_A_DAY = 24


class FederationAdapter:
    """`SupplierDirectory` over the registries of the configuration."""

    def __init__(self, client: FederatedClient) -> None:
        self._client = client

    async def search(self, lines: Sequence[RequiredLine], *, buyer: str) -> Offers:
        """As the port says: one question for all lines, answered from every registry that can be heard."""
        query = SearchQuery(categories=tuple(dict.fromkeys(line.category for line in lines)), party_id=buyer or None)
        answer = await self._client.search(query, allow_stale=False)
        if answer.sources.ok == 0:
            raise _failure(answer)
        found = [
            _offer(line, offer)
            for line in lines
            for offer in answer.offers
            if not offer.asks_for_quote and fits(_line(line), offer)
        ]
        failed = tuple(report.source_id for report in answer.by_source if report.status != "ok")
        return Offers(tuple(found), answer.partial, answer.sources.total, failed)


class SelectionAdapter:
    """`Selection` by exact search, in a thread: it may take seconds."""

    async def choose(
        self,
        lines: Sequence[RequiredLine],
        offers: Sequence[Offer],
        *,
        currency: str,
        latest_days: int,
        seed: str,
        on_time_bps: int = 0,
    ) -> tuple[Chosen, ...]:
        """As the port says."""
        most_risk = risk_limit(on_time_bps)
        limits = Constraints(
            currency=currency, max_lead_time_h=latest_days * HOURS_A_DAY, max_risk_micro=most_risk, seed=seed
        )
        wanted = {line.id: line for line in lines}
        mine = [offer for offer in offers if offer.line_id in wanted]
        problem = Problem(
            tuple(_line(line) for line in lines),
            tuple(_candidate(offer, wanted[offer.line_id], most_risk is not None) for offer in mine),
            {name: _supplier(name, conditions) for name, conditions in conditions_of(offers).items()},
            limits,
        )
        try:
            selection = await asyncio.to_thread(_selected, problem)
        except NoFeasibleSelection as none:
            raise NoSelection(str(none)) from none
        by_id = {(offer.line_id, offer.supplier_id, offer.id): offer for offer in mine}
        return tuple(_chosen(wanted[choice.line_id], choice, by_id) for choice in selection.choices)


def _selected(problem: Problem) -> SelectionFound:
    from matchmaking.selection.solver import OutOfBudget  # noqa: PLC0415 - loads scipy

    try:
        return select(problem)
    except OutOfBudget as ended:
        raise NoSelection(str(ended)) from ended


def _chosen(line: RequiredLine, choice: Choice, by_id: Mapping[tuple[str, str, str], Offer]) -> Chosen:
    runner, passed, limit = choice.runner_up, choice.passed_over, choice.bound_by
    following = None
    if runner is not None:
        offer = by_id[(line.id, runner.supplier_id, runner.offer_id)]
        following = NextBest(offer, runner.extra_minor, runner.proved)
    over = None
    if passed is not None and limit is not None:
        over = PassedOver(by_id[(line.id, passed.supplier_id, passed.offer_id)], cast(Limit, limit))
    taken = by_id[(line.id, choice.candidate.supplier_id, choice.candidate.offer_id)]
    return Chosen(line, taken, choice.reason, following, over)


def _supplier(name: str, conditions: SupplyConditions) -> Supplier:
    return Supplier(
        name,
        freight_minor=conditions.freight_minor,
        capacity_h=conditions.capacity_h,
        minimum_order_minor=conditions.minimum_order_minor,
        bundle_lines=conditions.bundle_lines,
        bundle_bps=conditions.bundle_bps,
    )


def _failure(answer: SearchAnswer) -> Exception:
    text = ", ".join(sorted({report.error or report.status for report in answer.by_source}))
    if all(report.final for report in answer.by_source):
        return DirectoryMisconfigured(text or "no registry is configured")
    return DirectoryUnavailable(text)


def _line(line: RequiredLine) -> Line:
    return Line(line.id, line.quantity, line.category, line.attributes, frozenset(line.certificates))


def _offer(line: RequiredLine, offer: FoundOffer) -> Offer:
    return Offer(
        id=offer.item_id,
        line_id=line.id,
        supplier_id=offer.party.party_id,
        supplier_name=offer.party.legal_name,
        label=offer.name,
        amount_minor=offer.total_minor(line.quantity),
        currency=offer.currency or "",
        lead_time_days=-(-offer.lead_time_h // HOURS_A_DAY),
        minimum_quantity=offer.minimum_quantity,
        material=", ".join(offer.materials),
        certificates=offer.certificates,
        source=offer.source_id,
        signer=offer.party.signing_address,
        contact=offer.party.contact_email,
        hours=offer.conditions.hours(line.quantity),
        reliability_ppm=offer.conditions.reliability_ppm,
        conditions=SupplyConditions(
            freight_minor=offer.conditions.freight_minor,
            minimum_order_minor=offer.conditions.minimum_order_minor,
            capacity_h=offer.conditions.capacity_h,
            bundle_lines=offer.conditions.bundle_lines,
            bundle_bps=offer.conditions.bundle_bps,
        ),
    )


def _candidate(offer: Offer, line: RequiredLine, risky: bool) -> Candidate:
    """The line's whole price for its whole quantity: nothing is divided, so nothing is rounded twice.

    Of certificates only the line's count, in its spelling. `risky`: silence on reliability is taken for the worst.
    """
    stated = set(map(certificate_key, offer.certificates))
    return Candidate(
        line_id=offer.line_id,
        offer_id=offer.id,
        supplier_id=offer.supplier_id,
        price_minor=offer.amount_minor,
        lead_time_h=offer.lead_time_days * HOURS_A_DAY,
        currency=offer.currency,
        base_quantity=line.quantity,
        minimum_quantity=offer.minimum_quantity,
        hours=min(offer.hours, MOST_HOURS),
        reliability_ppm=offer.reliability_ppm or (1 if risky else PPM),
        certificates=frozenset(one for one in line.certificates if certificate_key(one) in stated),
    )


class CatalogueAdapter:
    """The peer's index over `OfferCatalogueStore`: what our suppliers offer is what the federation finds."""

    def __init__(self, store: OfferCatalogueStore) -> None:
        self._store = store

    async def find(self, question: Question, first: int, count: int) -> Hits:
        """As the peer's protocol says."""
        page = await self._store.search(_asked(question), first, count)
        return Hits(page.total, tuple(_indexed(entry) for entry in page.entries))

    async def facets(self, question: Question, fields: Sequence[str], limit: int) -> list[list[tuple[str, int]]]:
        """As the peer's protocol says."""
        counted = await self._store.facets(_asked(question), fields, limit)
        return [list(one.counts) for one in counted]


def entries_of(catalogue: PeerCatalogue) -> list[CatalogueEntry]:
    """The parties and items of a catalogue file, as the store keeps them."""
    entries = []
    for party in catalogue.parties:
        alone = party.model_dump(mode="json", exclude={"items"})
        entries.append(_entry("party", index_party(party), {"party": alone}))
        for item in party.items:
            body = {"party": alone, "item": item.model_dump(mode="json")}
            entries.append(_entry("item", index_item(party, item), body))
    return entries


def _entry(kind: str, indexed: Indexed, body: Mapping[str, Any]) -> CatalogueEntry:
    facets = {name: tuple(values) for name, values in indexed.document.items() if values and name != DEFAULT_FIELD}
    return CatalogueEntry(kind, indexed.id, indexed.party_id, words_of(indexed.text), facets, body)


def _indexed(entry: CatalogueEntry) -> Indexed:
    party = PeerParty.model_validate(entry.body["party"])
    return (
        index_party(party) if entry.kind == "party" else index_item(party, PeerItem.model_validate(entry.body["item"]))
    )


def _asked(question: Question) -> CatalogueQuestion:
    tests = tuple(FacetTest(test.field, test.values, test.or_missing, test.excluded) for test in question.tests)
    return CatalogueQuestion(question.kind, question.asker, question.words, tests)
