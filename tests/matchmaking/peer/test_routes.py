"""The peer's HTTP: registry rows as recorded, search with party lists and hidden prices kept on the server."""

from typing import Any

import httpx
import pytest

from matchmaking.peer import BearerRefused, Principal
from tests.matchmaking.helpers import PROJECT, PeerUnderTest, service

TOKEN = "/auth/realms/efpf/protocol/openid-connect/token"
FORM = {"grant_type": "password", "client_id": "user-terminal", "username": "lso", "password": "pw"}
ENTRY = {
    "type": "x.thing",
    "ttl": 60,
    "title": "T",
    "apis": [{"id": "a", "protocol": "HTTP", "url": "http://x.example"}],
}


async def call(peer: PeerUnderTest, method: str, path: str, user: str = "lso", **more: Any) -> httpx.Response:
    headers = await peer.bearer(user)
    async with peer.http() as http:
        return await http.request(method, path, headers=headers | more.pop("headers", {}), **more)


@pytest.mark.req(62)
async def test_the_token_endpoint() -> None:
    async with PeerUnderTest().http() as http:
        good = await http.post(TOKEN, data=FORM)
        assert good.status_code == 200
        assert set(good.json()) == {"access_token", "expires_in", "token_type", "scope"}
        assert good.headers["cache-control"] == "no-store"
        assert "id_token" in (await http.post(TOKEN, data=FORM | {"scope": "openid"})).json()


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        (FORM | {"password": "wrong"}, 401, "invalid_grant"),
        (FORM | {"username": "nobody"}, 401, "invalid_grant"),
        (FORM | {"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ({"grant_type": "password"}, 400, "invalid_request"),
        ({}, 400, "invalid_request"),
    ],
)
async def test_a_sign_in_that_is_refused(form: dict[str, str], status: int, error: str) -> None:
    async with PeerUnderTest().http() as http:
        got = await http.post(TOKEN, data=form)
    assert (got.status_code, got.json()) == (status, {"error": error})


@pytest.mark.parametrize("body", [b"\xff", b"username=%ff", b"a=1&a=2", b"=&=", b"a&b", b"&".join([b"a=1"] * 100)])
async def test_a_form_that_is_none(body: bytes) -> None:
    async with PeerUnderTest().http() as http:
        assert (await http.post(TOKEN, content=body)).status_code == 400


async def test_realm_and_keys_are_public() -> None:
    async with PeerUnderTest().http() as http:
        realm = (await http.get("/auth/realms/efpf")).json()
        keys = (await http.get("/auth/realms/efpf/protocol/openid-connect/certs")).json()
    assert realm["realm"] == "efpf"
    assert realm["public_key"].startswith("MII")
    assert keys["keys"][0]["alg"] == "RS256"
    assert "d" not in keys["keys"][0]


@pytest.mark.parametrize(
    "path", ["/apis/sr/", "/apis/sr/type/equals/x", "/apis/fs/item/select", "/apis/fs/party/select"]
)
async def test_without_a_good_bearer_there_is_nothing(path: str) -> None:
    peer = PeerUnderTest()
    good = await peer.bearer()
    async with peer.http() as http:
        for header in (
            {},
            {"Authorization": "Basic eDp5"},
            {"Authorization": "Bearer"},
            {"Authorization": "Bearer x.y.z"},
        ):
            got = await http.get(path, headers=header)
            assert (got.status_code, got.json()["code"], got.headers["www-authenticate"]) == (401, 401, "Bearer")
        peer.clock.forward(seconds=301)
        assert (await http.get(path, headers=good)).status_code == 401
    assert (await call(peer, "GET", path, "guest")).status_code == 403


async def test_the_registry_lists_the_peer_itself_for_ever() -> None:
    peer = PeerUnderTest()
    for _ in range(3):
        listed = (await call(peer, "GET", "/apis/sr/")).json()
        assert (listed["id"], listed["page"], listed["per_page"], listed["total"]) == ("efpf-sr", 1, 100, 1)
        (own,) = listed["services"]
        assert own["apis"][0]["url"] == "http://peer.example/apis/fs"
        assert set(own) == set(service())
        peer.clock.forward(hours=5)


