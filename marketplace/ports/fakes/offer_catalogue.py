"""The registry's entries in memory: they are forgotten when the process ends."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from marketplace.domain.errors import Conflict, InvalidInput
from marketplace.ports.offer_catalogue import (
    CatalogueChange,
    CatalogueEntry,
    CataloguePage,
    CatalogueQuestion,
    FacetCounts,
    FacetTest,
    twin_in,
    visible_to,
)


class FakeOfferCatalogueStore:
    """`OfferCatalogueStore` in memory."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], CatalogueEntry] = {}

    async def put(self, entries: Sequence[CatalogueEntry], at: datetime, *, prune: bool = False) -> CatalogueChange:
        """As the port says. Raises Conflict, InvalidInput."""
        twin = twin_in(entries)
        if twin is not None:
            raise InvalidInput("entries", f"{twin} comes twice")
        new = {(entry.kind, entry.id): entry for entry in entries}
        known = {key: self._kept[key] for key in new if key in self._kept}
        for key, before in known.items():
            if before.party_id != new[key].party_id:
                raise Conflict(f"{key[1]} belongs to another party")
        parties = {entry.party_id for entry in entries}
        gone = [key for key, kept in self._kept.items() if prune and kept.party_id in parties and key not in new]
        same = sum(before == new[key] for key, before in known.items())
        for key in gone:
            del self._kept[key]
        self._kept.update(new)
        return CatalogueChange(len(new) - len(known), len(known) - same, same, len(gone))

    async def remove(self, kind: str, ids: Sequence[str]) -> int:
        """As the port says."""
        return sum(self._kept.pop((kind, one), None) is not None for one in dict.fromkeys(ids))

    async def search(self, question: CatalogueQuestion, first: int, count: int) -> CataloguePage:
        """As the port says."""
        found = self._fitting(question)
        found.sort(key=lambda entry: (-_hits(entry, question), entry.id))
        return CataloguePage(len(found), tuple(found[first : first + count]))

    async def facets(self, question: CatalogueQuestion, fields: Sequence[str], limit: int) -> Sequence[FacetCounts]:
        """As the port says."""
        found = self._fitting(question)
        counted = []
        for field in fields:
            values = Counter(value for entry in found for value in set(entry.facets.get(field, ())))
            ordered = sorted(values.items(), key=lambda pair: (-pair[1], pair[0]))
            counted.append(FacetCounts(field, tuple(ordered[:limit])))
        return counted

    def _fitting(self, question: CatalogueQuestion) -> list[CatalogueEntry]:
        return [
            entry
            for entry in self._kept.values()
            if entry.kind == question.kind
            and visible_to(question.asker, entry.party_id, entry.facets)
            and (not question.words or _hits(entry, question))
            and all(_passes(entry, test) for test in question.tests)
        ]


def _hits(entry: CatalogueEntry, question: CatalogueQuestion) -> int:
    return sum(any(word in one for one in entry.words) for word in dict.fromkeys(question.words))


def _passes(entry: CatalogueEntry, test: FacetTest) -> bool:
    values = entry.facets.get(test.field, ())
    among = not set(values).isdisjoint(test.values)
    if test.excluded:
        return not among
    return among or (test.or_missing and not values)
