"""What our own suppliers offer, kept to be searched: by words, by facets, and never past a party's lists.

An entry is an item or a party; what stands in `body` belongs to whoever serves it. Words come folded (one case, no
accents) from the caller, so that every store finds the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

PERMITTED: Final = "permittedParties"
RESTRICTED: Final = "restrictedParties"
"""Facets that say who may see an entry: where parties are permitted nobody else is; who is restricted never is."""

LONGEST_WORD: Final = 64
"""Letters of a word that may be asked for."""


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """`id` is unique in its `kind` ("item", "party"), `party_id` owns it and always sees it.

    `words`: letters and digits only. `facets`: the values of each field.
    """

    kind: str
    id: str
    party_id: str
    words: tuple[str, ...]
    facets: Mapping[str, tuple[str, ...]]
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FacetTest:
    """`field` has one of `values`; or, with `or_missing`, no value at all; or, with `excluded`, none of them."""

    field: str
    values: tuple[str, ...]
    or_missing: bool = False
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class CatalogueQuestion:
    """Entries of a kind that `asker` may see, that contain any of `words` (none: all do), and pass all `tests`.

    A word is contained where it is a part of one of the entry's words: suppliers write compounds.
    """

    kind: str
    asker: str | None
    words: tuple[str, ...] = ()
    tests: tuple[FacetTest, ...] = ()

    def __post_init__(self) -> None:
        for word in self.words:
            if not word.isalnum() or len(word) > LONGEST_WORD:
                raise ValueError(f"a word is 1 to {LONGEST_WORD} letters and digits")


@dataclass(frozen=True, slots=True)
class CataloguePage:
    """`total` counts all that fit, however few of them are here."""

    total: int
    entries: tuple[CatalogueEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class CatalogueChange:
    """What `put` did, in numbers of entries."""

    added: int = 0
    changed: int = 0
    same: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """The values of one field among what fits, the most frequent first, then by value."""

    field: str
    counts: tuple[tuple[str, int], ...] = ()


class OfferCatalogueStore(Protocol):
    """Entries of the registry that we serve."""

    async def put(self, entries: Sequence[CatalogueEntry], at: datetime, *, prune: bool = False) -> CatalogueChange:
        """Write all of them or none; what is there already is left as it is.

        `prune` also removes what the parties among these entries have and `entries` does not name.
        Raises Conflict where an id is another party's, InvalidInput where one comes twice.
        """
        ...

    async def remove(self, kind: str, ids: Sequence[str]) -> int:
        """How many of these were there, and are no more."""
        ...

    async def search(self, question: CatalogueQuestion, first: int, count: int) -> CataloguePage:
        """Entries from place `first` (0 is the best): those with more of the words before others, then by id."""
        ...

    async def facets(self, question: CatalogueQuestion, fields: Sequence[str], limit: int) -> Sequence[FacetCounts]:
        """How often each value occurs among what fits, at most `limit` values a field."""
        ...


def visible_to(asker: str | None, owner: str, facets: Mapping[str, Sequence[str]]) -> bool:
    """The one rule of who sees an entry."""
    if asker and asker == owner:
        return True
    permitted, restricted = facets.get(PERMITTED, ()), facets.get(RESTRICTED, ())
    return (not permitted or asker in permitted) and asker not in restricted


def twin_in(entries: Sequence[CatalogueEntry]) -> str | None:
    """An id that comes twice, None where all differ."""
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        if (entry.kind, entry.id) in seen:
            return entry.id
        seen.add((entry.kind, entry.id))
    return None
