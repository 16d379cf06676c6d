"""Invitations over HTTP: one answer for whatever is wrong, and a session that opens what is to be signed."""

import asyncio
import json
import logging
import time
from datetime import timedelta
from statistics import median

import pytest

from marketplace.domain.invitations import MOST_TRIES
from mobile_api import attempts, tokens
from mobile_api.routers import invitations as router
from mobile_api.scopes import SIGNING
from mobile_api.settings import ApiSettings
from tests.mobile_api.asking import Answer, ask
from tests.mobile_api.furnishing import ABSENT, CODE, changing, fresh_link
from tests.mobile_api.house import HERE, House
from tests.mobile_api.operations import operations, query_of
from tests.mobile_api.world import SETTINGS

PAUSE_S, CHECK = router.SOONEST_S, router._check
UNKNOWN, WRONG = "5e" * 32, "111111"
OPEN = {
    "GET /v1/me",
    "PUT /v1/me/signing-key",
    "GET /v1/signature-requests",
    "POST /v1/signature-requests/{id}/signature",
    "POST /v1/signature-requests/{id}/decline",
    "POST /v1/signature-requests/{id}/counter",
    "DELETE /v1/tokens/current",
}
"""Written out by hand, so that a door that is opened is seen."""
STATED = {"company": "Foundry", "country": "PT", "vat_id": "PT 501 964 843", "signatory": "Rui Costa"}
JSON = {"Content-Type": "application/json"}


async def post(house: House, path: str, body: object, headers: dict[str, str] | None = None) -> Answer:
    return await ask(house.app, "POST", path, JSON | (headers or {}), json.dumps(body).encode())


async def join(house: House, secret: str, number: str = CODE, **changes: object) -> Answer:
    return await post(house, "/v1/join", {"link": secret, "code": number} | STATED | changes)


async def bearer(house: House, **changes: object) -> dict[str, str]:
    """Somebody who has joined."""
    answer = await join(house, fresh_link(house), **changes)
    assert answer.status == 201, answer.text
    return {"Authorization": f"Bearer {json.loads(answer.body)['access_token']}"}


@pytest.mark.req(1, 2, 7)
async def test_who_joins_gets_a_token_and_what_was_stated_is_there(house: House) -> None:
    link = fresh_link(house)
    seen = json.loads((await post(house, "/v1/join/invitation", {"link": link})).body)
    assert seen["manufacturer"] == "Model Factory"
    assert seen["contact"].endswith("•••@foundry.example")
    answer = await join(house, link)
    found = json.loads(answer.body)
    assert (answer.status, found["login_free"], found["account"]["role"]) == (201, True, "supplier")
    assert found["account"]["organisation"]["name"] == "Foundry"
    assert answer.headers["cache-control"] == "no-store"
    assert house.ids("SELECT vat_id FROM organisations WHERE name = 'Foundry'") == ["PT501964843"]


async def refused_links(house: House) -> dict[str, tuple[str, str]]:
    """Links and codes that are not good, each for another reason."""
    used, dead = fresh_link(house), fresh_link(house)
    assert (await join(house, used, company="Used")).status == 201
    for _ in range(MOST_TRIES):
        await join(house, dead, WRONG)
    late, lapsed = fresh_link(house), fresh_link(house)
    at = house.clock.now() - timedelta(seconds=1)
    revoked = fresh_link(house)
    with changing(house.file) as database:
        for column, link in (("code_until", late), ("expires_at", lapsed)):
            values = (f"{at:%Y-%m-%d %H:%M:%S.%f}", f"fresh_{link[:24]}")
            database.execute(f"UPDATE invitations SET {column} = ? WHERE id = ?", values)  # noqa: S608
        database.execute("UPDATE invitations SET status = 'revoked' WHERE id = ?", (f"fresh_{revoked[:24]}",))
    return {
        "unknown": (UNKNOWN, CODE),
        "wrong code": (fresh_link(house), WRONG),
        "used": (used, CODE),
        "tried too often": (dead, CODE),
        "code too late": (late, CODE),
        "lapsed": (lapsed, CODE),
        "revoked": (revoked, CODE),
    }


