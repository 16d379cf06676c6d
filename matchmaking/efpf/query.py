"""What is asked of a federated search, spelt for NIMBLE's Solr so that nothing can be smuggled in."""

import re
from dataclasses import dataclass

from matchmaking.efpf.spellings import QUERY_CLASSIFICATION, QUERY_PERMITTED, QUERY_RESTRICTED

_MAX_TEXT = 512
_SORT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63} (asc|desc)", re.ASCII)
_METACHARACTERS = re.compile(r'([+\-&|!(){}\[\]^"~*?:\\/])')
_OPERATORS = frozenset({"AND", "OR", "NOT", "TO"})


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """One question to all sources.

    `categories`: classification URIs, any of which fits; empty asks for all. `text`: words of people, never query
    syntax. `party_id`: who asks, for items meant for some parties only. `sort`: `field dir` in Solr's field names.
    Raises ValueError for texts that are too long, hold control characters or try to be a query (`{!`).
    """

    categories: tuple[str, ...] = ()
    text: str = ""
    party_id: str | None = None
    currency: str = "EUR"
    sort: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for text in (self.text, self.party_id or "", *self.categories):
            _refuse_unfit(text)
        for order in self.sort:
            if not _SORT.fullmatch(order):
                raise ValueError("a sort order is written `field asc` or `field desc`")

    @property
    def words(self) -> str:
        """The `q` of the search: everything, or the escaped words."""
        return escape(self.text) if self.text.strip() else "*:*"

    @property
    def filters(self) -> tuple[str, ...]:
        """The `fq` of the search: categories, and the party lists that NIMBLE leaves to its clients."""
        filters = []
        if self.categories:
            filters.append(" OR ".join(f"{QUERY_CLASSIFICATION}:{phrase(uri)}" for uri in self.categories))
        if self.party_id is not None:
            me = phrase(self.party_id)
            filters.append(f"{QUERY_PERMITTED}:{me} OR (*:* -{QUERY_PERMITTED}:[* TO *])")
            filters.append(f"*:* -{QUERY_RESTRICTED}:{me}")
        return tuple(filters)


def _refuse_unfit(text: str) -> None:
    if len(text) > _MAX_TEXT:
        raise ValueError(f"a search text is at most {_MAX_TEXT} characters")
    if "{!" in text:
        raise ValueError("a search text holds `{!`, which Solr reads as a command")
    if any(c < " " or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("a search text holds control characters")


def escape(text: str) -> str:
    """Words as Solr takes them literally: metacharacters escaped, operators in small letters, blanks single."""
    words = (word.lower() if word in _OPERATORS else word for word in text.split())
    return _METACHARACTERS.sub(r"\\\1", " ".join(words))


def phrase(text: str) -> str:
    """`text` as one quoted Solr phrase."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
