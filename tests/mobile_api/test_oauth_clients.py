"""An organisation's clients: registered, listed, given new secrets, removed; partners that sign in with one."""

import asyncio
import hmac
import logging
from datetime import timedelta

import pytest

from mobile_api.attempts import FAILURES
from tests.mobile_api.oauth import app_token, bearer, code_for, partner_form, post, register, trading
from tests.mobile_api.world import PASSWORD, World, basic


async def test_a_partner_acts_for_its_organisation(world: World, caplog: pytest.LogCaptureFixture) -> None:
    maker = await world.join("manufacturer")
    partner = await register(world, maker, kind="partner", name="ERP", scope="read write")
    assert len(partner["client_secret"]) >= 43  # 256 bits in base64url
    with caplog.at_level(logging.INFO, "mobile_api.security"):
        by_header = await post(
            world,
            {"grant_type": "client_credentials", "scope": "read"},
            basic(partner["client_id"], partner["client_secret"]),
        )
        by_body = await post(world, partner_form(partner))
    assert (by_header.json()["scope"], by_header.json()["expires_in"]) == ("read", 3600)
    assert by_body.json()["scope"] == "read write"
    me = (await world.client.get("/v1/me", headers=bearer(by_body))).json()
    assert (me["role"], me["organisation"]) == ("manufacturer", maker.account["organisation"])
    assert me["id"] != maker.account["id"]
    assert (await world.client.get("/v1/manufacturer/rule", headers=bearer(by_header))).status_code == 200
    for record in caplog.records:
        assert record.getMessage() == "Connection attempt succeeded"
        info = {"subject": me["id"], "client_id": partner["client_id"]}
        assert (record.__dict__["component"], record.__dict__["additional_info"]) == ("Authentication", info)
    world.clock.move(timedelta(hours=1))
    assert (await world.client.get("/v1/me", headers=bearer(by_body))).status_code == 401


async def test_nobody_signs_in_as_a_partners_account(world: World) -> None:
    maker = await world.join("manufacturer")
    partner = await register(world, maker, kind="partner")
    email = f"{partner['client_id']}@clients.invalid"
    for password in ("", "x", partner["client_secret"], PASSWORD):
        assert (await world.client.post("/v1/tokens", headers=basic(email, password))).status_code == 401


