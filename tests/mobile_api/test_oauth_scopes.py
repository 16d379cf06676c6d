"""What the token of a client opens, over every route there is; and hostile forms."""

from datetime import timedelta
from urllib.parse import quote_from_bytes, urlencode

import pytest

from marketplace.domain.errors import Unauthenticated
from marketplace.domain.parties import Role
from mobile_api import scopes, tokens
from tests.mobile_api.oauth import app_token, asking, bearer, partner_form, post, register
from tests.mobile_api.test_access import ROUTES, method_of, name_of
from tests.mobile_api.test_hostile_text import OURS, corpus
from tests.mobile_api.test_tokens import GOOD, NOW, WEEK, read, token_of
from tests.mobile_api.world import SETTINGS, Person, World

GUARDED = [
    route
    for route in ROUTES
    if "security" not in (route.openapi_extra or {})
    and name_of(route) not in {"POST /v1/accounts", "GET /v1/chain", "GET /.well-known/oauth-authorization-server"}
    and not route.path.startswith("/v1/join")
]


def path_of(template: str) -> str:
    return template.replace("{id}", "x").replace("{digest}", "0x" + "0" * 64)


async def clients_of(world: World, scope: str) -> dict[str, dict[str, str]]:
    """Headers by what they are: apps that people of each role have let in, and a partner of each kind."""
    people = [await world.join(role) for role in ("customer", "manufacturer", "supplier", "carrier")]
    found: dict[str, dict[str, str]] = {}
    for person in people:
        found[f"app of a {person.account['role']}"], _ = await app_token(world, people[1], person, scope)
    for person in people[1:]:
        partner = await register(world, person, kind="partner", scope=scope)
        found[f"partner of a {person.account['role']}"] = bearer(await post(world, partner_form(partner)))
    return found


async def test_a_client_that_may_read_changes_nothing_on_any_route(world: World) -> None:
    for who, headers in (await clients_of(world, "read")).items():
        for route in GUARDED:
            answer = await world.client.request(method_of(route), path_of(route.path), headers=headers)
            if name_of(route) in scopes.PEOPLE_ONLY or method_of(route) == "GET":
                assert "insufficient_scope" not in answer.headers.get("www-authenticate", ""), (who, name_of(route))
                continue
            assert answer.status_code == 403, (who, name_of(route), answer.text)
            assert answer.headers["www-authenticate"].endswith('error="insufficient_scope", scope="write"')
            assert answer.json()["type"] == "urn:lotsizeone:problem:insufficient-scope"
            assert "the scope write" in answer.json()["detail"]


async def test_what_is_for_people_is_for_no_client_whatever_its_scope(world: World) -> None:
    for who, headers in (await clients_of(world, "read write")).items():
        for route in sorted(GUARDED, key=lambda one: name_of(one) == "DELETE /v1/tokens/current"):
            answer = await world.client.request(method_of(route), path_of(route.path), headers=headers)
            assert "insufficient_scope" not in answer.headers.get("www-authenticate", "")
            assert answer.status_code not in (401, 500), (who, name_of(route))
            forbidden = answer.status_code == 403 and "OAuth client" in answer.json()["detail"]
            assert forbidden == (name_of(route) in scopes.PEOPLE_ONLY), (who, name_of(route), answer.text)
    assert {name_of(route) for route in ROUTES} >= scopes.PEOPLE_ONLY, "a name in the list is no route"


async def test_a_key_is_no_way_round(world: World) -> None:
    """The answers that are remembered are asked for before the route's guard is."""
    maker = await world.join("manufacturer")
    key = {"Idempotency-Key": "one"}
    body = {"name": "cell", "address": "0x" + "ab" * 20}
    own = await world.client.post("/v1/gateways", json=body, headers=maker.headers | key)
    assert own.status_code == 201
    for scope in ("read", "write"):
        headers, _ = await app_token(world, maker, maker, scope)
        answer = await world.client.post("/v1/gateways", json=body, headers=headers | key)
        assert (answer.status_code, own.json()["secret"] in answer.text) == (403, False)
    headers, _ = await app_token(world, maker, maker, "write")
    again = await world.client.post("/v1/gateways", json=body, headers=maker.headers | key)
    assert again.json() == own.json()


async def test_what_a_person_was_answered_no_client_is_told(world: World) -> None:
    maker, customer = await world.join("manufacturer", "Model Factory"), await world.join()
    headers, _ = await app_token(world, maker, customer, "write")
    key = {"Idempotency-Key": "one"}
    body = world.order_body(customer)
    first = await world.client.post("/v1/orders", json=body, headers=customer.headers | key)
    assert first.status_code == 201, first.text
    answer = await world.client.post("/v1/orders", json=body, headers=headers | key)
    assert "idempotent-replayed" not in answer.headers


