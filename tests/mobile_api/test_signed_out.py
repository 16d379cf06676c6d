"""A token that is signed out, or seven days old, opens no door, nor does a good one outside its header."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from marketplace.application import sign_in
from marketplace.application.context import Context
from mobile_api import tokens
from mobile_api.tokens import Claims
from tests.mobile_api.knocking import GATEWAYS, PEOPLES, PUBLIC, SIGN_OUT, STREAM, knock, opened, with_gateways
from tests.mobile_api.oauth import app_token, bearer, partner_form, post, register
from tests.mobile_api.test_access import DOORS, EXPECTED
from tests.mobile_api.world import SETTINGS, Person, World, basic

EVERYWHERE = PEOPLES | GATEWAYS
STAYING = PEOPLES - {SIGN_OUT}
A_SECOND = timedelta(seconds=1)


def test_these_are_all_the_doors() -> None:
    """The description says of each whether it wants a token; the matrix of rights, written by hand, says the same."""
    assert {name for name, roles in EXPECTED.items() if roles == "public"} == PUBLIC
    assert EXPECTED.keys() == PEOPLES | PUBLIC
    assert DOORS == GATEWAYS
    assert STREAM in PEOPLES


async def gateway_of(world: World, maker: Person) -> dict[str, str]:
    """Headers of a gateway that has signed in."""
    body = {"name": "Cell 1", "address": "0x" + secrets.token_hex(20)}
    made = (await world.client.post("/v1/gateways", json=body, headers=maker.headers)).json()
    answer = await world.client.post("/v1/gateway/token", headers=basic(made["id"], made["secret"]))
    return bearer(answer)


async def partner_of(world: World, maker: Person) -> dict[str, str]:
    """Headers of a partner's program."""
    return bearer(await post(world, partner_form(await register(world, maker, kind="partner"))))


@pytest.mark.req(6, 7)
async def test_when_its_time_is_over_no_door_opens(world: World) -> None:
    with_gateways(world)
    maker = await world.join("manufacturer")
    app, _ = await app_token(world, maker, maker, "read write")
    holders = {
        "gateway": (await gateway_of(world, maker), GATEWAYS, timedelta(seconds=SETTINGS.gateway_token_s)),
        "partner": (await partner_of(world, maker), STAYING, timedelta(seconds=SETTINGS.partner_token_s)),
        "person": (maker.headers, STAYING, timedelta(days=7)),
        "app": (app, STAYING, timedelta(days=7)),
    }
    issued = world.clock.now()
    for who, (headers, doors, lifetime) in holders.items():
        world.clock.at = issued + lifetime - A_SECOND
        assert await opened(world.client, doors, headers) == doors, who
        world.clock.at = issued + lifetime
        assert await opened(world.client, EVERYWHERE, headers) == set(), who


@pytest.mark.req(6, 7)
async def test_a_signed_out_token_opens_no_door_of_either_process(apps: tuple[World, World]) -> None:
    one, two = (with_gateways(world) for world in apps)
    maker = await one.join("manufacturer")
    app, _ = await app_token(one, maker, maker, "read write")
    partner = await partner_of(one, maker)
    for headers in (app, partner, maker.headers):
        for world in (one, two):
            assert await opened(world.client, STAYING, headers) == STAYING
        assert (await two.client.delete("/v1/tokens/current", headers=headers)).status_code == 204
        for world in (one, two):
            assert await opened(world.client, EVERYWHERE, headers) == set()
            keyed = headers | {"Idempotency-Key": "again"}
            assert await opened(world.client, EVERYWHERE, keyed) == set()
            # What is for everybody does not look at it.
            assert await knock(world.client, PUBLIC, headers) == await knock(world.client, PUBLIC, {})


async def test_a_server_that_forgets_who_signed_out_is_seen(
    apps: tuple[World, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    one, two = (with_gateways(world) for world in apps)
    person = await one.join()
    assert (await two.client.delete("/v1/tokens/current", headers=person.headers)).status_code == 204
    remembered = sign_in.bearer

    async def forgetful(ctx: Context, account_id: str, jti: str) -> tuple[Any, bool]:
        account, _ = await remembered(ctx, account_id, jti)
        return account, False

    monkeypatch.setattr(sign_in, "bearer", forgetful)
    assert await opened(one.client, EVERYWHERE, person.headers) == PEOPLES


async def test_a_server_that_asks_no_clock_is_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    with_gateways(world)
    person = await world.join()
    world.clock.move(timedelta(days=8))

    def timeless(payload: Mapping[str, Any], *_: object) -> Claims:
        return Claims(payload["sub"], payload["jti"], payload["role"], world.clock.now())

    monkeypatch.setattr(tokens, "_checked", timeless)
    assert await opened(world.client, EVERYWHERE - {SIGN_OUT}, person.headers) == STAYING


@pytest.mark.req(7)
async def test_a_good_token_counts_in_its_header_only(world: World) -> None:
    """RFC 6750 knows form and query too (2.2, 2.3), which end in logs; a cookie is sent without being asked."""
    with_gateways(world)
    person = await world.join()
    token = person.token
    for params in ({"access_token": token}, {"Authorization": f"Bearer {token}"}, {"token": token}):
        assert await opened(world.client, EVERYWHERE, {}, params) == set()
    for headers in (
        {"Cookie": f"Authorization=Bearer {token}; access_token={token}; token={token}"},
        {"X-Authorization": f"Bearer {token}"},
        {"Proxy-Authorization": f"Bearer {token}"},
        {"X-Access-Token": token},
        {"Sec-WebSocket-Protocol": f"bearer, {token}"},
        {"Authorization": token},
        {"Authorization": f"Token {token}"},
        {"Authorization": f"Basic {token}"},
    ):
        assert await opened(world.client, EVERYWHERE, headers) == set(), headers.keys()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for name in sorted(one for one in PEOPLES if one.startswith("POST")):
        path = name.removeprefix("POST ").replace("{id}", "nowhere")
        answer = await world.client.post(path, content=f"access_token={token}", headers=form)
        assert answer.status_code == 401, name
    assert await opened(world.client, STAYING, person.headers) == STAYING  # the control: it is a good one
