"""An app is let in by a person: authorization code with PKCE, and everything that is no good."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest

from mobile_api.attempts import FAILURES
from tests.mobile_api.oauth import (
    CHALLENGE,
    REDIRECT,
    VERIFIER,
    app_token,
    asking,
    bearer,
    challenge_of,
    code_for,
    post,
    query_of,
    register,
    trading,
)
from tests.mobile_api.world import Person, World

Played = tuple[World, Person, Person, str]


@pytest.fixture
async def played(world: World) -> Played:
    """A manufacturer that has registered an app, and a customer."""
    maker, customer = await world.join("manufacturer"), await world.join()
    return world, maker, customer, (await register(world, maker))["client_id"]


@pytest.mark.req(4, 5)
async def test_the_whole_way_of_an_app(played: Played) -> None:
    world, maker, customer, client_id = played
    asked = asking(client_id)
    shown = await world.client.get("/v1/oauth/authorization", params=asked, headers=customer.headers)
    assert shown.json() == {
        "client_id": client_id,
        "client_name": "Board",
        "owner": maker.account["organisation"]["name"],
        "scope": "read",
        "scopes": ["read"],
        "redirect_uri": REDIRECT,
    }
    allowed = await world.client.post("/v1/oauth/authorization", json=asked, headers=customer.headers)
    assert allowed.headers["cache-control"] == "no-store"
    assert allowed.json()["redirect_to"].startswith(REDIRECT + "?")
    query = query_of(allowed)
    assert query == {"code": query["code"], "state": "af0ifjsldkj", "iss": "http://marketplace"}
    answer = await post(world, trading(client_id, query["code"]))
    assert answer.status_code == 200, answer.text
    token = answer.json()
    assert token | {"access_token": ""} == {
        "access_token": "",
        "token_type": "Bearer",
        "expires_in": 604_800,
        "scope": "read",
    }
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    me = await world.client.get("/v1/me", headers=bearer(answer))
    assert me.json()["id"] == customer.account["id"]


async def test_the_figures_of_rfc_7636_are_ours() -> None:
    assert challenge_of(VERIFIER) == CHALLENGE


async def test_without_a_scope_all_of_the_clients_is_asked_for(played: Played) -> None:
    world, maker, customer, _ = played
    client_id = (await register(world, maker, scope="write"))["client_id"]
    answer = await post(world, trading(client_id, await code_for(world, customer, client_id, scope=None)))
    assert answer.json()["scope"] == "write"


async def test_whoever_says_no_sends_the_app_away(played: Played) -> None:
    world, _, customer, client_id = played
    body = asking(client_id, decision="deny")
    answer = await world.client.post("/v1/oauth/authorization", json=body, headers=customer.headers)
    assert query_of(answer) == {"error": "access_denied", "state": "af0ifjsldkj", "iss": "http://marketplace"}


REFUSED_REQUESTS: list[tuple[dict[str, object], str]] = [
    ({"client_id": "cli_nobody"}, "client_id"),
    ({"redirect_uri": REDIRECT + "/"}, "redirect_uri"),
    ({"redirect_uri": "https://board.example.com.evil.example/callback"}, "redirect_uri"),
    ({"redirect_uri": REDIRECT + "?next=https://evil.example"}, "redirect_uri"),
    ({"redirect_uri": "https://BOARD.example.com/callback"}, "redirect_uri"),
    ({"redirect_uri": "javascript:alert(1)"}, "redirect_uri"),
    ({"scope": "admin"}, "scope"),
    ({"scope": "read  write"}, "scope"),
    ({"scope": ""}, "scope"),
    ({"code_challenge": None}, "code_challenge"),
    ({"code_challenge": "short"}, "code_challenge"),
    ({"code_challenge": VERIFIER + "="}, "code_challenge"),
    ({"code_challenge_method": "plain"}, "code_challenge_method"),
    ({"code_challenge_method": None}, "code_challenge_method"),
    ({"response_type": "token"}, "response_type"),
    ({"state": "x" * 513}, "state"),
    ({"state": "a\nb"}, "state"),
    ({"client_id": "a\x00b"}, "client_id"),
]


@pytest.mark.parametrize(("change", "field"), REFUSED_REQUESTS, ids=str)
async def test_a_request_that_is_not_good_is_a_problem_and_never_a_redirect(
    played: Played, change: dict[str, object], field: str
) -> None:
    world, _, customer, client_id = played
    asked = {name: value for name, value in asking(client_id, **change).items() if value is not None}
    answers = [
        await world.client.get("/v1/oauth/authorization", params=asked, headers=customer.headers),
        await world.client.post("/v1/oauth/authorization", json=asked, headers=customer.headers),
    ]
    for answer in answers:
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert "location" not in answer.headers
        assert [entry["field"] for entry in answer.json()["errors"]] == [field]


async def test_a_parameter_that_comes_twice_is_refused(played: Played) -> None:
    world, _, customer, client_id = played
    asked = [*asking(client_id).items(), ("redirect_uri", "https://evil.example")]
    answer = await world.client.get("/v1/oauth/authorization", params=asked, headers=customer.headers)
    assert answer.json()["errors"] == [{"field": "redirect_uri", "message": "appears twice"}]


async def test_a_partner_asks_nobody(played: Played) -> None:
    world, maker, customer, _ = played
    partner = await register(world, maker, kind="partner")
    body = asking(partner["client_id"])
    answer = await world.client.post("/v1/oauth/authorization", json=body, headers=customer.headers)
    assert answer.json()["errors"][0]["field"] == "client_id"


async def test_an_app_on_loopback_may_choose_its_port(played: Played) -> None:
    world, maker, customer, _ = played
    client_id = (await register(world, maker, redirect_uris=["http://127.0.0.1/cb"]))["client_id"]
    here = "http://127.0.0.1:51004/cb"
    code = await code_for(world, customer, client_id, redirect_uri=here)
    # What was asked for is what must be said again, letter for letter.
    for other in ("http://127.0.0.1:51005/cb", "http://127.0.0.1/cb"):
        assert (await post(world, trading(client_id, code, redirect_uri=other))).json()["error"] == "invalid_grant"
    assert (await post(world, trading(client_id, code, redirect_uri=here))).status_code == 200


async def test_a_query_of_the_redirect_uri_stays(played: Played) -> None:
    world, maker, customer, _ = played
    uri = "https://board.example.com/callback?tenant=7"
    client_id = (await register(world, maker, redirect_uris=[uri]))["client_id"]
    body = asking(client_id, redirect_uri=uri, state="a&b=c d")
    answer = await world.client.post("/v1/oauth/authorization", json=body, headers=customer.headers)
    query = query_of(answer)
    assert (query["tenant"], query["state"]) == ("7", "a&b=c d")


REFUSED_TRADES: list[tuple[dict[str, str], str]] = [
    ({"code_verifier": "x" * 43}, "invalid_grant"),
    ({"code_verifier": CHALLENGE}, "invalid_grant"),
    ({"code_verifier": ""}, "invalid_request"),
    ({"code_verifier": "short"}, "invalid_request"),
    ({"code_verifier": "ä" * 43}, "invalid_request"),
    ({"redirect_uri": "https://board.example.com/other"}, "invalid_grant"),
    ({"redirect_uri": ""}, "invalid_request"),
    ({"code": "nobody-gave-this"}, "invalid_grant"),
    ({"code": ""}, "invalid_request"),
    ({"grant_type": ""}, "invalid_request"),
    ({"grant_type": "password"}, "unsupported_grant_type"),
    ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
    ({"grant_type": "client_credentials"}, "unauthorized_client"),
    ({"client_id": "cli_nobody"}, "invalid_client"),
    ({"client_id": ""}, "invalid_client"),
    ({"client_secret": "x"}, "invalid_client"),
]


@pytest.mark.parametrize(("change", "error"), REFUSED_TRADES, ids=str)
async def test_a_trade_that_is_not_good(played: Played, change: dict[str, str], error: str) -> None:
    world, _, customer, client_id = played
    code = await code_for(world, customer, client_id)
    answer = await post(world, trading(client_id, code, **change))
    assert answer.json()["error"] == error
    assert answer.status_code == (401 if error == "invalid_client" else 400)
    assert ("www-authenticate" in answer.headers) == (error == "invalid_client")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["error_description"]
    # What was wrong was the form: the code itself is as good as before.
    assert (await post(world, trading(client_id, code))).status_code == 200


async def test_another_apps_code_is_no_good(played: Played) -> None:
    world, maker, customer, client_id = played
    other = (await register(world, maker))["client_id"]
    code = await code_for(world, customer, client_id)
    answer = await post(world, trading(other, code))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_a_code_is_good_for_a_minute(played: Played) -> None:
    world, _, customer, client_id = played
    codes = [await code_for(world, customer, client_id) for _ in range(2)]
    world.clock.move(timedelta(seconds=59))
    assert (await post(world, trading(client_id, codes[0]))).status_code == 200
    world.clock.move(timedelta(seconds=1))
    assert (await post(world, trading(client_id, codes[1]))).json()["error"] == "invalid_grant"


async def test_a_code_that_comes_twice_takes_its_token_away(played: Played, caplog: pytest.LogCaptureFixture) -> None:
    world, _, customer, client_id = played
    code = await code_for(world, customer, client_id)
    first = await post(world, trading(client_id, code))
    assert (await world.client.get("/v1/me", headers=bearer(first))).status_code == 200
    with caplog.at_level(logging.INFO, "mobile_api.security"):
        again = await post(world, trading(client_id, code))
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert (await world.client.get("/v1/me", headers=bearer(first))).status_code == 401
    (record,) = caplog.records
    assert record.__dict__["additional_info"] == {
        "reason": "Authorization code used twice: its token is revoked",
        "client_id": client_id,
    }
    assert code not in str(record.__dict__)
    # And for as long as the token would live, other codes notwithstanding.
    world.clock.move(timedelta(days=6))
    await code_for(world, customer, client_id)
    assert (await world.client.get("/v1/me", headers=bearer(first))).status_code == 401


async def test_of_two_who_bring_a_code_at_once_none_keeps_a_token(played: Played) -> None:
    world, _, customer, client_id = played
    code = await code_for(world, customer, client_id)
    answers = await asyncio.gather(*(post(world, trading(client_id, code)) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 400]
    (good,) = [answer for answer in answers if answer.status_code == 200]
    assert (await world.client.get("/v1/me", headers=bearer(good))).status_code == 401


async def test_a_repeated_parameter_is_refused(played: Played) -> None:
    world, _, customer, client_id = played
    code = await code_for(world, customer, client_id)
    form = trading(client_id, code)
    body = "&".join(f"{name}={value}" for name, value in form.items())
    for twice in (f"{body}&code={code}", f"{body}&client_id={client_id}", f"{body}&x=1&x=2"):
        assert (await post(world, twice)).json()["error"] == "invalid_request"


async def test_the_code_is_kept_nowhere(played: Played) -> None:
    world, _, customer, client_id = played
    code = await code_for(world, customer, client_id)
    async with world.ctx.uow.read() as tx:
        assert await tx.oauth.code(code) is None
    # The same Idempotency-Key gets the same code: a lost answer is no second code.
    headers = customer.headers | {"Idempotency-Key": "one"}
    body = asking(client_id)
    answers = [await world.client.post("/v1/oauth/authorization", json=body, headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()


async def test_guessing_codes_is_slowed_down(played: Played) -> None:
    world, _, customer, client_id = played
    code = await code_for(world, customer, client_id)
    for _ in range(FAILURES):
        assert (await post(world, trading(client_id, "guess"))).status_code == 400
    answer = await post(world, trading(client_id, code))
    assert (answer.status_code, answer.json()["error"]) == (429, "temporarily_unavailable")
    assert 0 < int(answer.headers["retry-after"]) <= 301


async def test_an_app_gives_its_token_back(played: Played) -> None:
    world, maker, customer, client_id = played
    headers, mine = await app_token(world, maker, customer, "read")
    token = headers["Authorization"].removeprefix("Bearer ")
    stranger = await post(world, {"token": token, "client_id": client_id}, path="revoke")
    assert (stranger.status_code, stranger.json()["error"]) == (400, "invalid_grant")
    person = await post(world, {"token": customer.token, "client_id": mine}, path="revoke")
    assert person.json()["error"] == "invalid_grant"
    assert (await world.client.get("/v1/me", headers=headers)).status_code == 200
    for _ in range(2):
        given: dict[str, Any] = {"token": token, "client_id": mine, "token_type_hint": "refresh_token"}
        assert (await post(world, given, path="revoke")).status_code == 200
        assert (await world.client.get("/v1/me", headers=headers)).status_code == 401
    assert (await world.client.get("/v1/me", headers=customer.headers)).status_code == 200
    assert (await post(world, {"token": "no token", "client_id": mine}, path="revoke")).status_code == 200
    assert (await post(world, {"client_id": mine}, path="revoke")).json()["error"] == "invalid_request"
    assert (await post(world, {"token": token}, path="revoke")).status_code == 401


async def test_the_metadata_says_where_everything_is(world: World) -> None:
    answer = await world.client.get("/.well-known/oauth-authorization-server")
    found = answer.json()
    assert found["issuer"] == "http://marketplace"
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["grant_types_supported"] == ["authorization_code", "client_credentials"]
    assert found["authorization_response_iss_parameter_supported"] is True
    described = (await world.client.get("/openapi.json")).json()["paths"]
    for name in ("authorization_endpoint", "token_endpoint", "revocation_endpoint"):
        assert found[name].removeprefix("http://marketplace") in described
