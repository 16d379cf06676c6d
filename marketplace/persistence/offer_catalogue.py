"""What our own registry serves: SQLite finds words by FTS5, PostgreSQL by `tsvector`; both find the same."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.domain.errors import Conflict, InvalidInput
from marketplace.persistence.catalogue_questions import conditions, counting, hits
from marketplace.persistence.columns import dump_json
from marketplace.persistence.engines import Engines
from marketplace.persistence.failures import translated
from marketplace.persistence.statements import is_postgresql, serialise
from marketplace.persistence.tables import catalogue_entries, catalogue_facets
from marketplace.ports.offer_catalogue import (
    LONGEST_WORD,
    CatalogueChange,
    CatalogueEntry,
    CataloguePage,
    CatalogueQuestion,
    FacetCounts,
    twin_in,
)

CATALOGUE_LOCK = 0x6C736F07
"""Advisory lock on PostgreSQL ("lso" and a number): one import at a time."""
AT_ONCE = 400
"""Names in one IN list."""

_OF, _FACET = catalogue_entries.c, catalogue_facets.c
_Key = tuple[str, str]


class SqlOfferCatalogue:
    """`OfferCatalogueStore` in the database."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    async def put(self, entries: Sequence[CatalogueEntry], at: datetime, *, prune: bool = False) -> CatalogueChange:
        """Write all or none. Raises Conflict, InvalidInput, StoreUnavailable."""
        twin = twin_in(entries)
        if twin is not None:
            raise InvalidInput("entries", f"{twin} comes twice")
        with translated():
            async with self._engines.write.begin() as connection:
                await serialise(connection, CATALOGUE_LOCK)
                known = await _known(connection, entries)
                added, changed = _sorted_out(entries, known)
                gone = await _others(connection, entries) if prune else []
                await _forget_facets(connection, [*gone, *(serial for serial, _ in changed)])
                await _delete(connection, gone)
                for serial, entry in changed:
                    renewed = update(catalogue_entries).where(_OF.serial == serial).values(_row(entry, at))
                    await connection.execute(renewed)
                serials = await _insert(connection, added, at)
                await _write_facets(connection, [*changed, *zip(serials, added, strict=True)])
        return CatalogueChange(len(added), len(changed), len(known) - len(changed), len(gone))

    async def remove(self, kind: str, ids: Sequence[str]) -> int:
        """How many of these were there, and are no more. Raises StoreUnavailable."""
        gone: list[int] = []
        with translated():
            async with self._engines.write.begin() as connection:
                for some in _parts(list(dict.fromkeys(ids))):
                    wanted = select(_OF.serial).where(_OF.kind == kind, _OF.id.in_(some))
                    gone += (await connection.scalars(wanted)).all()
                await _forget_facets(connection, gone)
                await _delete(connection, gone)
        return len(gone)

    async def search(self, question: CatalogueQuestion, first: int, count: int) -> CataloguePage:
        """A page, the best first. Raises StoreUnavailable."""
        with translated():
            async with self._engines.read.begin() as connection:
                there = is_postgresql(connection)
                fitting = conditions(question, there)
                total = await connection.scalar(select(func.count()).select_from(catalogue_entries).where(*fitting))
                by_id = _OF.id.collate("C") if there else _OF.id
                order = [hits(question, there).desc(), by_id] if question.words else [by_id]
                wanted = select(catalogue_entries).where(*fitting).order_by(*order)
                rows = (await connection.execute(wanted.offset(first).limit(count))).mappings().all()
                facets = await _facets_of(connection, [row["serial"] for row in rows])
        return CataloguePage(
            int(total or 0),
            tuple(
                CatalogueEntry(
                    kind=row["kind"],
                    id=row["id"],
                    party_id=row["party_id"],
                    words=tuple(row["body"]["words"]),
                    facets=facets.get(row["serial"], {}),
                    body=row["body"]["body"],
                )
                for row in rows
            ),
        )

    async def facets(self, question: CatalogueQuestion, fields: Sequence[str], limit: int) -> Sequence[FacetCounts]:
        """How often each value occurs among what fits. Raises StoreUnavailable."""
        counted = []
        with translated():
            async with self._engines.read.begin() as connection:
                there = is_postgresql(connection)
                for field in fields:
                    rows = await connection.execute(counting(question, field, there).limit(limit))
                    counted.append(FacetCounts(field, tuple((str(value), int(number)) for value, number in rows)))
        return counted


