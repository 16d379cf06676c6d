"""A question to the registry's entries as SQL: one rule of who sees what, words by FTS5 or `tsvector`."""

import functools
import operator
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    case,
    cast,
    column,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from marketplace.persistence.tables import catalogue_entries, catalogue_facets
from marketplace.persistence.tables.catalogue import SEARCH_NAME
from marketplace.ports.offer_catalogue import PERMITTED, RESTRICTED, CatalogueQuestion, FacetTest

_OF, _FACET = catalogue_entries.c, catalogue_facets.c
_FOUND = table(SEARCH_NAME, column("rowid", Integer), column(SEARCH_NAME))


def counting(question: CatalogueQuestion, field: str, on_postgresql: bool) -> Select[Any]:
    """(value, how often) of one field among what fits, the most frequent first."""
    number, value = func.count(), _FACET.value
    together = catalogue_facets.join(catalogue_entries, _FACET.entry == _OF.serial)
    wanted = select(value, number).select_from(together).where(_FACET.field == field)
    by_value = value.collate("C") if on_postgresql else value
    return wanted.where(*conditions(question, on_postgresql)).group_by(value).order_by(number.desc(), by_value)


def conditions(question: CatalogueQuestion, on_postgresql: bool) -> list[ColumnElement[bool]]:
    """What an entry must be to fit."""
    wanted = [_OF.kind == question.kind, _visible(question.asker), *map(_passes, question.tests)]
    if question.words:
        wanted.append(or_(*(_contains(word, on_postgresql) for word in dict.fromkeys(question.words))))
    return wanted


def _visible(asker: str | None) -> ColumnElement[bool]:
    """`visible_to` of the port, in SQL."""
    me = (asker,) if asker else ()
    allowed = and_(
        _passes(FacetTest(PERMITTED, me, or_missing=True)), _passes(FacetTest(RESTRICTED, me, excluded=True))
    )
    return or_(_OF.party_id == asker, allowed) if asker else allowed


def _passes(test: FacetTest) -> ColumnElement[bool]:
    facet = catalogue_facets.alias()  # beside those that are counted
    of_field = exists().where(facet.c.entry == _OF.serial, facet.c.field == test.field)
    among = of_field.where(facet.c.value.in_(test.values))
    if test.excluded:
        return ~among
    return or_(among, ~of_field) if test.or_missing else among


def _contains(word: str, on_postgresql: bool) -> ColumnElement[bool]:
    """Whether one of the entry's words begins with `word`: with all endings there, whether it is in one at all."""
    if on_postgresql:
        words = func.array_to_tsvector(func.string_to_array(_OF.words, literal_column("' '")))
        return words.bool_op("@@")(cast(literal(f"'{word}':*"), TSQUERY))
    return _OF.serial.in_(select(_FOUND.c.rowid).where(_FOUND.c[SEARCH_NAME].op("MATCH")(f'"{word}"*')))


def hits(question: CatalogueQuestion, on_postgresql: bool) -> ColumnElement[int]:
    """How many of the words are there."""
    found = [case((_contains(word, on_postgresql), 1), else_=0) for word in dict.fromkeys(question.words)]
    return functools.reduce(operator.add, found)
