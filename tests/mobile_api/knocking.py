"""Knocks at every door with whatever somebody takes for a proof: at those of the published description, and at those
that are the gateways'. An id in a path names nothing, so whoever is let in finds nothing; but is told so, and not 401.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import httpx

from marketplace.ports.fakes.stores import FakeGatewayCommandStore
from mobile_api.security import gateway_authenticator
from mobile_api.settings import ApiSettings
from shopfloor.ingest import create_router
from tests.mobile_api.operations import operations
from tests.mobile_api.world import SETTINGS, World

PUBLISHED = operations(json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text("utf-8")))
PEOPLES = {one.name for one in PUBLISHED if one.said.get("security") == [{"bearer": []}]}
"""What a person's token opens, or a client's."""
PUBLIC = {one.name for one in PUBLISHED} - PEOPLES
GATEWAYS = {"POST /v1/ingest", "GET /v1/gateway/commands"}
STREAM, SIGN_OUT = "GET /v1/orders/{id}/events", "DELETE /v1/tokens/current"


async def knock(
    client: httpx.AsyncClient, names: set[str], headers: Mapping[str, str], params: Mapping[str, str] | None = None
) -> dict[str, int]:
    """What each of these doors answers."""
    found = {}
    for name in sorted(names):
        method, path = name.split(" ")
        body: object = {} if method in ("POST", "PUT") else None
        address = re.sub(r"\{\w+\}", "nowhere", path)
        answer = await client.request(method, address, headers=dict(headers), params=params, json=body)
        found[name] = answer.status_code
    return found


async def opened(
    client: httpx.AsyncClient, names: set[str], headers: Mapping[str, str], params: Mapping[str, str] | None = None
) -> set[str]:
    """The doors at which it is not said that one has to sign in first."""
    return {name for name, status in (await knock(client, names, headers, params)).items() if status != 401}


def with_gateways(world: World, settings: ApiSettings = SETTINGS) -> World:
    """The world with the gateways' doors in it, as bootstrap builds them."""
    doors = create_router(
        world.ctx,
        FakeGatewayCommandStore(),
        gateway_authenticator(world.ctx, settings),
        modes=frozenset(),
        stopping=lambda: True,  # a gateway that asks is not kept waiting
    )
    world.app.include_router(doors)
    return world