async def test_an_entry_lives_until_its_ttl_and_a_put_renews_it() -> None:
    peer = PeerUnderTest()
    made = await call(peer, "POST", "/apis/sr/", "keeper", json=ENTRY)
    assert made.status_code == 201
    path = made.headers["location"]
    peer.clock.forward(seconds=50)
    renewed = await call(peer, "PUT", path, "keeper", json={"type": "x.other", "ttl": 60})
    assert renewed.status_code == 200
    assert renewed.json()["apis"] == []  # PUT replaces all fields
    assert renewed.json()["createdAt"] == made.json()["createdAt"]
    peer.clock.forward(seconds=59)
    assert (await call(peer, "GET", path)).status_code == 200
    peer.clock.forward(seconds=1)
    assert (await call(peer, "GET", path)).status_code == 404
    assert (await call(peer, "GET", "/apis/sr/")).json()["total"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/apis/sr/", ENTRY | {"id": "given"}, 400),
        ("POST", "/apis/sr/", {"type": "x.y"}, 400),
        ("POST", "/apis/sr/", ENTRY | {"ttl": 0}, 400),
        ("POST", "/apis/sr/", ENTRY | {"ttl": "60"}, 400),
        ("POST", "/apis/sr/", ENTRY | {"type": "a b"}, 400),
        ("POST", "/apis/sr/", ENTRY | {"title": "nul\x00"}, 400),
        ("POST", "/apis/sr/", ENTRY | {"unknown": 1}, 201),
        ("PUT", "/apis/sr/new", ENTRY, 201),
        ("PUT", "/apis/sr/one/slash", ENTRY, 201),
        ("PUT", "/apis/sr/two/more/slashes", ENTRY, 405),
        ("PUT", "/apis/sr/a%20b", ENTRY, 400),
        ("PUT", "/apis/sr/new", ENTRY | {"id": "other"}, 409),
        ("DELETE", "/apis/sr/nope", None, 404),
        ("PATCH", "/apis/sr/new", ENTRY, 405),
        ("HEAD", "/apis/sr/", None, 405),
        ("GET", "/apis/sr/nope", None, 404),
        ("GET", "/apis/sr/?page=0", None, 400),
        ("GET", "/apis/sr/?per_page=101", None, 400),
        ("GET", "/apis/sr/?page=x", None, 400),
        ("GET", "/apis/sr/type/resembles/x", None, 400),
        ("GET", "/apis/sr/health", None, 200),
    ],
)
async def test_the_registry_row_by_row(method: str, path: str, body: Any, status: int) -> None:
    got = await call(PeerUnderTest(), method, path, "keeper", json=body)
    assert got.status_code == status
    if status == 201:
        assert "unknown" not in got.json()
    assert "Traceback" not in got.text


async def test_only_keepers_write() -> None:
    assert (await call(PeerUnderTest(), "POST", "/apis/sr/", "lso", json=ENTRY)).status_code == 403
    peer = PeerUnderTest()
    path = (await call(peer, "POST", "/apis/sr/", "keeper", json=ENTRY)).headers["location"]
    assert (await call(peer, "DELETE", path, "lso")).status_code == 403
    assert (await call(peer, "DELETE", path, "keeper")).status_code == 200
    assert (await call(peer, "GET", path)).status_code == 404


@pytest.mark.parametrize(
    ("path", "hits"),
    [
        ("/apis/sr/type/contains/FEDERATED", 1),
        ("/apis/sr/type/suffix/thing", 1),
        ("/apis/sr/type/prefix/x.", 1),
        ("/apis/sr/type/equals/x.thing", 1),
        ("/apis/sr/apis.id/equals/b", 1),
        ("/apis/sr/meta.tags.name/equals/second", 1),  # any element of an array, not the first only
        ("/apis/sr/ttl/equals/60", 1),
        ("/apis/sr/nothing.at.all/equals/x", 0),
    ],
)
async def test_filters(path: str, hits: int) -> None:
    peer = PeerUnderTest()
    entry = ENTRY | {"apis": [{"id": "a"}, {"id": "b"}], "meta": {"tags": [{"name": "first"}, {"name": "second"}]}}
    await call(peer, "POST", "/apis/sr/", "keeper", json=entry)
    assert (await call(peer, "GET", path)).json()["total"] == hits


async def test_pages_of_the_registry_keep_the_true_total() -> None:
    peer = PeerUnderTest()
    for number in range(4):
        await call(peer, "PUT", f"/apis/sr/s{number}", "keeper", json=ENTRY)
    pages = [(await call(peer, "GET", f"/apis/sr/?per_page=2&page={n}")).json() for n in (1, 2, 3, 4)]
    assert [page["total"] for page in pages] == [5, 5, 5, 5]
    assert [len(page["services"]) for page in pages] == [2, 2, 1, 0]


