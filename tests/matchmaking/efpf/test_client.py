"""The federation as one call: dead sources are named, never raised; stale answers say how old they are."""

import asyncio
import json
import logging
from dataclasses import replace

import httpx
import pytest

from matchmaking.efpf.answer import NoSourceAlive, NoSourceUsable, SearchAnswer
from matchmaking.efpf.client import FederatedClient
from matchmaking.efpf.config import FederationConfig
from matchmaking.efpf.errors import GiveUp, RetryLater
from matchmaking.efpf.query import SearchQuery
from matchmaking.peer import Quirks
from tests.matchmaking.helpers import (
    CATEGORIES,
    GATEWAY,
    Clock,
    Drip,
    PeerUnderTest,
    Scripted,
    answer,
    gateway,
    item,
    listing,
    page,
    public,
    service,
)

FILTER = "/apis/sr/type/suffix/federated-search"
TOKEN = "/auth/realms/efpf/protocol/openid-connect/token"
SEARCH = "/apis/fs/item/search"
EVERYTHING = SearchQuery(CATEGORIES, party_id="lso")


def federation(source: Scripted, count: int = 1, **limits: float) -> FederatedClient:
    """`count` gateways on hosts of their own, all answered by `source` (which sees the Host)."""
    gateways = tuple(
        gateway(gateway_id=f"g{n}", base_url=GATEWAY.replace("gateway", f"g{n}"), search_origins=(GATEWAY,))
        for n in range(count)
    )
    config = replace(FederationConfig(gateways), **limits)  # type: ignore[arg-type]
    return FederatedClient(config, source.http(), clock=Clock(), resolve=public)


def working() -> Scripted:
    return Scripted().with_token().on(FILTER, answer(listing(service()))).on(SEARCH, answer(page(item())))


@pytest.mark.req(61, 67)
async def test_ten_sources_two_of_them_dead() -> None:
    def by_host(request: httpx.Request) -> httpx.Response:
        host = request.headers["host"]
        if host == "g3.example":
            raise httpx.ConnectError("refused")
        if host == "g7.example":
            return httpx.Response(200, headers={"content-type": "application/json"}, stream=Drip())
        number = host.removeprefix("g").removesuffix(".example")
        own = service()["apis"][0] | {"url": f"https://{host}/apis/fs"}
        return answer(listing(service(id=f"s{number}", apis=[own])))

    def found(request: httpx.Request) -> httpx.Response:
        host = request.headers["host"]
        return answer(page(item(uri="shared"), item(uri=f"only-{host}", price={"EUR": 20.0})))

    source = Scripted().with_token().on(FILTER, by_host).on(SEARCH, found)
    client = federation(source, 10, deadline_s=60, source_deadline_s=0.3)
    began = asyncio.get_running_loop().time()
    got = await client.search(EVERYTHING)
    assert asyncio.get_running_loop().time() - began < 50  # who drips is given up long before the deadline
    assert (got.sources.total, got.sources.ok, got.sources.failed, got.sources.timed_out) == (10, 8, 1, 1)
    assert got.partial
    assert {report.source_id: report.error for report in got.by_source if report.status != "ok"} == {
        "g3": "unreachable",
        "g7": "timed_out",
    }
    assert [offer.item_id for offer in got.offers].count("shared") == 1
    assert len(got.offers) == 9
    assert got.require_alive() is got


async def test_a_dead_federation_is_a_typed_error_that_says_try_later() -> None:
    client = federation(Scripted().on(TOKEN, httpx.ConnectError("refused")))
    got = await client.search(EVERYTHING)
    assert (got.sources.failed, got.offers) == (1, ())
    with pytest.raises(NoSourceAlive, match="unreachable") as caught:
        got.require_alive()
    assert isinstance(caught.value, RetryLater)


async def test_a_wrong_password_everywhere_is_a_typed_error_that_says_give_up() -> None:
    client = federation(Scripted().on(TOKEN, answer(b"", 401)), 2)
    with pytest.raises(NoSourceUsable, match="credentials_refused") as caught:
        (await client.search(EVERYTHING)).require_alive()
    assert isinstance(caught.value, GiveUp)


async def test_an_empty_federation_is_no_answer() -> None:
    got = await FederatedClient(FederationConfig(()), Scripted().http(), clock=Clock(), resolve=public).search(
        EVERYTHING
    )
    assert not got.partial
    with pytest.raises(NoSourceUsable, match="none is configured"):
        got.require_alive()


async def test_a_search_at_a_foreign_origin_is_skipped_and_told(caplog: pytest.LogCaptureFixture) -> None:
    foreign = service(id="evil\nid", apis=[service()["apis"][0] | {"url": "https://collector.example/fs"}])
    source = working().on(
        FILTER, answer(listing(foreign, service(apis=[service()["apis"][0] | {"url": "https://g0.example/apis/fs"}])))
    )
    with caplog.at_level(logging.WARNING, "matchmaking.security"):
        got = await federation(source).search(EVERYTHING)
    assert (got.sources.ok, got.sources.skipped) == (1, 1)
    assert "collector.example" not in {request.headers["host"] for request in source.requests}
    assert "origin_refused" in caplog.text
    assert "evil\nid" not in caplog.text


