"""Where the peer looks: entries of a kind, by words and facets, as far as the asker may see them.

The peer asks an index for all that its query says plainly; what is left of the query it judges itself, entry by entry.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from matchmaking.peer.catalogue import PeerCatalogue
from matchmaking.peer.documents import Indexed, index_items, index_parties, visible
from matchmaking.peer.quirks import NO_QUIRKS, Quirks
from matchmaking.words import words_of

Kind = Literal["item", "party"]

LONGEST_WORD = 64


@dataclass(frozen=True, slots=True)
class FacetTest:
    """`field` has one of `values`; or, with `or_missing`, no value at all; or, with `excluded`, none of them."""

    field: str
    values: tuple[str, ...]
    or_missing: bool = False
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """Entries that the party `asker` may see, that contain any of `words` (folded; none: all do), and pass all
    `tests`.
    """

    kind: Kind
    asker: str | None = None
    words: tuple[str, ...] = ()
    tests: tuple[FacetTest, ...] = ()


@dataclass(frozen=True, slots=True)
class Hits:
    """`total` counts all that fit, however few of them are here."""

    total: int
    entries: tuple[Indexed, ...] = ()


class OfferIndex(Protocol):
    """Entries to be found."""

    async def find(self, question: Question, first: int, count: int) -> Hits:
        """Entries from place `first`: those with more of the words before others, then by id."""
        ...

    async def facets(self, question: Question, fields: Sequence[str], limit: int) -> list[list[tuple[str, int]]]:
        """For each field its values among what fits, the most frequent first."""
        ...


class MemoryIndex:
    """A catalogue that was read from a file."""

    def __init__(self, catalogue: PeerCatalogue, quirks: Quirks = NO_QUIRKS) -> None:
        self._entries: dict[Kind, Sequence[Indexed]] = {
            "item": index_items(catalogue),
            "party": index_parties(catalogue),
        }
        self._words = {
            (kind, entry.id): words_of(entry.text) for kind, entries in self._entries.items() for entry in entries
        }
        self._quirks = quirks

    async def find(self, question: Question, first: int, count: int) -> Hits:
        """As the protocol says."""
        found = sorted(self._fitting(question), key=lambda entry: (-self._hits(entry, question), entry.id))
        return Hits(len(found), tuple(found[first : first + count]))

    async def facets(self, question: Question, fields: Sequence[str], limit: int) -> list[list[tuple[str, int]]]:
        """As the protocol says."""
        found = self._fitting(question)
        return [count_values(found, field, limit) for field in fields]

    def _fitting(self, question: Question) -> list[Indexed]:
        return [
            entry
            for entry in self._entries[question.kind]
            if visible(entry, question.asker, self._quirks)
            and (not question.words or self._hits(entry, question))
            and all(passes(entry, test) for test in question.tests)
        ]

    def _hits(self, entry: Indexed, question: Question) -> int:
        words = self._words[question.kind, entry.id]
        return sum(any(word in one for one in words) for word in dict.fromkeys(question.words))


def passes(entry: Indexed, test: FacetTest) -> bool:
    """Whether the entry's values fit."""
    values = entry.document.get(test.field, ())
    among = not set(values).isdisjoint(test.values)
    if test.excluded:
        return not among
    return among or (test.or_missing and not values)


def count_values(entries: Sequence[Indexed], field: str, limit: int) -> list[tuple[str, int]]:
    """In how many entries each value of a field occurs, the most frequent first."""
    counts = Counter(value for entry in entries for value in set(entry.document.get(field, ())))
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
