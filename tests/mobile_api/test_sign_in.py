"""Joining, signing in and out."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from mobile_api.app import create_app
from mobile_api.attempts import FAILURES
from tests.mobile_api.world import PASSWORD, SETTINGS, World, basic, client_of

ADA = {"email": "Ada@Example.com", "password": PASSWORD, "display_name": "Ada", "role": "customer"}


async def join(world: World, **changes: object) -> int:
    return (await world.client.post("/v1/accounts", json=ADA | changes)).status_code


@pytest.mark.req(1, 2, 3, 5)
async def test_a_person_joins_and_signs_in_with_basic(world: World) -> None:
    made = await world.client.post("/v1/accounts", json=ADA)
    assert made.status_code == 201
    account = made.json()
    assert "password" not in made.text
    assert account | {"id": ""} == {
        "id": "",
        "email": "ada@example.com",
        "display_name": "Ada",
        "role": "customer",
        "organisation": None,
        "address": None,
    }
    token = await world.client.post("/v1/tokens", headers=basic("ADA@example.com", PASSWORD))
    assert token.status_code == 200
    assert token.headers["cache-control"] == "no-store"
    body = token.json()
    assert (body["token_type"], body["expires_in"], body["account"]) == ("Bearer", 604_800, account)
    me = await world.client.get("/v1/me", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert me.json() == account


async def test_what_a_new_account_must_look_like(world: World) -> None:
    for field, value in [
        ("email", "no-at-sign"),
        ("email", "a:b@example.com"),
        ("email", "a@b"),
        ("email", "a@" + "b" * 260 + ".com"),
        ("password", "too short"),
        ("password", "x" * 201),
        ("display_name", ""),
        ("role", "operator"),
        ("role", "queen"),
    ]:
        answer = await world.client.post("/v1/accounts", json=ADA | {field: value})
        assert answer.status_code == 422, (field, value)
        assert [error["field"] for error in answer.json()["errors"]] == [field]
        assert str(value) not in answer.text.replace('"status"', "") or field == "display_name"
    assert await join(world, role="manufacturer") == 422
    assert await join(world) == 201
    assert await join(world) == 409
    assert await join(world, email="ADA@EXAMPLE.COM") == 409


async def test_an_account_takes_no_fields_that_are_not_its_own(world: World) -> None:
    for field in ("id", "password_hash", "organisation", "own_address", "address", "is_admin"):
        answer = await world.client.post("/v1/accounts", json=ADA | {field: "x"})
        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"field": field, "message": "is not a field of this request"}]


@pytest.mark.req(10)
async def test_a_failed_sign_in_is_logged_as_the_seed_says(world: World, caplog: pytest.LogCaptureFixture) -> None:
    assert await join(world) == 201
    with caplog.at_level(logging.INFO, "mobile_api.security"):
        for name, password in [("ada@example.com", "wrong password"), ("nobody@example.com", PASSWORD)]:
            answer = await world.client.post("/v1/tokens", headers=basic(name, password))
            assert answer.status_code == 401
            assert answer.json()["detail"] == "Name or password is wrong."
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    for record in caplog.records:
        assert record.getMessage() == "Connection attempt failed"
        assert record.__dict__["additional_info"] == {"reason": "Invalid credentials"}
        assert record.__dict__["component"] == "Authentication"
        assert "example.com" not in str(record.__dict__)


@pytest.mark.req(10)
async def test_a_good_sign_in_is_logged_at_info(world: World, caplog: pytest.LogCaptureFixture) -> None:
    assert await join(world) == 201
    with caplog.at_level(logging.INFO, "mobile_api.security"):
        await world.client.post("/v1/tokens", headers=basic("ada@example.com", PASSWORD))
    assert [(record.levelname, record.__dict__["component"]) for record in caplog.records] == [
        ("INFO", "Authentication")
    ]


async def test_a_stranger_costs_as_much_as_an_acquaintance(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await join(world) == 201
    passwords = world.app.state.services.passwords
    checks: list[str] = []
    verify = passwords._hasher.verify

    def watched(password: str, stored: str) -> bool:
        checks.append(stored)
        return bool(verify(password, stored))

    monkeypatch.setattr(passwords._hasher, "verify", watched)
    for name in ("ada@example.com", "nobody@example.com"):
        await world.client.post("/v1/tokens", headers=basic(name, "wrong password"))
    assert len(checks) == 2
    assert {check.split("$")[3] for check in checks} == {"m=64,t=1,p=4"}


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic !!!", "Basic YQ==", "Bearer YTpi", "Basic " + "A" * 10_000, "Basic AAA6AAA=", "Basic w7o6"],
)
async def test_broken_credentials_are_401(world: World, header: str) -> None:
    answer = await world.client.post("/v1/tokens", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_a_browser_is_not_asked_for_a_password_dialog(world: World) -> None:
    answer = await world.client.post("/v1/tokens", headers=basic("a@b.c", "x") | {"Sec-Fetch-Mode": "cors"})
    assert answer.status_code == 401
    assert not answer.headers["www-authenticate"].startswith("Basic")


async def test_guessing_is_slowed_down(world: World) -> None:
    assert await join(world) == 201
    for _ in range(FAILURES):
        answer = await world.client.post("/v1/tokens", headers=basic("ada@example.com", "wrong password"))
        assert answer.status_code == 401
    answer = await world.client.post("/v1/tokens", headers=basic("ada@example.com", PASSWORD))
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 301
    assert (await world.client.post("/v1/tokens", headers=basic("other@example.com", "x"))).status_code == 401


@pytest.mark.req(6)
async def test_a_signed_out_token_is_refused_here_and_by_another_process(world: World, tmp_path: Path) -> None:
    person, other = await world.join(), await world.join()
    assert (await world.client.delete("/v1/tokens/current", headers=person.headers)).status_code == 204
    async with client_of(create_app(world.ctx, SETTINGS, static_dir=tmp_path)) as second:
        for client in (world.client, second):
            answer = await client.get("/v1/me", headers=person.headers)
            assert answer.status_code == 401
            assert "signed out" in answer.json()["detail"]
            assert (await client.get("/v1/me", headers=other.headers)).status_code == 200


@pytest.mark.req(6, 7)
async def test_a_token_ends_after_seven_days(world: World) -> None:
    person = await world.join()
    world.clock.move(timedelta(days=7, seconds=-1))
    assert (await world.client.get("/v1/me", headers=person.headers)).status_code == 200
    world.clock.move(timedelta(seconds=1))
    assert (await world.client.get("/v1/me", headers=person.headers)).status_code == 401


async def test_two_authorization_headers_are_none(world: World) -> None:
    person, other = await world.join(), await world.join()
    headers = [("Authorization", person.headers["Authorization"]), ("Authorization", other.headers["Authorization"])]
    assert (await world.client.get("/v1/me", headers=headers)).status_code == 401


async def test_a_key_needs_its_proof(world: World) -> None:
    person = await world.join()
    body = {"address": "0x" + "aa" * 20, "signature": "0x" + "bb" * 65}
    answer = await world.client.put("/v1/me/signing-key", json=body, headers=person.headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "signature"