@pytest.mark.req(14, 16)
async def test_whatever_is_wrong_is_one_answer_in_one_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    links = await refused_links(house)
    monkeypatch.setattr(router, "SOONEST_S", PAUSE_S)
    answers: dict[str, set[tuple[int, bytes]]] = {}
    took: dict[str, list[float]] = {name: [] for name in links}
    for _ in range(3):
        for name, (link, code) in links.items():
            began = time.perf_counter()
            answer = await join(house, link, code)
            took[name].append(time.perf_counter() - began)
            answers.setdefault(name, set()).add((answer.status, answer.body))
    assert len(set.union(*answers.values())) == 1, answers
    assert {status for found in answers.values() for status, _ in found} == {422}
    typical = {name: median(times) for name, times in took.items()}
    assert min(typical.values()) >= PAUSE_S
    assert max(typical.values()) - min(typical.values()) < 0.1, typical


async def test_without_the_pause_the_time_would_tell(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the pause is what makes answers even."""
    took = []
    for pause in (2.0, 0.0):
        monkeypatch.setattr(router, "SOONEST_S", pause)
        began = time.perf_counter()
        await join(house, UNKNOWN)
        took.append(time.perf_counter() - began)
    assert took[0] >= 2.0 > took[1]


async def test_asking_for_a_code_says_nothing_of_the_link(house: House) -> None:
    links = await refused_links(house)
    good = fresh_link(house)
    answers = {
        (await post(house, "/v1/join/code", {"link": link})).text for link in [good, *(a for a, _ in links.values())]
    }
    assert len(answers) == 1
    asked = house.ids("SELECT subject FROM outbox WHERE kind = 'send_code'")
    fresh = [f"fresh_{good[:24]}", f"fresh_{links['wrong code'][0][:24]}"]
    assert set(asked) <= {*fresh, *(f"fresh_{links[name][0][:24]}" for name in ("tried too often", "code too late"))}
    assert fresh[0] in asked


async def test_looking_is_refused_alike(house: House) -> None:
    links = await refused_links(house)
    dead = ("unknown", "used", "lapsed", "revoked")
    answers = {(await post(house, "/v1/join/invitation", {"link": links[name][0]})).text for name in dead}
    assert len(answers) == 1


async def test_a_wrong_code_is_counted_though_it_is_refused(house: House) -> None:
    link = fresh_link(house)
    await join(house, link, WRONG)
    assert house.ids("SELECT tries FROM invitations WHERE id = ?", f"fresh_{link[:24]}") == ["1"]


async def test_no_log_holds_a_link_or_a_code(house: House, caplog: pytest.LogCaptureFixture) -> None:
    link = fresh_link(house)
    with caplog.at_level(logging.DEBUG):
        await post(house, "/v1/join/invitation", {"link": link})
        await post(house, "/v1/join/code", {"link": UNKNOWN})
        await join(house, link, WRONG)
        await join(house, link)
    said = " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records if record.name != "aiosqlite")
    assert "POST /v1/join" in said  # negative control: the requests are in it
    assert "Connection attempt failed" in said
    assert link not in said
    assert UNKNOWN not in said
    assert f"'{WRONG}'" not in said


async def test_an_address_that_fails_too_often_waits(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "FAILURES", 3)
    monkeypatch.setattr(router, "_check", CHECK)
    assert [(await join(house, UNKNOWN)).status for _ in range(4)] == [422, 422, 422, 429]
    assert (await post(house, "/v1/join/code", {"link": UNKNOWN})).status == 429


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"vat_id": "PT 501 964 844"}, "vat_id"),
        ({"vat_id": "\ud800"}, "vat_id"),
        ({"country": "pt"}, "country"),
        ({"country": "QQ"}, "country"),
        ({"company": ""}, "company"),
        ({"company": "\ud800"}, "company"),
        ({"signatory": "x\x00"}, "signatory"),
        ({"signatory": "x" * 121}, "signatory"),
        ({"password": "short"}, "password"),
        ({"code": "12345"}, "code"),
        ({"code": "１２３４５６"}, "code"),
        ({"link": "5E" * 32}, "link"),
        ({"link": "5e" * 31}, "link"),
        ({"more": 1}, "more"),
    ],
)
async def test_each_field_is_named(house: House, changes: dict[str, object], field: str) -> None:
    answer = await join(house, fresh_link(house), **changes)
    assert (answer.status, [one["field"] for one in json.loads(answer.body)["errors"]]) == (422, [field])


@pytest.mark.req(7, 17)
async def test_a_login_free_session_opens_what_is_to_be_signed_and_nothing_else(house: House) -> None:
    """Every operation there is, asked as somebody who joined without a password."""
    headers = await bearer(house)
    opened, refused = set(), {}
    for operation in operations(house.app.openapi()):
        if operation.takes_form or operation.by_basic or operation.name.startswith("POST /v1/join"):
            continue
        own, body = operation.request(house, "supplier")
        address = operation.address(house, "supplier", "own")
        leaving = operation.name == "DELETE /v1/tokens/current"
        token = await bearer(house, company="Another") if leaving else headers
        answer = await ask(house.app, operation.method, address, own | token, body, query_of(**operation.query(house)))
        if answer.status == 403:
            assert "choose a password" in answer.text
        else:
            opened.add(operation.name)
            refused[operation.name] = answer.status
    public = {"POST /v1/accounts", "GET /v1/chain", "GET /.well-known/oauth-authorization-server"}
    doors = {"POST /v1/ingest", "GET /v1/gateway/commands"}
    assert opened - public - doors == SIGNING == OPEN
    assert {refused[name] for name in doors} == {401}
    others = {name for name in SIGNING if "{id}" in name}
    assert {refused[name] for name in others} == {404}  # what another company is asked to sign is not there


async def test_who_chose_a_password_has_a_suppliers_session(house: House) -> None:
    headers = await bearer(house, password="a password of theirs")
    assert (await ask(house.app, "GET", "/v1/inbox", headers)).status == 200
    assert (await ask(house.app, "GET", "/v1/jobs", headers)).status == 200


async def test_a_login_free_session_can_be_signed_out(house: House) -> None:
    headers = await bearer(house)
    assert (await ask(house.app, "DELETE", "/v1/tokens/current", headers)).status == 204
    assert (await ask(house.app, "GET", "/v1/me", headers)).status == 401


@pytest.mark.parametrize("scope", ["read", "write", "read write", "sign read", "SIGN", " sign"])
async def test_a_scope_that_no_link_gives_is_no_token(house: House, scope: str) -> None:
    supplier = house.person("supplier")
    token, _ = tokens.issue(
        SETTINGS,
        subject=supplier.id,
        role="supplier",
        audience=SETTINGS.audience,
        lifetime=timedelta(days=1),
        now=house.clock.now(),
        scope=scope,
    )
    assert (await ask(house.app, "GET", "/v1/me", {"Authorization": f"Bearer {token}"})).status == 401


async def test_two_who_bring_the_code_at_once_are_one(house: House) -> None:
    link = fresh_link(house)
    found = await asyncio.gather(*(join(house, link, company=f"Foundry {number}") for number in range(3)))
    assert sorted(answer.status for answer in found) == [201, 422, 422]


async def test_the_manufacturer_invites_sees_and_takes_back(house: House) -> None:
    headers = {"Authorization": f"Bearer {house.token('manufacturer')}"}
    order = f"/v1/orders/{house.crowd.orders[HERE]['matched']}"
    absent = json.loads((await ask(house.app, "GET", f"{order}/absent-suppliers", headers)).body)["items"]
    assert absent == [{"registry_party_id": ABSENT, "name": "Foundry", "why_not": None}]
    made = await post(house, f"{order}/invitations", {"registry_party_id": ABSENT}, headers)
    assert (made.status, json.loads(made.body)["contact"]) == (201, "r•••@foundry.example")
    assert "rui@" not in made.text
    gone = await ask(house.app, "DELETE", f"/v1/invitations/{json.loads(made.body)['id']}", headers)
    assert gone.status == 204
    (kept,) = json.loads((await ask(house.app, "GET", f"{order}/invitations", headers)).body)["items"]
    assert (kept["status"], kept["note"]) == ("revoked", "the manufacturer took it back")


async def test_outside_development_a_letter_leads_to_the_address_that_is_set(house: House) -> None:
    """Else whoever invites could have our letter lead anywhere, by the Host of a request."""
    services = house.app.state.services
    headers = {"Authorization": f"Bearer {house.token('manufacturer')}", "Host": "evil.example"}
    path = f"/v1/orders/{house.crowd.orders[HERE]['matched']}/invitations"
    for public_url, status in (("", 409), ("https://shop.example", 201)):
        settings = ApiSettings(
            **{name: getattr(SETTINGS, name) for name in ("jwt_secret", "argon2_memory_kib", "argon2_passes")},
            public_url=public_url,
        )
        house.app.state.services = _with(services, settings)
        made = await post(house, path, {"registry_party_id": ABSENT}, headers)
        assert made.status == status, made.text
    house.app.state.services = services
    (origin,) = house.ids("SELECT origin FROM invitations WHERE registry_party_id = ?", ABSENT)
    assert origin == "https://shop.example"


def _with(services: object, settings: ApiSettings) -> object:
    from dataclasses import replace  # noqa: PLC0415

    return replace(services, settings=settings)  # type: ignore[type-var]
