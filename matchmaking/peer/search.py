"""Search over the peer's index, in the request and answer shape of NIMBLE's indexing service."""

import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from matchmaking.peer.documents import Indexed, visible, wire_form
from matchmaking.peer.principals import Principal
from matchmaking.peer.quirks import Quirks
from matchmaking.peer.solr import QueryRefused, compile_query

_SORT = re.compile(r"(?P<field>[A-Za-z_][A-Za-z0-9_]{0,63}) (?P<way>asc|desc)", re.ASCII)
_LAST = Decimal("Infinity")  # a missing value sorts last in either direction

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


def run_search(index: Sequence[Indexed], wish: SearchRequest, who: Principal, quirks: Quirks) -> dict[str, Any]:
    """The answer to `wish` for `who`. Raises QueryRefused."""
    tests = [compile_query(text) for text in (_wide(wish.q), *wish.fq)]
    hits = [entry for entry in index if visible(entry, who, quirks) and all(test(entry.document) for test in tests)]
    for order in reversed(wish.sort or []):
        _sort(hits, order)
    first = 0 if quirks.start_ignored else wish.start * wish.rows
    page = hits[first : first + wish.rows]
    return {
        "totalElements": len(hits),
        "totalPages": -(-len(hits) // wish.rows),
        "pageSize": wish.rows,
        "currentPage": wish.start,
        "facets": None if wish.facet is None else _facets(hits, wish.facet),
        "result": [wire_form(entry, who, quirks) for entry in page],
    }


def _wide(query: str) -> str:
    """NIMBLE widens a single word to `*word*`; an empty query asks for everything."""
    word = query.strip()
    if not word:
        return "*:*"
    return f"*{word}*" if re.fullmatch(r"\w+", word) and word not in ("AND", "OR", "NOT") else word


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


def _facets(hits: Sequence[Indexed], wish: FacetWish) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    for name in wish.field:
        counts = Counter(value for entry in hits for value in entry.document.get(name, ()))
        entries = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[: wish.limit]
        facets[name] = {
            "fieldName": name,
            "entry": [{"label": label, "count": count} for label, count in entries if count >= wish.minCount],
        }
    return facets