async def test_search_pages_by_page_number() -> None:
    peer = PeerUnderTest()
    pages = [(await call(peer, "GET", f"/apis/fs/item/select?rows=5&start={n}")).json() for n in range(4)]
    assert [len(page["result"]) for page in pages] == [5, 5, 1, 0]
    assert [page["currentPage"] for page in pages] == [0, 1, 2, 3]
    assert {(page["totalElements"], page["totalPages"], page["pageSize"]) for page in pages} == {(11, 3, 5)}
    assert len({item["uri"] for page in pages for item in page["result"]}) == 11


async def test_party_lists_and_hidden_prices_are_kept_on_the_server() -> None:
    peer = PeerUnderTest()
    wish = {"q": "*:*", "rows": 100}
    for_us = (await call(peer, "POST", "/apis/fs/item/search", "lso", json=wish)).json()["result"]
    for_member = (await call(peer, "POST", "/apis/fs/item/search", "member", json=wish)).json()["result"]
    assert "urn:lso:item:member:drilling" not in {item["uri"] for item in for_us}
    (drilling,) = [item for item in for_member if item["uri"] == "urn:lso:item:member:drilling"]
    assert drilling["price"] == {"EUR": 0.5}
    assert drilling["permittedParties"] is None
    (hidden,) = [item for item in for_us if item["priceHidden"]]
    assert (hidden["price"], hidden["currency"]) == ({}, [])
    # Nor can a search squeeze the hidden price out of the index.
    probe = {"q": "*:*", "fq": ["eUR_price:[1.04 TO 1.06]"], "rows": 100}
    assert (await call(peer, "POST", "/apis/fs/item/search", json=probe)).json()["totalElements"] == 0


async def test_search_sorts_counts_and_widens_a_word() -> None:
    peer = PeerUnderTest()
    wish = {"q": "cover", "sort": ["eUR_price desc"], "facet": {"field": ["manufacturerId"], "limit": 2}}
    got = (await call(peer, "POST", "/apis/fs/item/search", json=wish)).json()
    assert [item["price"]["EUR"] for item in got["result"]] == [0.92, 0.7, 0.55]
    assert got["facets"]["manufacturerId"]["entry"] == [
        {"label": "amp", "count": 1},
        {"label": "tejo-precision", "count": 1},
    ]
    assert (await call(peer, "GET", "/apis/fs/item/select?q=over&facet.field=manufacturerId")).json()[
        "totalElements"
    ] == 3


async def test_parties_are_found_too() -> None:
    peer = PeerUnderTest()
    got = (await call(peer, "GET", "/apis/fs/party/select?q=amp")).json()
    assert [party["legalName"] for party in got["result"]] == ["AMP – Advanced Manufacturing Plant"]
    assert (await call(peer, "POST", "/apis/fs/party/search", json={})).json()["totalElements"] == 5


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"rows":0}', b'{"rows":"5"}', b'{"start":-1}', b'{"q":"{!x}"}', b'{"q":5}', b'{"q":"("}',
     b'{"sort":["eUR_price"]}', b'{"fq":["a:["]}', b"[" * 60_000, b'{"q":"\xff"}', b'{"rows":1e400}'],
)  # fmt: skip
async def test_a_bad_question_is_400_and_nothing_of_it_comes_back(body: bytes) -> None:
    got = await call(PeerUnderTest(), "POST", "/apis/fs/item/search", content=body)
    assert got.status_code == 400
    assert got.json()["code"] == 400
    assert "{!" not in got.text


async def test_a_body_too_large_or_compressed() -> None:
    peer = PeerUnderTest()
    assert (await call(peer, "POST", "/apis/fs/item/search", content=b" " * 70_000)).status_code == 413
    packed = await call(peer, "POST", "/apis/fs/item/search", content=b"{}", headers={"Content-Encoding": "gzip"})
    assert packed.status_code == 415


async def test_another_service_can_judge_the_bearers() -> None:
    async def judge(bearer: str) -> Principal:
        if bearer != "theirs":
            raise BearerRefused("not theirs")
        return Principal("x", None, frozenset({"efpf_basic"}))

    async with PeerUnderTest(authenticate=judge).http() as http:
        theirs, ours = {"Authorization": "Bearer theirs"}, await PeerUnderTest().bearer()
        assert (await http.get("/apis/sr/", headers=theirs)).status_code == 200
        assert (await http.get("/apis/sr/", headers=ours)).status_code == 401


def test_the_demo_catalogue_is_beside_the_product() -> None:
    assert (PROJECT / "examples" / "registry.yaml").is_file()