async def test_a_wrong_secret_and_an_unknown_client_look_the_same(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    maker = await world.join("manufacturer")
    partner = await register(world, maker, kind="partner")
    client_id, secret = partner["client_id"], partner["client_secret"]
    with caplog.at_level(logging.INFO, "mobile_api.security"):
        answers = [
            await post(world, {"grant_type": "client_credentials"}, basic(*proof))
            for proof in [(client_id, "wrong"), (client_id, ""), ("cli_nobody", secret), ("", ""), (client_id, "ä")]
        ]
        answers += [
            await post(world, partner_form(partner, client_secret="")),
            await post(world, partner_form(partner, client_id="cli_nobody")),
        ]
    for answer in answers:
        assert (answer.status_code, answer.json()) == (401, answers[0].json())
        assert answer.headers["www-authenticate"].startswith("Basic ")
    assert len(caplog.records) == len(answers)
    for record in caplog.records:
        assert (record.levelname, record.getMessage()) == ("WARNING", "Connection attempt failed")
        assert record.__dict__["additional_info"] == {"reason": "Invalid credentials"}
        assert secret not in str(record.__dict__)


async def test_a_strangers_question_costs_as_much_as_a_wrong_secret(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner = await register(world, await world.join("manufacturer"), kind="partner")
    compared: list[str] = []
    compare = hmac.compare_digest

    def watched(one: bytes, other: bytes) -> bool:
        compared.append(one.decode().partition(":")[0])
        return bool(compare(one, other))

    monkeypatch.setattr(hmac, "compare_digest", watched)
    for client_id in (partner["client_id"], "cli_nobody"):
        await post(world, {"grant_type": "client_credentials"}, basic(client_id, "wrong"))
    assert compared == ["sha256", "sha256"]


async def test_a_client_proves_itself_in_one_way_only(world: World) -> None:
    partner = await register(world, await world.join("manufacturer"), kind="partner")
    proof = basic(partner["client_id"], partner["client_secret"])
    for form in (partner_form(partner), {"grant_type": "client_credentials", "client_id": "cli_other"}):
        assert (await post(world, form, proof)).json()["error"] == "invalid_request"
    same = {"grant_type": "client_credentials", "client_id": partner["client_id"]}
    assert (await post(world, same, proof)).status_code == 200
    for header in ("Basic", "Basic !!!", "Bearer YTpi", "Basic YQ==", "Basic AAA6AAA="):
        broken = await post(world, {"grant_type": "client_credentials"}, {"Authorization": header})
        assert (broken.status_code, broken.json()["error"]) == (401, "invalid_client")


async def test_a_partner_gets_no_more_than_it_is_registered_for(world: World) -> None:
    partner = await register(world, await world.join("supplier"), kind="partner", scope="read")
    for scope in ("write", "read write", "admin", "read read", "Read"):
        answer = await post(world, partner_form(partner, scope=scope))
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope"), scope
    answer = await post(world, partner_form(partner, grant_type="authorization_code", code="x", redirect_uri="y"))
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


async def test_guessing_secrets_is_slowed_down(world: World) -> None:
    partner = await register(world, await world.join("manufacturer"), kind="partner")
    for _ in range(FAILURES):
        assert (await post(world, partner_form(partner, client_secret="wrong"))).status_code == 401
    answer = await post(world, partner_form(partner))
    assert (answer.status_code, answer.headers["cache-control"]) == (429, "no-store")


@pytest.mark.req(6)
async def test_a_removed_client_is_let_in_nowhere(apps: tuple[World, World]) -> None:
    one, two = apps
    maker, customer = await one.join("manufacturer"), await one.join()
    partner = await register(one, maker, kind="partner")
    machine = bearer(await post(two, partner_form(partner)))
    person, client_id = await app_token(one, maker, customer, "read")
    code = await code_for(one, customer, client_id)
    for world in apps:
        for headers in (machine, person):
            assert (await world.client.get("/v1/me", headers=headers)).status_code == 200
    for gone in (partner["client_id"], client_id):
        removed = await one.client.delete(f"/v1/oauth/clients/{gone}", headers=maker.headers)
        assert removed.status_code == 204
    for world in apps:
        for headers in (machine, person):
            assert (await world.client.get("/v1/me", headers=headers)).status_code == 401
        assert (await post(world, partner_form(partner))).status_code == 401
        assert (await post(world, trading(client_id, code))).json()["error"] == "invalid_client"
    assert (await two.client.get("/v1/me", headers=customer.headers)).status_code == 200
    again = await one.client.delete(f"/v1/oauth/clients/{client_id}", headers=maker.headers)
    assert again.status_code == 404


async def test_replaced_secrets_are_good_for_a_day(apps: tuple[World, World]) -> None:
    one, two = apps
    maker = await one.join("manufacturer")
    made = [await register(one, maker, kind="partner")]
    address = f"/v1/oauth/clients/{made[0]['client_id']}/secret"
    for world in (two, one):
        for app in apps:
            app.clock.move(timedelta(hours=1))
        answer = await world.client.post(address, headers=maker.headers)
        assert answer.status_code == 200, answer.text
        made.append(answer.json())
    assert len({client["client_secret"] for client in made}) == 3
    for hours, good in [(0, 3), (22, 3), (1, 2), (1, 1)]:
        for world in apps:
            world.clock.move(timedelta(hours=hours))
            statuses = [(await post(world, partner_form(client))).status_code for client in made]
            assert statuses == [401] * (3 - good) + [200] * good, hours


async def test_of_two_who_replace_a_secret_at_once_both_get_a_good_one(apps: tuple[World, World]) -> None:
    maker = await apps[0].join("manufacturer")
    partner = await register(apps[0], maker, kind="partner")
    address = f"/v1/oauth/clients/{partner['client_id']}/secret"
    answers = await asyncio.gather(*(world.client.post(address, headers=maker.headers) for world in apps))
    for client in (partner, *(answer.json() for answer in answers)):
        assert (await post(apps[0], partner_form(client))).status_code == 200


async def test_a_code_that_comes_to_two_processes_at_once_is_used_once(apps: tuple[World, World]) -> None:
    maker, customer = await apps[0].join("manufacturer"), await apps[0].join()
    client_id = (await register(apps[0], maker))["client_id"]
    for _ in range(5):
        code = await code_for(apps[0], customer, client_id)
        answers = await asyncio.gather(*(post(apps[n % 2], trading(client_id, code)) for n in range(4)))
        good = [answer for answer in answers if answer.status_code == 200]
        assert len(good) == 1
        assert {answer.status_code for answer in answers} == {200, 400}
        for world in apps:
            assert (await world.client.get("/v1/me", headers=bearer(good[0]))).status_code == 401


async def test_clients_are_their_organisations(world: World) -> None:
    maker, other = await world.join("manufacturer"), await world.join("supplier")
    partner = await register(world, maker, kind="partner")
    address = f"/v1/oauth/clients/{partner['client_id']}"
    assert (await world.client.delete(address, headers=other.headers)).status_code == 404
    assert (await world.client.post(f"{address}/secret", headers=other.headers)).status_code == 404
    assert (await world.client.get("/v1/oauth/clients", headers=other.headers)).json()["items"] == []
    app = await register(world, maker)
    refused = await world.client.post(f"/v1/oauth/clients/{app['client_id']}/secret", headers=maker.headers)
    assert refused.status_code == 409
    assert (await post(world, partner_form(partner))).status_code == 200


async def test_the_list_has_pages_and_no_secret(world: World) -> None:
    maker, other = await world.join("carrier"), await world.join("carrier")
    made = [(await register(world, maker, name=f"Client {n}", kind="partner"))["client_id"] for n in range(5)]
    foreign = (await register(world, other))["client_id"]
    found: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await world.client.get("/v1/oauth/clients", params=query, headers=maker.headers)).json()
        found += [item["client_id"] for item in page["items"]]
        assert [item["client_secret"] for item in page["items"]] == [None] * len(page["items"])
        cursor = page["next_cursor"]
    assert (found, cursor) == (made[::-1], None)
    assert foreign not in found
    for bad in ("nonsense", "MTpjbGlfbm9ib2R5"):
        answer = await world.client.get("/v1/oauth/clients", params={"cursor": bad}, headers=maker.headers)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


async def test_secrets_are_kept_as_hashes_and_given_again_to_the_same_request(world: World) -> None:
    maker = await world.join("manufacturer")
    headers = maker.headers | {"Idempotency-Key": "one"}
    body = {"name": "ERP", "kind": "partner", "scope": "read"}
    first, again = [await world.client.post("/v1/oauth/clients", json=body, headers=headers) for _ in range(2)]
    assert first.json() == again.json()
    async with world.ctx.uow.read() as tx:
        client = await tx.oauth.client(first.json()["client_id"])
    assert client is not None
    assert first.json()["client_secret"] not in str(client)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"kind": "spa"}, "kind"),
        ({"scope": "admin"}, "scope"),
        ({"scope": ""}, "scope"),
        ({"redirect_uris": []}, "redirect_uris"),
        ({"redirect_uris": ["https://a.example/"] * 2}, "redirect_uris"),
        ({"redirect_uris": [f"https://{n}.example/" for n in range(11)]}, "redirect_uris"),
        ({"redirect_uris": ["https://a.example/", "http://a.example/"]}, "redirect_uris.1"),
        ({"kind": "partner"}, "redirect_uris"),
        ({"client_id": "cli_mine"}, "client_id"),
        ({"secret_hash": "sha256:00"}, "secret_hash"),
        ({"organisation_id": "org_1"}, "organisation_id"),
    ],
    ids=str,
)
async def test_what_a_client_must_look_like(world: World, change: dict[str, object], field: str) -> None:
    maker = await world.join("manufacturer")
    body = {"name": "Board", "kind": "app", "scope": "read", "redirect_uris": ["https://a.example/"]} | change
    answer = await world.client.post("/v1/oauth/clients", json=body, headers=maker.headers)
    assert answer.status_code == 422, answer.text
    assert [entry["field"] for entry in answer.json()["errors"]] == [field]
