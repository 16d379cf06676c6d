"""Step 3: how the question is put, and how its pages are read."""

import json
from typing import Any

import httpx
import pytest

from matchmaking.efpf.errors import MalformedAnswer
from matchmaking.efpf.federated_search import FederatedSearch, Found
from matchmaking.efpf.query import SearchQuery
from matchmaking.efpf.service_registry import SearchService
from tests.matchmaking.helpers import CATEGORIES, GATEWAY, Scripted, answer, auth_for, gateway, item, page

POST_PATH, GET_PATH = "/apis/fs/item/search", "/apis/fs/item/select"
SERVICE = SearchService("efpf/fs", f"{GATEWAY}/apis/fs", None)
BASES = SearchQuery(CATEGORIES[:1], party_id="lso")


async def search(
    source: Scripted, query: SearchQuery = BASES, *, max_pages: int = 10, max_offers: int = 1_000, **config: Any
) -> Found:
    chosen = gateway(**config)
    steps = FederatedSearch(chosen, auth_for(source.with_token(), chosen), max_pages=max_pages, max_offers=max_offers)
    return await steps.search(SERVICE, query, timeout_s=1)


@pytest.mark.req(63, 66, 67)
async def test_the_question_by_post() -> None:
    source = Scripted().on(POST_PATH, answer(page(item())))
    found = await search(source, SearchQuery(CATEGORIES[:2], "base 40", "lso", sort=("eUR_price asc",)))
    asked = source.requests[-1]
    assert asked.headers["authorization"] == "Bearer token-1"
    assert json.loads(asked.content) == {
        "q": "base 40",
        "fq": [
            f'commodityClassficationUri:"{CATEGORIES[0]}" OR commodityClassficationUri:"{CATEGORIES[1]}"',
            'permittedParties:"lso" OR (*:* -permittedParties:[* TO *])',
            '*:* -restrictedParties:"lso"',
        ],
        "rows": 100,
        "start": 0,
        "sort": ["eUR_price asc"],
    }
    assert [offer.item_id for offer in found.offers] == ["urn:item:1"]


@pytest.mark.req(66)
async def test_the_question_by_get() -> None:
    source = Scripted().on(GET_PATH, answer(page(item())))
    query = SearchQuery((*CATEGORIES[:1], "urn:with,comma"), party_id="lso", sort=("eUR_price asc",))
    await search(source, query, search_method="GET")
    asked = source.requests[-1].url.params
    # A comma may be split by the server and GET knows no sort: the filter with the comma is applied here only.
    assert asked.get_list("fq") == [
        'permittedParties:"lso" OR (*:* -permittedParties:[* TO *])',
        '*:* -restrictedParties:"lso"',
    ]
    assert (asked["q"], asked["start"], asked["rows"]) == ("*:*", "0", "100")
    assert "sort" not in asked


@pytest.mark.parametrize(("paging", "starts"), [("page", [0, 1, 2]), ("offset", [0, 2, 4])])
async def test_start_is_a_page_number_or_an_offset(paging: str, starts: list[int]) -> None:
    seen: list[int] = []

    def by_page(request: httpx.Request) -> httpx.Response:
        start = json.loads(request.content)["start"]
        seen.append(start)
        number = start if paging == "page" else start // 2
        return answer(page(*(item(uri=f"i-{number}-{n}") for n in range(2 if number < 2 else 1)), total=5))

    found = await search(Scripted().on(POST_PATH, by_page), page_size=2, paging=paging)
    assert seen == starts
    assert len(found.offers) == 5


async def test_repeated_items_count_once_and_no_news_ends_the_reading() -> None:
    source = Scripted().on(POST_PATH, answer(page(item(), item(), total=1_000)))
    found = await search(source)
    assert len(found.offers) == 1
    assert source.paths().count(POST_PATH) == 2
    assert not found.cut


async def test_an_empty_page_ends_the_reading() -> None:
    source = Scripted().on(POST_PATH, answer({"result": [item()]}), answer({"result": None}))
    assert len((await search(source)).offers) == 1
    assert source.paths().count(POST_PATH) == 2


