"""Search over the peer's index, in the request and answer shape of NIMBLE's indexing service."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from matchmaking.peer.documents import PARTY_LISTS, Indexed, document_for, wire_form
from matchmaking.peer.index import Kind, OfferIndex, Question, count_values
from matchmaking.peer.narrowing import narrow
from matchmaking.peer.principals import Principal
from matchmaking.peer.quirks import Quirks
from matchmaking.peer.solr import Predicate, QueryRefused

_SORT = re.compile(r"(?P<field>[A-Za-z_][A-Za-z0-9_]{0,63}) (?P<way>asc|desc)", re.ASCII)
_LAST = Decimal("Infinity")  # a missing value sorts last in either direction

_MOST_JUDGED = 10_000
"""Entries that one question may make us judge or sort by ourselves."""

Query = Annotated[str, Field(max_length=4_096)]


class FacetWish(BaseModel):
    """Which fields to count, at most `limit` values each that occur at least `minCount` times."""

    model_config = ConfigDict(strict=True, extra="ignore")

    field: Annotated[list[Query], Field(max_length=20)] = Field(default_factory=list)
    limit: Annotated[int, Field(ge=1, le=1_000)] = 15
    minCount: Annotated[int, Field(ge=0)] = 1  # noqa: N815 - the wire's spelling


class SearchRequest(BaseModel):
    """The body of POST /item/search; `start` is a zero-based page number."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)

    q: Query = "*:*"
    fq: Annotated[list[Query], Field(max_length=50)] = Field(default_factory=list)
    rows: Annotated[int, Field(ge=1, le=1_000)] = 10
    start: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    sort: Annotated[list[Query], Field(max_length=10)] | None = None
    facet: FacetWish | None = None


async def run_search(
    index: OfferIndex, kind: Kind, wish: SearchRequest, who: Principal, quirks: Quirks
) -> dict[str, Any]:
    """The answer to `wish` for `who`. Raises QueryRefused."""
    plain = narrow(wish.q, wish.fq, who.party_id)
    question = Question(kind, who.party_id, plain.words, plain.tests)
    first = 0 if quirks.start_ignored else wish.start * wish.rows
    facets: dict[str, Any] | None = None
    if plain.rest or wish.sort:
        found = await _judged(index, question, plain.rest, wish, quirks)
        total, page = len(found), found[first : first + wish.rows]
        if wish.facet is not None:
            facets = _facets([count_values(found, name, wish.facet.limit) for name in wish.facet.field], wish.facet)
    else:
        hits = await index.find(question, first, wish.rows)
        total, page = hits.total, list(hits.entries)
        if wish.facet is not None:
            counts = await index.facets(question, wish.facet.field, wish.facet.limit)
            facets = _facets(counts, wish.facet)
    return {
        "totalElements": total,
        "totalPages": -(-total // wish.rows),
        "pageSize": wish.rows,
        "currentPage": wish.start,
        "facets": facets,
        "result": [wire_form(entry, who.party_id, quirks) for entry in page],
    }


async def _judged(
    index: OfferIndex, question: Question, rest: Sequence[Predicate], wish: SearchRequest, quirks: Quirks
) -> list[Indexed]:
    """All that fits, in the order that was asked for. Raises QueryRefused where the index leaves too much to judge."""
    hits = await index.find(question, 0, _MOST_JUDGED)
    if hits.total > _MOST_JUDGED:
        raise QueryRefused(f"more than {_MOST_JUDGED} entries would have to be judged or sorted: ask for fewer")
    found = []
    for entry in hits.entries:
        document = document_for(entry, question.asker, quirks)
        if all(test(document) for test in rest):
            found.append(entry)
    for order in reversed(wish.sort or []):
        _sort(found, order)
    return found


def _sort(hits: list[Indexed], order: str) -> None:
    found = _SORT.fullmatch(order)
    if found is None:
        raise QueryRefused("a sort order is written `field asc` or `field desc`")
    name, descending = found["field"], found["way"] == "desc"

    def place(entry: Indexed) -> Decimal:
        value = entry.order.get(name)
        if value is None:
            return _LAST
        return -value if descending else value

    hits.sort(key=place)


def _facets(counts: Sequence[Sequence[tuple[str, int]]], wish: FacetWish) -> dict[str, Any]:
    # Who may or may not buy is nobody's business.
    return {
        name: {
            "fieldName": name,
            "entry": [
                {"label": label, "count": count}
                for label, count in values
                if count >= wish.minCount and name not in PARTY_LISTS
            ],
        }
        for name, values in zip(wish.field, counts, strict=True)
    }
