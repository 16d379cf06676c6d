"""Step 2: the recorded answer of the catalogue, and one test for each trap that was measured or read."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from matchmaking.efpf.errors import AnswerTooLarge, MalformedAnswer, NoSearchService, RequestRefused
from matchmaking.efpf.gateway_auth import GatewayAuth
from matchmaking.efpf.service_registry import SearchService, Service, ServiceRegistry, base_url_of
from matchmaking.efpf.transport import GuardedHttp
from matchmaking.peer import Quirks
from tests.matchmaking.helpers import (
    GATEWAY,
    NOW,
    PeerUnderTest,
    Scripted,
    answer,
    auth_for,
    gateway,
    listing,
    loopback,
    service,
)

FILTER = "/apis/sr/type/suffix/federated-search"
ALL = "/apis/sr/"


def registry(source: Scripted, **more: Any) -> ServiceRegistry:
    return ServiceRegistry(gateway(), auth_for(source.with_token()), **more)


async def found(source: Scripted, now: datetime = NOW) -> tuple[SearchService, ...]:
    return await registry(source).search_services(now, timeout_s=1)


@pytest.mark.req(63, 64, 65)
async def test_the_recorded_answer_leads_to_the_search() -> None:
    source = Scripted().on(FILTER, answer(listing(service()), content_type="application/json;version="))
    (one,) = await found(source)
    assert one.base_url == f"{GATEWAY}/apis/fs"
    assert one.source_id == "efpf/5ae221a1-b986-48d8-b3f8-503a095f9571"
    assert one.expires_at is not None
    asked = source.requests[-1]
    assert asked.method == "GET"
    assert asked.headers["authorization"] == "Bearer token-1"
    # Filters compare lower-cased text and know numbers as `2e+06`: we only ever filter on the type's text.
    assert str(asked.url.copy_with(host="h")) == "https://h/apis/sr/type/suffix/federated-search?page=1&per_page=100"


async def test_null_is_empty() -> None:
    bare = service(id="bare", apis=None, meta=None)
    spec = service(apis=[service()["apis"][0] | {"spec": {"schema": None}, "meta": None}])
    source = Scripted().on(FILTER, answer(listing(bare, spec)))
    assert len(await found(source)) == 1
    source = Scripted().on(FILTER, answer(listing() | {"services": None})).on(ALL, answer(listing(service())))
    assert len(await found(source)) == 1


@pytest.mark.parametrize("fraction", ["", ".9", ".9718660", ".97186606", ".971866067"])
async def test_fractions_of_any_length(fraction: str) -> None:
    entry = service(expiresAt=f"2026-11-21T06:01:06{fraction}Z")
    (one,) = await found(Scripted().on(FILTER, answer(listing(entry))))
    assert one.expires_at is not None
    assert one.expires_at.replace(microsecond=0).isoformat() == "2026-11-21T06:01:06+00:00"


@pytest.mark.parametrize("kind", ["application/json", "application/json;version=", "Application/JSON; version=v1"])
async def test_only_the_bare_content_type_counts(kind: str) -> None:
    assert await found(Scripted().on(FILTER, answer(listing(service()), content_type=kind)))


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "application/jsonp", ""])
async def test_another_content_type_is_malformed(kind: str) -> None:
    source = Scripted().on(FILTER, answer(listing(service()), content_type=kind))
    with pytest.raises(MalformedAnswer):
        await found(source)


async def test_the_first_total_counts_and_an_empty_page_ends() -> None:
    """Past the end the catalogue claims a total of 0, also past a full last page."""

    def by_page(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params["page"])
        if number <= 2:
            entries = [service(id=f"s-{number}-{i:03d}") for i in range(100)]
            return answer(listing(*entries, total=200 if number == 1 else 0, number=number))
        return answer(listing(total=0, number=number))

    source = Scripted().on(FILTER, by_page)
    assert len(await found(source)) == 200
    assert source.paths().count(FILTER) == 2  # 200 of 200: nothing more to ask for

    def without_total(request: httpx.Request) -> httpx.Response:
        return answer({**by_page(request).json(), "total": 0})

    silent = Scripted().on(FILTER, without_total)
    assert len(await found(silent)) == 200
    assert silent.paths().count(FILTER) == 3  # the empty page ends it


async def test_pages_without_snapshot_are_merged_newest_first() -> None:
    def by_page(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params["page"])
        old = service(updatedAt="2026-11-21T05:00:00Z")
        new = service(updatedAt="2026-11-21T05:01:00Z", apis=[service()["apis"][0] | {"url": f"{GATEWAY}/new"}])
        page = {1: [new], 2: [old]}.get(number, [])
        return answer(listing(*page, total=2, number=number))

    (one,) = await found(Scripted().on(FILTER, by_page))
    assert one.base_url == f"{GATEWAY}/new"


async def test_a_registry_without_end_is_given_up() -> None:
    def endless(request: httpx.Request) -> httpx.Response:
        return answer(listing(service(id=f"s-{request.url.params['page']}"), total=10**9))

    with pytest.raises(AnswerTooLarge):
        await registry(Scripted().on(FILTER, endless), max_pages=5).search_services(NOW, timeout_s=1)


@pytest.mark.parametrize(
    ("changes", "alive_s"),
    [
        ({}, 3600),
        ({"expiresAt": None}, 3600),  # then updatedAt and ttl say it
        ({"expiresAt": "2026-11-21T05:01:08Z", "ttl": 2}, 1),
    ],
)
async def test_expiry_is_judged_here(changes: dict[str, Any], alive_s: int) -> None:
    """Entries are served for up to a minute past their end."""
    source = Scripted().on(FILTER, answer(listing(service(**changes)))).on(ALL, answer(listing(service(**changes))))
    assert await found(source, NOW + timedelta(seconds=alive_s))
    with pytest.raises(NoSearchService):
        await found(source, NOW + timedelta(seconds=alive_s + 2))


async def test_an_entry_that_never_ends_is_taken() -> None:
    entry = service(expiresAt=None, ttl=None)
    (one,) = await found(Scripted().on(FILTER, answer(listing(entry))))
    assert one.expires_at is None


@pytest.mark.parametrize(
    "fault", [answer(b"goroutine 42 [running]:", 500, content_type="text/plain"), answer(b"", 404), answer(listing())]
)
async def test_a_filter_that_fails_or_finds_nothing_is_done_here(fault: httpx.Response) -> None:
    other = service(id="other", type="efpf.marketplace")
    source = Scripted().on(FILTER, fault).on(ALL, answer(listing(other, service())))
    (one,) = await found(source)
    assert one.source_id.endswith("571")
    assert source.paths().count(FILTER) == 1  # not repeated


async def test_a_failing_registry_is_given_up() -> None:
    source = Scripted().on(FILTER, answer(b"", 500)).on(ALL, answer(b"", 500))
    with pytest.raises(RequestRefused) as caught:
        await found(source)
    assert not caught.value.counts_for_breaker


async def test_types_are_chosen_by_suffix() -> None:
    entries = [
        service(id="a", type="nimble.federated-search"),
        service(id="b", type="EFPF.Federated-Search"),
        service(id="c", type="efpf.federated-search.old"),
    ]
    services = await found(Scripted().on(FILTER, answer(listing(*entries))))
    assert [one.source_id for one in services] == ["efpf/a", "efpf/b"]


async def test_one_bad_entry_does_not_spoil_the_others() -> None:
    bad: list[object] = [
        None,
        1,
        "x",
        [],
        {},
        service(id=None),
        service(id=7),
        service(id="a" * 300),
        service(id="nul\x00"),
        service(apis="none"),
        service(expiresAt="tomorrow"),
        service(expiresAt="2026-11-21T05:01:06"),
        service(expiresAt="9999-12-31T23:59:59-23:59"),
        service(ttl=True),
    ]
    assert len(await found(Scripted().on(FILTER, answer(listing(*bad, service()))))) == 1


def test_the_api_is_chosen_by_id_else_the_first_over_http() -> None:
    def with_apis(*apis: tuple[str, str, str]) -> Service:
        return Service.model_validate(
            service(apis=[{"id": i, "protocol": protocol, "url": url} for i, protocol, url in apis])
        )

    mqtt = ("m", "MQTT", "mqtt://gateway.example")
    first, second = ("x", "https", "https://a.example/fs/"), ("search", "HTTPS", "https://b.example/fs")
    assert base_url_of(with_apis(mqtt, first, second), "search") == "https://b.example/fs"
    assert base_url_of(with_apis(mqtt, first, second), "other") == "https://a.example/fs"
    assert base_url_of(with_apis(mqtt), "search") is None
    for url in ("https://a.example/fs?x=1", "https://a.example/#f", "https://u@a.example/", "javascript:1", ""):
        assert base_url_of(with_apis(("search", "HTTPS", url)), "search") is None


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(null_for_empty=True),
        Quirks(zero_total_past_end=True),
        Quirks(nanosecond_times=True),
        Quirks(empty_content_type_version=True),
        Quirks(filter_fails=True),
        Quirks(filter_finds_nothing=True),
        Quirks(repeats_across_pages=True),
    ],
    ids=str,
)
async def test_a_peer_with_a_quirk_is_understood(quirks: Quirks) -> None:
    peer = PeerUnderTest(quirks=quirks)
    assert len(await _ask(peer)) == 1


async def test_a_peer_that_lists_the_expired_is_understood() -> None:
    peer = PeerUnderTest(quirks=Quirks(lists_expired=True))
    keeper = await peer.bearer("keeper")
    api = {"id": "search", "protocol": "HTTP", "url": f"{peer.base_url}/apis/fs"}
    async with peer.http() as http:
        entry = {"type": "other.federated-search", "ttl": 2, "apis": [api]}
        assert (await http.post("/apis/sr/", json=entry, headers=keeper)).status_code == 201
        assert len(await _ask(peer)) == 2
        peer.clock.forward(seconds=3)
        listed = await http.get("/apis/sr/", headers=keeper)
    assert listed.json()["total"] == 2  # the quirk is on: the dead entry is still listed
    assert len(await _ask(peer)) == 1


async def _ask(peer: PeerUnderTest) -> tuple[SearchService, ...]:
    config = peer.config()
    auth = GatewayAuth(config, GuardedHttp(peer.http(), config.policy(), resolve=loopback))
    return await ServiceRegistry(config, auth).search_services(peer.clock(), timeout_s=2)
