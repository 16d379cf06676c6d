"""The part of Solr's query language that federation clients use: terms, phrases, ranges, AND, OR, NOT, groups.

Side by side, clauses mean what Solr's standard parser means by them: any of the positive ones, none of the
negative ones.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase

from matchmaking.words import fold

Document = Mapping[str, Sequence[str]]
"""An indexed item: all values of each field as texts; the words for `q` without a field stand under `_text_`."""

Predicate = Callable[[Document], bool]

OPERATORS = frozenset({"AND", "OR", "NOT"})
_MAX_QUERY = 4_096
_MAX_DEPTH = 20
_TOKEN = re.compile(
    r"""\s*(?:(?P<phrase>"(?:[^"\\]|\\.)*")|(?P<mark>\*:\*|[()\[\]:]|[-!](?=\S))|(?P<word>(?:[^\s"()\[\]:\\]|\\.)+))""",
    re.DOTALL,
)
DEFAULT_FIELD = "_text_"


class QueryRefused(ValueError):
    """The query is not one that we understand."""


def compile_query(text: str) -> Predicate:
    """The test that `text` describes. Raises QueryRefused."""
    if len(text) > _MAX_QUERY or "{!" in text:
        raise QueryRefused("the query is too long or holds a local parameter")
    parser = _Parser(_tokens(text))
    predicate = parser.alternatives(0)
    if not parser.at_end():
        raise QueryRefused("the query ends before its text does")
    return predicate


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if found is None or found.end() == position:
            raise QueryRefused("the query holds a character that stands nowhere")
        tokens.append((found.lastgroup or "", found.group(found.lastgroup or 0)))
        position = found.end()
    return tokens


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


class _Parser:
    """Recursive descent: alternatives (OR) of conjunctions (AND) of side-by-side clauses."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    def at_end(self) -> bool:
        return self._at >= len(self._tokens)

    def alternatives(self, depth: int) -> Predicate:
        if depth > _MAX_DEPTH:
            raise QueryRefused("the query is nested too deeply")
        branches = [self._conjunction(depth)]
        while self._take("word", "OR"):
            branches.append(self._conjunction(depth))
        return branches[0] if len(branches) == 1 else lambda item: any(branch(item) for branch in branches)

    def _conjunction(self, depth: int) -> Predicate:
        parts = [self._side_by_side(depth)]
        while self._take("word", "AND"):
            parts.append(self._side_by_side(depth))
        return parts[0] if len(parts) == 1 else lambda item: all(part(item) for part in parts)

    def _side_by_side(self, depth: int) -> Predicate:
        wanted: list[Predicate] = []
        unwanted: list[Predicate] = []
        while not self.at_end() and self._peek() not in (("mark", ")"), ("word", "OR"), ("word", "AND")):
            negative = self._take("mark", "-") or self._take("mark", "!") or self._take("word", "NOT")
            (unwanted if negative else wanted).append(self._clause(depth))
        if not wanted and not unwanted:
            raise QueryRefused("the query has an empty part")
        return lambda item: (
            (not wanted or any(test(item) for test in wanted)) and not any(test(item) for test in unwanted)
        )

    def _clause(self, depth: int) -> Predicate:
        kind, text = self._next()
        if (kind, text) == ("mark", "("):
            inner = self.alternatives(depth + 1)
            self._expect(")")
            return inner
        if (kind, text) == ("mark", "*:*"):
            return lambda _item: True
        if kind == "word" and self._take("mark", ":"):
            return self._value(_unescape(text))
        if kind in ("word", "phrase"):
            return _match(DEFAULT_FIELD, kind, text)
        raise QueryRefused("the query has a mark where a term belongs")

    def _value(self, field: str) -> Predicate:
        kind, text = self._next()
        if (kind, text) == ("mark", "["):
            low, middle, high = (self._next()[1] for _ in range(3))
            self._expect("]")
            if middle != "TO":
                raise QueryRefused("a range is written [low TO high]")
            return _between(field, _bound(low), _bound(high))
        if kind in ("word", "phrase"):
            return _match(field, kind, text)
        raise QueryRefused("a field has no value")

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at]

    def _next(self) -> tuple[str, str]:
        if self.at_end():
            raise QueryRefused("the query breaks off")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, kind: str, text: str) -> bool:
        if self.at_end() or self._peek() != (kind, text):
            return False
        self._at += 1
        return True

    def _expect(self, mark: str) -> None:
        if not self._take("mark", mark):
            raise QueryRefused(f"the query misses a {mark}")


def _match(field: str, kind: str, text: str) -> Predicate:
    if kind == "phrase":
        literal = _unescape(text[1:-1])
        return lambda item: any(_same(field, value, literal) for value in item.get(field, ()))
    if re.search(r"[*?]", re.sub(r"\\.", "", text, flags=re.DOTALL)):
        pattern = fold(_shell_pattern(text))
        return lambda item: any(fnmatchcase(fold(value), pattern) for value in item.get(field, ()))
    literal = _unescape(text)
    return lambda item: any(_same(field, value, literal) for value in item.get(field, ()))


def _shell_pattern(text: str) -> str:
    """A word with wildcards as `fnmatch` takes it: what was escaped, and `[`, stand in brackets of their own."""
    return re.sub(
        r"\\(.)|(\[)",
        lambda found: f"[{found[0][-1]}]" if found[0][-1] in "*?[" else found[0][-1],
        text,
        flags=re.DOTALL,
    )


def _same(field: str, value: str, literal: str) -> bool:
    # NIMBLE's default field is analysed text; all others are compared whole.
    return fold(literal) in fold(value) if field == DEFAULT_FIELD else value == literal


def _bound(text: str) -> Decimal | None:
    if text == "*":
        return None
    try:
        bound = Decimal(text)
    except InvalidOperation:
        raise QueryRefused("a range is of numbers") from None
    if not bound.is_finite():
        raise QueryRefused("a range is of finite numbers")
    return bound


def _between(field: str, low: Decimal | None, high: Decimal | None) -> Predicate:
    if low is None and high is None:
        return lambda item: bool(item.get(field))

    def inside(text: str) -> bool:
        try:
            number = Decimal(text)
        except InvalidOperation:
            return False
        return (low is None or low <= number) and (high is None or number <= high)

    return lambda item: any(inside(value) for value in item.get(field, ()))