async def test_a_list_without_end_is_cut() -> None:
    def endless(request: httpx.Request) -> httpx.Response:
        start = json.loads(request.content)["start"]
        return answer(page(*(item(uri=f"i-{start}-{n}") for n in range(100)), total=10**9))

    by_pages = await search(Scripted().on(POST_PATH, endless), max_pages=3)
    assert (len(by_pages.offers), by_pages.cut) == (300, True)
    by_offers = await search(Scripted().on(POST_PATH, endless), max_offers=150)
    assert (len(by_offers.offers), by_offers.cut) == (150, True)


async def test_a_bad_item_is_rejected_and_the_rest_lives() -> None:
    bad = [None, 7, item(uri="b-1", price={"EUR": -1}), item(uri="b-2", permittedParties=["other"]), item(uri="x\x07")]
    found = await search(Scripted().on(POST_PATH, answer(page(*bad, item()))))
    assert [offer.item_id for offer in found.offers] == ["urn:item:1"]
    assert [(one.item_id, one.reason) for one in found.rejected] == [
        (None, "malformed"),
        (None, "malformed"),
        ("b-1", "bad_price"),
        ("b-2", "not_permitted"),
        (None, "malformed"),  # its id is no text that we would print
    ]


async def test_items_of_other_categories_are_not_taken() -> None:
    other = item(uri="other", classificationUri=["urn:else"])
    source = Scripted().on(POST_PATH, answer(page(other, item())))
    assert [offer.item_id for offer in (await search(source)).offers] == ["urn:item:1"]
    assert len((await search(source, SearchQuery())).offers) == 2


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"result": 5}', b'{"result": [], "totalElements": -1}', b"", b"null"])
async def test_a_wrong_envelope_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedAnswer) as caught:
        await search(Scripted().on(POST_PATH, answer(body)))
    assert caught.value.counts_for_breaker


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "*:*"),
        ("   ", "*:*"),
        ("base 40", "base 40"),
        ("a AND b", "a and b"),
        ('x:"y" (z) [1 TO 2] *? ~^', r"x\:\"y\" \(z\) \[1 to 2\] \*\? \~\^"),
        ("-a +b !c a/b c\\d", r"\-a \+b \!c a\/b c\\d"),
        ("&& || {x}", r"\&\& \|\| \{x\}"),
    ],
)
def test_words_are_escaped(text: str, words: str) -> None:
    assert SearchQuery(text=text).words == words


@pytest.mark.parametrize(
    "wish",
    [
        {"text": "{!xmlparser}"},
        {"categories": ("{!a",)},
        {"text": "a\x00"},
        {"text": "\ud800"},
        {"text": "a" * 600},
        {"sort": ("eUR_price",)},
        {"sort": ("eUR_price down",)},
        {"sort": ("eUR_price asc, id desc",)},
    ],
)
def test_a_question_that_could_be_a_command_is_refused(wish: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"search text|sort order"):
        SearchQuery(**wish)


def test_a_quote_in_a_name_stays_inside_the_phrase() -> None:
    assert SearchQuery((r'a" OR x:"\b',)).filters[0] == r'commodityClassficationUri:"a\" OR x:\"\\b"'


@pytest.mark.parametrize(
    ("pages", "wrong"),
    [
        ([(2, 2)], False),
        ([(2, None), (0, None)], False),
        ([(2, 3), (1, 3)], False),
        ([(2, 1_000_000), (0, 1_000_000)], True),
        ([(2, 1)], True),
        ([(2, 0)], True),
    ],
)
async def test_a_total_that_is_not_kept_is_told(pages: list[tuple[int, int | None]], wrong: bool) -> None:
    count = iter(range(100))
    answers = [
        answer({"totalElements": total, "result": [item(uri=f"urn:{next(count)}") for _ in range(number)]})
        for number, total in pages
    ]
    source = Scripted().with_token().on("/apis/fs/item/search", *answers)
    found = await search(source, page_size=2)
    assert found.wrong_total is wrong
    assert len(found.offers) == sum(number for number, _ in pages)
