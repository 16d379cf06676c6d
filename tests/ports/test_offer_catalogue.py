"""The registry's entries: written once, found by words and facets, kept from those whom they are not for."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from marketplace.domain.errors import Conflict, InvalidInput
from marketplace.persistence.database import Database
from marketplace.persistence.migrate import upgrade
from marketplace.ports.fakes.offer_catalogue import FakeOfferCatalogueStore
from marketplace.ports.offer_catalogue import (
    PERMITTED,
    RESTRICTED,
    CatalogueChange,
    CatalogueEntry,
    CataloguePage,
    CatalogueQuestion,
    FacetCounts,
    FacetTest,
    OfferCatalogueStore,
)
from tests.persistence.databases import empty, opened, postgresql_database

NOW = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    """A migrated database of this module on PostgreSQL."""
    with postgresql_database() as url:
        asyncio.run(upgrade(url))
        yield url


@pytest.fixture
async def on_postgresql(server_url: str) -> AsyncIterator[Database]:
    """It, without rows."""
    empty(server_url)
    async with opened(server_url) as database:
        yield database


@pytest.fixture(params=["fake", "database", pytest.param("on_postgresql", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest) -> OfferCatalogueStore:
    if request.param == "fake":
        return FakeOfferCatalogueStore()
    found: OfferCatalogueStore = request.getfixturevalue(request.param).offer_catalogue()
    return found


def entry(name: str, *words: str, party: str = "p1", kind: str = "item", **facets: Any) -> CatalogueEntry:
    return CatalogueEntry(kind, name, party, words, facets, {"label": name, "price": "1.20"})


def asked(*words: str, by: str | None = None, kind: str = "item", tests: tuple[FacetTest, ...] = ()) -> Any:
    return CatalogueQuestion(kind, by, words, tests)


async def ids(store: OfferCatalogueStore, question: CatalogueQuestion) -> list[str]:
    page = await store.search(question, 0, 100)
    assert page.total == len(page.entries)
    return [found.id for found in page.entries]


async def test_what_was_put_comes_back_whole(store: OfferCatalogueStore) -> None:
    one = CatalogueEntry(
        "item", "urn:é:1", "p", ("größe", "40mm"), {"cat": ("b", "a")}, {"label": {"en": "Ø"}, "n": [1, None]}
    )
    assert await store.put([one], NOW) == CatalogueChange(added=1)
    assert await store.search(asked(), 0, 10) == CataloguePage(1, (one,))


async def test_putting_again_changes_what_is_different_and_nothing_else(store: OfferCatalogueStore) -> None:
    entries = [entry("a", "base", cat=("x",)), entry("b", "cover", cat=("x",))]
    assert await store.put(entries, NOW) == CatalogueChange(added=2)
    assert await store.put(entries, LATER) == CatalogueChange(same=2)
    changed = replace(entries[0], words=("plate",), facets={"cat": ("y",)})
    assert await store.put([changed, entries[1]], LATER) == CatalogueChange(changed=1, same=1)
    assert await ids(store, asked("base")) == []
    assert await ids(store, asked("plate")) == ["a"]
    assert await store.facets(asked(), ["cat"], 9) == [FacetCounts("cat", (("x", 1), ("y", 1)))]


async def test_pruning_removes_what_its_party_no_longer_lists(store: OfferCatalogueStore) -> None:
    await store.put([entry("a", "w"), entry("b", "w"), entry("c", "w", party="p2")], NOW)
    assert await store.put([entry("a", "w")], NOW) == CatalogueChange(same=1)
    assert await ids(store, asked()) == ["a", "b", "c"]
    assert await store.put([entry("a", "w")], NOW, prune=True) == CatalogueChange(same=1, removed=1)
    assert await ids(store, asked("w")) == ["a", "c"]


async def test_removing_counts_what_was_there(store: OfferCatalogueStore) -> None:
    await store.put([entry("a", "w", cat=("x",)), entry("a", "w", kind="party")], NOW)
    assert await store.remove("item", ["a", "a", "nothing"]) == 1
    assert await store.remove("item", ["a"]) == 0
    assert await ids(store, asked("w")) == []
    assert await ids(store, asked("w", kind="party")) == ["a"]
    assert await store.facets(asked(), ["cat"], 9) == [FacetCounts("cat")]


async def test_nobody_takes_over_anothers_entry_and_nothing_of_the_rest_is_written(store: OfferCatalogueStore) -> None:
    await store.put([entry("a", "w", party="p1")], NOW)
    with pytest.raises(Conflict, match="another party"):
        await store.put([entry("b", "w", party="p2"), entry("a", "w", party="p2")], NOW, prune=True)
    with pytest.raises(InvalidInput, match="twice"):
        await store.put([entry("b", "w"), entry("b", "v")], NOW)
    assert [found.party_id for found in (await store.search(asked(), 0, 9)).entries] == ["p1"]


async def test_a_word_is_found_inside_another_and_more_words_come_first(store: OfferCatalogueStore) -> None:
    await store.put([entry("a", "zylinderdeckel"), entry("b", "deckel", "rot"), entry("c", "rotor")], NOW)
    assert await ids(store, asked("deckel")) == ["a", "b"]
    assert await ids(store, asked("deckel", "rot")) == ["b", "a", "c"]
    assert await ids(store, asked("deckelx")) == []
    assert await ids(store, asked("l")) == ["a", "b"]


@pytest.mark.parametrize("word", ["", "a b", "a*", "a'b", 'a"', "-", "x" * 65])
def test_what_is_no_word_is_not_asked(word: str) -> None:
    with pytest.raises(ValueError, match="word"):
        asked(word)


async def test_words_of_any_script_are_found_whole(store: OfferCatalogueStore) -> None:
    words = ["größe", "стальной", "鋼鉄", "12e5", "0x1f", "1a2b3c", "and", "not", "near", "x" * 200]
    await store.put([entry(f"{number:02}", word) for number, word in enumerate(words)], NOW)
    for number, word in enumerate(words):
        assert f"{number:02}" in await ids(store, asked(word[:64]))
        assert f"{number:02}" in await ids(store, asked(word[-2:]))


async def test_tests_on_facets(store: OfferCatalogueStore) -> None:
    await store.put([entry("a", cat=("x", "y")), entry("b", cat=("z",)), entry("c"), entry("d", cat=("o'y\"",))], NOW)
    for values, more, found in (
        (("x",), {}, ["a"]),
        (("x", "z"), {}, ["a", "b"]),
        (("x",), {"or_missing": True}, ["a", "c"]),
        ((), {"or_missing": True}, ["c"]),
        (("x",), {"excluded": True}, ["b", "c", "d"]),
        (("o'y\"",), {}, ["d"]),
        ((), {}, []),
    ):
        assert await ids(store, asked(tests=(FacetTest("cat", values, **more),))) == found, (values, more)
    both = (FacetTest("cat", ("x",)), FacetTest("cat", ("y",)))
    assert await ids(store, asked(tests=both)) == ["a"]
    assert await ids(store, asked(tests=(*both, FacetTest("cat", ("z",))))) == []


async def test_party_lists_are_kept_by_the_store(store: OfferCatalogueStore) -> None:
    """Who is named sees; who is not never does, not in a total and not in a facet either."""
    lists: dict[str, Any] = {PERMITTED: ("friend", "both"), RESTRICTED: ("enemy", "both")}
    await store.put(
        [
            entry("all", "w", c=("v",)),
            entry("permitted", "w", c=("v",), **{PERMITTED: lists[PERMITTED]}),
            entry("restricted", "w", c=("v",), **{RESTRICTED: lists[RESTRICTED]}),
            entry("two", "w", c=("v",), **lists),
        ],
        NOW,
    )
    for by, seen in (
        (None, ["all", "restricted"]),
        ("", ["all", "restricted"]),
        ("stranger", ["all", "restricted"]),
        ("friend", ["all", "permitted", "restricted", "two"]),
        ("enemy", ["all"]),
        ("both", ["all", "permitted"]),
        ("p1", ["all", "permitted", "restricted", "two"]),
    ):
        assert await ids(store, asked("w", by=by)) == seen, by
        assert await ids(store, asked(by=by)) == seen, by
        assert await store.facets(asked(by=by), ["c"], 5) == [FacetCounts("c", (("v", len(seen)),))]


async def test_pages_have_the_true_total(store: OfferCatalogueStore) -> None:
    await store.put([entry(f"{number:03}", "w") for number in range(25)], NOW)
    pages = [await store.search(asked("w"), first, 10) for first in (0, 10, 20, 30)]
    assert [(page.total, len(page.entries)) for page in pages] == [(25, 10), (25, 10), (25, 5), (25, 0)]
    together = [found.id for page in pages for found in page.entries]
    assert together == [f"{number:03}" for number in range(25)]


async def test_facets_are_counted_most_frequent_first(store: OfferCatalogueStore) -> None:
    for number, values in enumerate((("a", "a", "b"), ("b", "C"), ("b", "ä"))):
        await store.put([entry(str(number), "w", f=values)], NOW)
    await store.put([entry("9", "v", f=("q",))], NOW)
    counted = (("b", 3), ("C", 1), ("a", 1), ("ä", 1))
    assert await store.facets(asked("w"), ["f", "none"], 9) == [FacetCounts("f", counted), FacetCounts("none")]
    assert await store.facets(asked("w"), ["f"], 2) == [FacetCounts("f", counted[:2])]


@pytest.mark.parametrize("round_number", range(3))
async def test_every_store_finds_what_the_fake_finds(store: OfferCatalogueStore, round_number: int) -> None:
    """Many questions at random entries; the fake is the rule in a few lines of plain Python."""
    dice = random.Random(round_number)
    parts = ["ba", "se", "ко", "40", "ö", "x"]
    parties = ["p1", "p2", "p3", None]

    def some(choices: list[Any], most: int) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(dice.choices(choices, k=dice.randint(0, most))))

    entries = [
        entry(
            f"{number:02}",
            *("".join(dice.choices(parts, k=dice.randint(1, 3))) for _ in range(dice.randint(0, 3))),
            party=dice.choice(parties[:3]),
            cat=some(["x", "y", "z"], 2),
            **{PERMITTED: some(parties[:3], 1), RESTRICTED: some(parties[:3], 1)},
        )
        for number in range(40)
    ]
    entries = [replace(one, facets={name: values for name, values in one.facets.items() if values}) for one in entries]
    fake = FakeOfferCatalogueStore()
    for kept in (store, fake):
        assert await kept.put(entries, NOW) == CatalogueChange(added=40)
        await kept.remove("item", ["07", "21"])
    for asker, most in itertools.product(parties, (0, 1, 3)):
        test = FacetTest("cat", some(["x", "y"], 2), dice.random() < 0.3, dice.random() < 0.3)
        question = asked(*some(parts, most), by=asker, tests=(test,) if dice.random() < 0.6 else ())
        assert await store.search(question, 0, 99) == await fake.search(question, 0, 99), question
        assert await store.facets(question, ["cat"], 9) == await fake.facets(question, ["cat"], 9), question
