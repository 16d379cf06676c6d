"""What of a query an index can answer by itself: words, and tests on facets. The rest is judged entry by entry.

Federation clients send few shapes: everything, words, any of some values of a field, and the two filters by which
NIMBLE leaves party lists to its clients. A query of another shape is no worse answered, only slower.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from matchmaking.peer.documents import PARTY_LISTS
from matchmaking.peer.index import LONGEST_WORD, FacetTest
from matchmaking.peer.solr import DEFAULT_FIELD, OPERATORS, Predicate, compile_query
from matchmaking.words import fold

_PHRASE = r'"(?:[^"\\]|\\.)*"'
_NAME = r"[A-Za-z_]\w*"
_ANY = re.compile(rf"(?P<field>{_NAME}):{_PHRASE}(?: OR (?P=field):{_PHRASE})*", re.DOTALL)
_OR_MISSING = re.compile(rf"(?P<test>(?P<field>{_NAME}):{_PHRASE}) OR \(\*:\* -(?P=field):\[\* TO \*\]\)", re.DOTALL)
_EXCLUDED = re.compile(rf"\*:\* -(?P<test>(?P<field>{_NAME}):{_PHRASE})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Narrowing:
    """`words` and `tests` for the index; `rest` for what it lets through."""

    words: tuple[str, ...] = ()
    tests: tuple[FacetTest, ...] = ()
    rest: tuple[Predicate, ...] = ()


def narrow(query: str, filters: Sequence[str], asker: str | None) -> Narrowing:
    """`query` and all `filters` as far as an index understands them. Raises QueryRefused."""
    words: tuple[str, ...] = ()
    tests: list[FacetTest] = []
    rest: list[Predicate] = []
    for place, text in enumerate((_wide(query), *filters)):
        predicate = compile_query(text)  # also of what the index answers: what is no query is refused either way
        plain = _words(query) if place == 0 else None
        test = _test(text, asker)
        if text.strip() == "*:*":
            continue
        if plain is not None:
            words = plain
        elif test is not None:
            tests.append(test)
        else:
            rest.append(predicate)
    return Narrowing(words, tuple(tests), tuple(rest))


def _wide(query: str) -> str:
    """NIMBLE widens a single word to `*word*`; an empty query asks for everything."""
    word = query.strip()
    if not word:
        return "*:*"
    return f"*{word}*" if re.fullmatch(r"\w+", word) and word not in OPERATORS else word


def _words(query: str) -> tuple[str, ...] | None:
    """The words, any of which fits, if the query is nothing else."""
    given = query.split()
    words = tuple(fold(word) for word in given)
    plain = all(word.isalnum() and len(word) <= LONGEST_WORD for word in words) and all(map(str.isalnum, given))
    return words if plain and words and OPERATORS.isdisjoint(given) else None


def _test(text: str, asker: str | None) -> FacetTest | None:
    for shape, options in ((_ANY, {}), (_OR_MISSING, {"or_missing": True}), (_EXCLUDED, {"excluded": True})):
        found = shape.fullmatch(text.strip())
        if found is None:
            continue
        field, terms = found["field"], found[0] if shape is _ANY else found["test"]
        values = tuple(re.sub(r"\\(.)", r"\1", phrase[1:-1], flags=re.DOTALL) for phrase in re.findall(_PHRASE, terms))
        # Of a party list one may ask for oneself alone; anything else sees what `document_for` shows.
        hidden = field in PARTY_LISTS and values != (asker,)
        return None if hidden or field == DEFAULT_FIELD else FacetTest(field, values, **options)
    return None
