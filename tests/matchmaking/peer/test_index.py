"""Where the peer looks: a catalogue in memory and one in a store answer alike, and never past a party's lists."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.ports.fakes.offer_catalogue import FakeOfferCatalogueStore
from matchmaking.adapter import CatalogueAdapter, entries_of
from matchmaking.efpf.query import SearchQuery
from matchmaking.peer import search
from matchmaking.peer.catalogue import PeerCatalogue
from matchmaking.peer.index import MemoryIndex, OfferIndex
from matchmaking.peer.narrowing import Narrowing, narrow
from matchmaking.peer.principals import Principal
from matchmaking.peer.quirks import NO_QUIRKS
from matchmaking.peer.search import SearchRequest, run_search
from matchmaking.peer.solr import QueryRefused, compile_query
from tests.matchmaking.helpers import NOW, demo_catalogue


def catalogue(**lists: list[str]) -> PeerCatalogue:
    """The demo's, and one item with party lists."""
    item = {
        "uri": "urn:listed",
        "label": {"de": "Zylinderdeckel für Größe 40"},
        "price": {"EUR": "1.20"},
        "deliveryTime": {"Day(s)": 2},
        "classificationUri": ["urn:c"],
        **lists,
    }
    party = {"id": "owner", "legalName": "Owner", "items": [item]}
    return PeerCatalogue.model_validate({"parties": [*demo_catalogue().model_dump()["parties"], party]})


async def stored(from_file: PeerCatalogue) -> OfferIndex:
    store = FakeOfferCatalogueStore()
    await store.put(entries_of(from_file), NOW)
    return CatalogueAdapter(store)


@pytest.fixture(params=["memory", "store"])
async def index(request: pytest.FixtureRequest) -> OfferIndex:
    served = catalogue(permittedParties=["friend", "rival"], restrictedParties=["enemy"])
    return MemoryIndex(served) if request.param == "memory" else await stored(served)


async def ask(index: OfferIndex, party: str | None, **wish: Any) -> dict[str, Any]:
    who = Principal("u", party, frozenset({"efpf_basic"}))
    kind = wish.pop("kind", "item")
    return await run_search(index, kind, SearchRequest(**{"rows": 100, **wish}), who, NO_QUIRKS)


async def found(index: OfferIndex, party: str | None, **wish: Any) -> list[str]:
    return [one["uri"] for one in (await ask(index, party, **wish))["result"]]


async def test_words_are_found_inside_compounds_and_without_accents(index: OfferIndex) -> None:
    assert await found(index, "friend", q="deckel") == ["urn:listed"]
    assert await found(index, "friend", q="GROSSE") == ["urn:listed"]
    assert "urn:lso:item:reconcavo:drilling" in await found(index, None, q="reconcavo")


@pytest.mark.parametrize(
    ("party", "sees"), [(None, False), ("stranger", False), ("friend", True), ("enemy", False), ("owner", True)]
)
async def test_party_lists_hold_for_every_way_of_asking(index: OfferIndex, party: str | None, sees: bool) -> None:
    mine = () if party == "owner" else SearchQuery(party_id=party).filters  # they would hide it from its owner
    for wish in (
        {"q": "*:*"},
        {"q": "deckel"},
        {"q": "*:*", "fq": list(mine)},
        {"q": "*:*", "fq": ['classificationUri:"urn:c"']},
        {"q": "*:*", "sort": ["eUR_price asc"]},
        {"q": "*Zylinder*"},
        {"q": 'uri:"urn:listed" OR uri:"x"'},
        {"q": "uri:urn*listed"},
    ):
        assert ("urn:listed" in await found(index, party, **wish)) is sees, wish
    facet = await ask(index, party, facet={"field": ["classificationUri"], "limit": 99})
    assert ({"label": "urn:c", "count": 1} in facet["facets"]["classificationUri"]["entry"]) is sees