def _row(entry: CatalogueEntry, at: datetime) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "id": entry.id,
        "party_id": entry.party_id,
        "words": " ".join(sorted(_endings(entry.words))),
        "body": {"words": list(entry.words), "body": entry.body},
        "digest": _digest(entry),
        "changed_at": at,
    }


def _endings(words: Iterable[str]) -> set[str]:
    """Every ending of every word, as much of it as may be asked for."""
    return {word[start : start + LONGEST_WORD] for word in words for start in range(len(word))}


def _digest(entry: CatalogueEntry) -> str:
    facets = {field: sorted(set(values)) for field, values in entry.facets.items()}
    told = json.dumps([entry.words, entry.party_id, facets, dump_json(entry.body)], sort_keys=True)
    return hashlib.sha256(told.encode("ascii")).hexdigest()


def _parts(names: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE))


async def _known(connection: AsyncConnection, entries: Sequence[CatalogueEntry]) -> dict[_Key, tuple[int, str, str]]:
    """Serial, owner and digest of those that are there."""
    found: dict[_Key, tuple[int, str, str]] = {}
    wanted = {(entry.kind, entry.id) for entry in entries}
    for some in _parts([entry.id for entry in entries]):
        rows = select(_OF.kind, _OF.id, _OF.serial, _OF.party_id, _OF.digest).where(_OF.id.in_(some))
        for kind, one, serial, owner, digest in await connection.execute(rows):
            if (kind, one) in wanted:
                found[kind, one] = (serial, owner, digest)
    return found


def _sorted_out(
    entries: Sequence[CatalogueEntry], known: dict[_Key, tuple[int, str, str]]
) -> tuple[list[CatalogueEntry], list[tuple[int, CatalogueEntry]]]:
    """What is new, and what has changed. Raises Conflict where an id is another party's."""
    added, changed = [], []
    for entry in entries:
        there = known.get((entry.kind, entry.id))
        if there is None:
            added.append(entry)
        elif there[1] != entry.party_id:
            raise Conflict(f"{entry.id} belongs to another party")
        elif there[2] != _digest(entry):
            changed.append((there[0], entry))
    return added, changed


async def _others(connection: AsyncConnection, entries: Sequence[CatalogueEntry]) -> list[int]:
    """What the parties of `entries` have beside them."""
    named, gone = {(entry.kind, entry.id) for entry in entries}, []
    for some in _parts(sorted({entry.party_id for entry in entries})):
        rows = select(_OF.kind, _OF.id, _OF.serial).where(_OF.party_id.in_(some))
        gone += [serial for kind, one, serial in await connection.execute(rows) if (kind, one) not in named]
    return gone


async def _insert(connection: AsyncConnection, added: Sequence[CatalogueEntry], at: datetime) -> list[int]:
    if not added:
        return []
    writing = insert(catalogue_entries).returning(_OF.serial, sort_by_parameter_order=True)
    return list((await connection.scalars(writing, [_row(entry, at) for entry in added])).all())


async def _write_facets(connection: AsyncConnection, entries: Sequence[tuple[int, CatalogueEntry]]) -> None:
    rows = [
        {"entry": serial, "field": field, "value": value}
        for serial, entry in entries
        for field, values in entry.facets.items()
        for value in dict.fromkeys(values)
    ]
    if rows:
        await connection.execute(insert(catalogue_facets), rows)


async def _forget_facets(connection: AsyncConnection, serials: Sequence[int]) -> None:
    for some in _parts(serials):
        await connection.execute(delete(catalogue_facets).where(_FACET.entry.in_(some)))


async def _delete(connection: AsyncConnection, serials: Sequence[int]) -> None:
    for some in _parts(serials):
        await connection.execute(delete(catalogue_entries).where(_OF.serial.in_(some)))


async def _facets_of(connection: AsyncConnection, serials: Sequence[int]) -> dict[int, dict[str, tuple[str, ...]]]:
    found: dict[int, dict[str, tuple[str, ...]]] = {}
    for some in _parts(serials):
        rows = select(_FACET.entry, _FACET.field, _FACET.value).where(_FACET.entry.in_(some)).order_by(_FACET.serial)
        for entry, field, value in await connection.execute(rows):
            of_entry = found.setdefault(entry, {})
            of_entry[field] = (*of_entry.get(field, ()), value)
    return found
