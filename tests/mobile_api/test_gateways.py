"""Gateways: registered by a person, signed in by a secret, let in by a short token of their own kind."""

from datetime import timedelta
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends

from marketplace.ports.unit_of_work import Gateway
from mobile_api.app import create_app
from mobile_api.security import gateway_authenticator
from tests.mobile_api.world import SETTINGS, Person, World, basic, client_of

ADDRESS = "0x" + "9a" * 20


async def register(world: World, maker: Person) -> dict[str, Any]:
    body = {"name": "Cell 1", "address": ADDRESS}
    answer = await world.client.post("/v1/gateways", json=body, headers=maker.headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def door(world: World) -> APIRouter:
    """What bootstrap does for the gateways' ingest."""
    router = APIRouter()
    authenticate = gateway_authenticator(world.ctx, SETTINGS)

    @router.get("/v1/door")
    async def knock(gateway: Annotated[Gateway, Depends(authenticate)]) -> dict[str, str]:
        return {"gateway": gateway.id, "address": gateway.address}

    return router


@pytest.mark.req(13)
async def test_a_gateway_gets_a_token_for_fifteen_minutes(world: World) -> None:
    gateway = await register(world, await world.join("manufacturer"))
    async with client_of(create_app(world.ctx, SETTINGS, routers=[door(world)])) as client:
        answer = await client.post("/v1/gateway/token", headers=basic(gateway["id"], gateway["secret"]))
        assert answer.status_code == 200
        token = answer.json()
        assert (token["token_type"], token["expires_in"]) == ("Bearer", 900)
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        assert (await client.get("/v1/door", headers=headers)).json() == {"gateway": gateway["id"], "address": ADDRESS}
        world.clock.move(timedelta(seconds=900))
        assert (await client.get("/v1/door", headers=headers)).status_code == 401


async def test_people_and_gateways_do_not_open_each_others_doors(world: World) -> None:
    maker = await world.join("manufacturer")
    gateway = await register(world, maker)
    async with client_of(create_app(world.ctx, SETTINGS, routers=[door(world)])) as client:
        answer = await client.post("/v1/gateway/token", headers=basic(gateway["id"], gateway["secret"]))
        machine = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert (await client.get("/v1/me", headers=machine)).status_code == 401
        assert (await client.get("/v1/door", headers=maker.headers)).status_code == 401


async def test_a_wrong_secret_or_an_unknown_gateway_is_401(world: World) -> None:
    gateway = await register(world, await world.join("manufacturer"))
    for name, secret in [(gateway["id"], "wrong"), (gateway["id"], ""), ("gw_none", gateway["secret"]), ("", "")]:
        answer = await world.client.post("/v1/gateway/token", headers=basic(name, secret))
        assert answer.status_code == 401


async def test_the_secret_is_kept_nowhere(world: World) -> None:
    maker = await world.join("manufacturer")
    headers = maker.headers | {"Idempotency-Key": "one"}
    body = {"name": "Cell 1", "address": ADDRESS}
    first = await world.client.post("/v1/gateways", json=body, headers=headers)
    again = await world.client.post("/v1/gateways", json=body, headers=headers)
    assert again.json() == first.json()  # a lost answer is not a lost secret
    secret = first.json()["secret"]
    async with world.ctx.uow.read() as tx:
        kept = await tx.idempotency.get(maker.account["id"], "POST /v1/gateways", "one")
        gateway = await tx.parties.gateway(first.json()["id"])
    assert kept is not None
    assert gateway is not None
    assert secret.encode() not in kept.body
    assert secret not in gateway.secret_hash