async def test_who_else_is_on_a_list_cannot_be_found_out(index: OfferIndex) -> None:
    for probe in (
        ['permittedParties:"rival"'],
        ["permittedParties:riv*"],
        ['permittedParties:"friend" AND permittedParties:"rival"'],
        ['permittedParties:"rival" OR permittedParties:"friend"', 'permittedParties:"rival"'],
        ['restrictedParties:"enemy"'],
        ["restrictedParties:[* TO *]"],
    ):
        assert "urn:listed" not in await found(index, "friend", fq=probe), probe
        assert "urn:listed" in await found(index, "owner", fq=probe), probe
    wish = {"field": ["permittedParties", "restrictedParties"]}
    for sort in (None, ["eUR_price asc"]):
        facets = (await ask(index, "friend", facet=wish, sort=sort))["facets"]
        assert [facets[name]["entry"] for name in wish["field"]] == [[], []]


async def test_parties_are_found(index: OfferIndex) -> None:
    got = await ask(index, None, kind="party", q="manufacturing")
    assert [one["id"] for one in got["result"]] == ["amp"]


QUERIES = st.sampled_from(
    [
        "*:*",
        "",
        "base",
        "over",
        "cylinder base",
        "cover 20",
        "Recôncavo",
        '"Cylinder cover"',
        "cyl* -cover",
        'manufacturerId:"amp"',
        'manufacturerId:"amp" OR manufacturerId:"tejo-precision"',
        'certificateType:"ISO 9001" OR (*:* -certificateType:[* TO *])',
        '*:* -certificateType:"ISO 9001"',
        'nothing:"x" OR (*:* -nothing:[* TO *])',
        'permittedParties:"friend" OR (*:* -permittedParties:[* TO *])',
        '*:* -restrictedParties:"friend"',
        "drilling_dvalues:[2 TO 3]",
        "a_b",
    ]
)


@settings(max_examples=150, deadline=None)
@given(query=QUERIES, filters=st.lists(QUERIES, max_size=2), sort=st.booleans(), start=st.integers(0, 2))
async def test_what_the_index_answers_is_what_judging_every_entry_would(
    query: str, filters: list[str], sort: bool, start: int
) -> None:
    """Narrowing is for speed alone: without it, and from a store, the same comes back."""
    served = catalogue(permittedParties=["friend"])
    wish = {"q": query, "fq": [one for one in filters if one], "start": start, "rows": 4}
    wish |= {"sort": ["eUR_price asc"]} if sort else {}
    wish |= {"facet": {"field": ["classificationUri"]}}
    narrowed = await ask(MemoryIndex(served), "friend", **wish)
    assert await ask(await stored(served), "friend", **wish) == narrowed

    def unnarrowed(text: str, others: list[str], _asker: str | None) -> Narrowing:
        return Narrowing(rest=narrow(text, others, "").rest + tuple(map(compile_query, [_widened(text), *others])))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "narrow", unnarrowed)
        whole = await ask(MemoryIndex(served), "friend", **(wish | {"rows": 100, "start": 0}))
    assert whole["totalElements"] == narrowed["totalElements"]
    assert whole["facets"] == narrowed["facets"]


def _widened(query: str) -> str:
    if not query:
        return "*:*"
    return f"*{query}*" if query.replace("_", "a").isalnum() else query


async def test_too_much_to_judge_is_refused(index: OfferIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_MOST_JUDGED", 3)
    with pytest.raises(QueryRefused, match="fewer"):
        await ask(index, None, q="uri:urn*")
    assert len(await found(index, None, q="drilling")) == 2


def test_our_own_client_is_answered_by_the_index_alone() -> None:
    """Its filters leave nothing to judge: a large catalogue is never read through for a quote."""
    question = SearchQuery(("urn:a", "urn:b"), "base 40", "lso")
    plain = narrow(question.words, question.filters, "lso")
    assert (plain.words, len(plain.tests), plain.rest) == (("base", "40"), 3, ())
    assert len(narrow(question.words, question.filters, "somebody-else").rest) == 2
