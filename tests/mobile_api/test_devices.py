"""Devices that are told of messages: addresses we will send to, so they are looked at first."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mobile_api.app import create_app
from tests.mobile_api.world import SETTINGS, World, client_of

KEYS = {"p256dh": "B" + "a" * 86, "auth": "c" * 22}
PUSH = "https://push.example.com/send/abc"


def web_push(endpoint: str) -> dict[str, Any]:
    return {"kind": "web_push", "endpoint": endpoint, "keys": KEYS}


@pytest.mark.req(46)
async def test_a_device_comes_and_goes(world: World) -> None:
    person, stranger = await world.join(), await world.join()
    assert (await world.client.get("/v1/push/key", headers=person.headers)).json() == {"vapid_public_key": "B" * 87}
    for body in (web_push(PUSH), {"kind": "fcm", "token": "fcm:abc"}):
        made = await world.client.post("/v1/push/subscriptions", json=body, headers=person.headers)
        again = await world.client.post("/v1/push/subscriptions", json=body, headers=person.headers)
        assert (made.status_code, again.json()) == (201, made.json())
        url = f"/v1/push/subscriptions/{made.json()['id']}"
        assert (await world.client.delete(url, headers=stranger.headers)).status_code == 404
        assert (await world.client.delete(url, headers=person.headers)).status_code == 204


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "kind"),
        ({"kind": "sms"}, "kind"),
        ({"kind": "web_push"}, "endpoint"),
        ({"kind": "fcm", "token": ""}, "token"),
        ({"kind": "fcm", "token": "a", "endpoint": "b"}, "endpoint"),
        (web_push("ftp://example.com"), "endpoint"),
        ({"kind": "web_push", "endpoint": PUSH, "keys": KEYS | {"auth": "short"}}, "keys.auth"),
    ],
    ids=str,
)
async def test_a_subscription_that_is_none(world: World, body: dict[str, object], field: str) -> None:
    person = await world.join()
    answer = await world.client.post("/v1/push/subscriptions", json=body, headers=person.headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.8:8545/",
        "https://127.1/",
        "https://localhost/",
        "https://metadata/",
        "https://user:password@push.example.com/",
        "https://[broken/",
    ],
)
async def test_outside_development_we_send_to_public_names_only(world: World, tmp_path: Path, endpoint: str) -> None:
    person = await world.join()
    outside = create_app(world.ctx, replace(SETTINGS, development=False), static_dir=tmp_path)
    async with client_of(outside) as client:
        answer = await client.post("/v1/push/subscriptions", json=web_push(endpoint), headers=person.headers)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "endpoint")
        good = await client.post("/v1/push/subscriptions", json=web_push(PUSH), headers=person.headers)
        assert good.status_code == 201
        assert (await client.post("/v1/dev/funds", headers=person.headers)).status_code == 404