async def test_a_search_elsewhere_gets_no_bearer() -> None:
    """The registry of g0 lists a search at another, reachable origin: it is asked, but without our token."""
    source = working()
    got = await federation(source).search(EVERYTHING)
    assert got.sources.ok == 1
    by_path = {request.url.path: request.headers.get("authorization") for request in source.requests}
    assert by_path[SEARCH] is None
    assert by_path[FILTER] == "Bearer token-1"


async def test_a_failing_source_speaks_by_its_last_answer() -> None:
    source = working()
    client = federation(source)
    await client.search(EVERYTHING)
    source.on(SEARCH, httpx.ConnectError("refused"))
    stale = await client.search(EVERYTHING)
    assert (stale.sources.stale, stale.partial, len(stale.offers)) == (1, True, 1)
    assert stale.offers[0].age_s == stale.by_source[0].age_s >= 1
    assert stale.by_source[0].error == "unreachable"
    assert (await client.search(EVERYTHING, allow_stale=False)).sources.failed == 1
    assert (await client.search(SearchQuery())).sources.failed == 1  # another question: no last answer


async def test_a_failing_registry_leaves_the_services_it_listed() -> None:
    source = working()
    client = federation(source, registry_max_age_s=0)
    await client.search(EVERYTHING)
    source.on(FILTER, httpx.ConnectError("refused"))
    assert (await client.search(EVERYTHING)).sources.ok == 1


async def test_the_registry_is_remembered_and_the_search_only_for_browsing() -> None:
    source = working()
    client = federation(source)
    for fresh in (True, False, False, True):
        assert (await client.search(EVERYTHING, fresh=fresh)).sources.ok == 1
    assert source.paths().count(FILTER) == 1
    assert source.paths().count(SEARCH) == 2  # a quote always asks anew


async def test_a_source_that_keeps_failing_is_left_alone() -> None:
    source = working().on(SEARCH, httpx.ConnectError("refused"))
    client = federation(source)
    for _ in range(5):
        assert (await client.search(EVERYTHING)).sources.failed == 1
    asked = source.paths().count(SEARCH)
    got = await client.search(EVERYTHING)
    assert (got.sources.skipped, got.by_source[0].error) == (1, "resting")
    assert source.paths().count(SEARCH) == asked


async def test_a_source_that_refuses_is_not_left_alone() -> None:
    """The negative control of the breaker: a 403 says nothing of the source's health."""
    source = working().on(SEARCH, answer(b"", 403))
    client = federation(source)
    for _ in range(8):
        assert (await client.search(EVERYTHING)).by_source[0].error == "request_refused"


async def test_rejected_items_and_cuts_are_told() -> None:
    source = working().on(SEARCH, answer(page(item(), item(uri="b", price={"EUR": 0}), item(uri="c"))))
    got = await federation(source, max_offers=1).search(EVERYTHING)
    assert [(one.item_id, one.reason) for one in got.rejected] == [("b", "bad_price")]
    assert (len(got.offers), got.partial) == (1, True)
    assert got.by_source[0].cut


async def test_the_envelope_is_json() -> None:
    got = await federation(working()).search(EVERYTHING)
    envelope = json.loads(json.dumps(got.as_dict()))
    assert set(envelope) == {"offers", "partial", "sources", "by_source", "rejected"}
    assert envelope["sources"] == {"total": 1, "ok": 1, "stale": 0, "failed": 0, "timed_out": 0, "skipped": 0}
    assert envelope["by_source"][0]["status"] == "ok"
    assert envelope["offers"][0]["price"] == "12.5"


@pytest.mark.req(61, 62, 64, 66, 67)
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_our_own_peer_answers_all_three_steps(method: str) -> None:
    peer = PeerUnderTest()
    got = (await peer.client(search_method=method).search(EVERYTHING)).require_alive()
    assert not got.partial
    assert [call.split()[0] for call in peer.calls] == ["POST", "GET", method]
    ids = {offer.item_id for offer in got.offers}
    assert {"urn:lso:item:amp:base-40", "urn:lso:item:amp:cover", "urn:lso:item:reconcavo:drilling"} <= ids
    assert "urn:lso:item:member:drilling" not in ids  # for members only
    (hidden,) = [offer for offer in got.offers if offer.asks_for_quote]
    assert hidden.item_id == "urn:lso:item:member:base-40"


@pytest.mark.parametrize(
    "quirks",
    [Quirks(party_lists_ignored=True), Quirks(hidden_prices_sent=True), Quirks(start_ignored=True)],
    ids=["party lists", "hidden prices", "start"],
)
async def test_a_search_with_a_quirk_gives_the_same_offers(quirks: Quirks) -> None:
    def offered(got: SearchAnswer) -> list[tuple[str, object]]:
        return [(offer.item_id, offer.price) for offer in got.offers]

    plain = await PeerUnderTest().client().search(EVERYTHING)
    assert offered(await PeerUnderTest(quirks=quirks).client().search(EVERYTHING)) == offered(plain)


async def test_a_role_that_is_refused_in_plain_text_is_a_refusal() -> None:
    peer = PeerUnderTest(quirks=Quirks(plain_401_for_role=True))
    got = await peer.client(username="guest").search(EVERYTHING)
    assert got.by_source[0].error in {"request_refused", "credentials_refused"}