async def test_a_token_from_basic_keeps_everything(world: World) -> None:
    maker = await world.join("manufacturer")
    claims = tokens.read(
        SETTINGS, maker.token, audience=SETTINGS.audience, lifetime=timedelta(days=7), now=world.clock.now()
    )
    assert (claims.client_id, claims.scope) == (None, "")
    assert (await world.client.get("/v1/oauth/clients", headers=maker.headers)).status_code == 200


async def test_an_app_may_do_what_the_person_may_and_no_more(world: World) -> None:
    maker, customer = await world.join("manufacturer", "Model Factory"), await world.join()
    headers, _ = await app_token(world, maker, customer, "write")
    person = Person(customer.account, headers["Authorization"].removeprefix("Bearer "), customer.address)
    placed = await world.place(person)
    assert (await world.client.get(f"/v1/orders/{placed['id']}", headers=customer.headers)).status_code == 200
    assert (await world.client.get("/v1/jobs", headers=headers)).status_code == 403
    other, _ = await app_token(world, maker, await world.join(), "write")
    assert (await world.client.get(f"/v1/orders/{placed['id']}", headers=other)).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "cli_1"},
        {"scope": "read"},
        {"scope": ""},
        {"client_id": "cli_1", "scope": ""},
        {"client_id": "cli_1", "scope": "admin"},
        {"client_id": "cli_1", "scope": "read admin"},
        {"client_id": "cli_1", "scope": "write read"},
        {"client_id": "cli_1", "scope": ["read"]},
        {"client_id": "cli_1", "scope": None},
        {"client_id": 1, "scope": "read"},
        {"client_id": None, "scope": "read"},
        {"client_id": None},
        {"scope": None},
    ],
    ids=str,
)
def test_claims_of_a_client_are_whole_or_refused(change: dict[str, object]) -> None:
    with pytest.raises(Unauthenticated):
        read(token_of(GOOD | change))


@pytest.mark.parametrize("claim", tokens.CLAIMS)
def test_a_clients_token_needs_every_claim_of_a_persons(claim: str) -> None:
    good = GOOD | {"client_id": "cli_1", "scope": "read"}
    assert read(token_of(good)).scope == "read"
    with pytest.raises(Unauthenticated):
        read(token_of({name: value for name, value in good.items() if name != claim}))


def test_our_own_token_of_a_client_is_read() -> None:
    token, issued = tokens.issue(
        SETTINGS,
        subject="acc_1",
        role=Role.SUPPLIER.value,
        audience=SETTINGS.audience,
        lifetime=WEEK,
        now=NOW,
        token_id="a-name",
        client_id="cli_1",
        scope="read write",
    )
    assert read(token) == issued
    assert (issued.token_id, issued.client_id, issued.scope) == ("a-name", "cli_1", "read write")


async def test_hostile_text_is_no_fault_of_ours(world: World) -> None:
    maker = await world.join("manufacturer")
    app = (await register(world, maker))["client_id"]
    names = ("grant_type", "client_id", "code", "code_verifier", "redirect_uri", "client_secret")
    for number, text in enumerate(corpus()):
        raw = text.encode("utf-8", "surrogatepass")
        for name in (*names, text) if text in OURS else (names[number % len(names)],):
            form = {"grant_type": "authorization_code", "client_id": app, "code": "x", "redirect_uri": "y"}
            rest = urlencode({key: value for key, value in form.items() if key != name})
            key = quote_from_bytes(name.encode("utf-8", "surrogatepass"))
            body = f"{rest}&{key}={quote_from_bytes(raw)}"
            for path in ("token", "revoke"):
                answer = await post(world, body, path=path)
                assert answer.status_code in (400, 401, 429), (path, name[:20], text[:40])
                assert set(answer.json()) == {"error", "error_description"}
                assert text not in answer.text or len(text) < 8
        world.app.state.services.attempts._failures.clear()
    for text in OURS[:-1]:  # the last one is longer than httpx lets an address be
        for field in ("client_id", "redirect_uri", "scope", "state", "code_challenge"):
            answer = await world.client.get(
                "/v1/oauth/authorization",
                params=urlencode(asking(app, **{field: text.encode("utf-8", "surrogatepass")})),
                headers=maker.headers,
            )
            assert answer.status_code in (200, 414, 422), (field, text[:40])


@pytest.mark.parametrize("body", [b"\xff", b"a=%FF", b"a=%00", b"a=%ED%A0%80", b"=" * 40_000, b"&".join([b"a=1"] * 99)])
async def test_a_form_that_cannot_be_read_is_an_invalid_request(world: World, body: bytes) -> None:
    for media in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""):
        answer = await world.client.post("/v1/oauth/token", content=body, headers={"Content-Type": media})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_json_is_no_form(world: World) -> None:
    for content in ("{}", '{"grant_type": "client_credentials"}', "[", '"\\ud800"'):
        answer = await world.client.post(
            "/v1/oauth/token", content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in (400, 422)
