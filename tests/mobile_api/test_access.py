"""Who may use which route. The default is nobody: a route that says nothing cannot even be mounted."""

import re

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from marketplace.domain.parties import Role
from mobile_api.dependencies import access_of, is_public, require_declared_access
from mobile_api.routers.table import api_routers
from tests.mobile_api.world import World

ROUTES = [route for router in api_routers(development=True) for route in router.routes if isinstance(route, APIRoute)]
C, M, S, K = Role.CUSTOMER, Role.MANUFACTURER, Role.SUPPLIER, Role.CARRIER
ALL = frozenset(Role)
EXPECTED: dict[str, frozenset[Role] | str] = {
    "POST /v1/accounts": "public",
    "POST /v1/tokens": "public",
    "POST /v1/gateway/token": "public",
    "POST /v1/oauth/clients": frozenset({M, S, K}),
    "GET /v1/oauth/clients": frozenset({M, S, K}),
    "POST /v1/oauth/clients/{id}/secret": frozenset({M, S, K}),
    "DELETE /v1/oauth/clients/{id}": frozenset({M, S, K}),
    "GET /v1/oauth/authorization": ALL,
    "POST /v1/oauth/authorization": ALL,
    "POST /v1/oauth/token": "public",
    "POST /v1/oauth/revoke": "public",
    "GET /.well-known/oauth-authorization-server": "public",
    "GET /v1/chain": "public",
    "DELETE /v1/tokens/current": ALL,
    "GET /v1/me": ALL,
    "PUT /v1/me/signing-key": ALL,
    "GET /v1/products": ALL,
    "GET /v1/products/{id}": ALL,
    "POST /v1/products/{id}/quotes": ALL,
    "POST /v1/products/{id}/configuration": ALL,
    "POST /v1/design-files": frozenset({C}),
    "GET /v1/design-files": frozenset({C}),
    "GET /v1/design-files/{digest}": frozenset({C}),
    "DELETE /v1/design-files/{digest}": frozenset({C}),
    "GET /v1/orders/{id}/design-files/{digest}": ALL,
    "POST /v1/orders": frozenset({C}),
    "GET /v1/orders": ALL,
    "GET /v1/orders/{id}": ALL,
    "GET /v1/orders/{id}/timeline": ALL,
    "GET /v1/orders/{id}/events": ALL,
    "GET /v1/orders/{id}/confirmation": frozenset({C}),
    "POST /v1/orders/{id}/confirm": frozenset({C}),
    "POST /v1/orders/{id}/cancel": frozenset({C}),
    "GET /v1/orders/{id}/acceptance": frozenset({C}),
    "POST /v1/orders/{id}/accept-delivery": frozenset({C}),
    "POST /v1/orders/{id}/decision": frozenset({M}),
    "POST /v1/orders/{id}/ship": frozenset({M}),
    "POST /v1/orders/{id}/handover": frozenset({M, K}),
    "GET /v1/signature-requests": frozenset({M, S, K}),
    "POST /v1/signature-requests/{id}/signature": frozenset({M, S, K}),
    "POST /v1/signature-requests/{id}/decline": frozenset({M, S, K}),
    "POST /v1/signature-requests/{id}/counter": frozenset({M, S, K}),
    "GET /v1/jobs": frozenset({M, S}),
    "POST /v1/jobs/{id}/reports": frozenset({M, S}),
    "POST /v1/gateways": frozenset({M, S}),
    "GET /v1/manufacturer/rule": frozenset({M}),
    "PUT /v1/manufacturer/rule": frozenset({M}),
    "GET /v1/inbox": ALL,
    "POST /v1/inbox/{id}/read": ALL,
    "GET /v1/push/key": ALL,
    "POST /v1/push/subscriptions": ALL,
    "DELETE /v1/push/subscriptions/{id}": ALL,
    "POST /v1/dev/funds": ALL,
}
"""Written out by hand, so that a guard that is lost or changed is seen."""


def method_of(route: APIRoute) -> str:
    return min(route.methods or {"?"})


def name_of(route: APIRoute) -> str:
    return f"{method_of(route)} {route.path}"


@pytest.mark.req(7, 8, 9)
def test_every_route_lets_in_whom_it_should() -> None:
    found = {name_of(route): "public" if is_public(route) else access_of(route) for route in ROUTES}
    assert found == EXPECTED


def test_a_route_without_a_guard_cannot_be_mounted() -> None:
    careless = APIRouter()

    @careless.get("/v1/secrets")
    async def secrets() -> str:
        return "everything"

    with pytest.raises(RuntimeError, match="/v1/secrets does not declare its roles"):
        require_declared_access(careless)


async def test_without_a_token_every_route_but_the_public_ones_says_401(world: World) -> None:
    open_routes = []
    for route in ROUTES:
        answer = await world.client.request(method_of(route), route.path.replace("{id}", "x"))
        assert answer.status_code < 500
        if answer.status_code != 401:
            open_routes.append(name_of(route))
            continue
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"]
    assert set(open_routes) == {
        "POST /v1/accounts",
        "GET /v1/chain",
        "POST /v1/oauth/token",  # what is wrong with a form comes first
        "POST /v1/oauth/revoke",
        "GET /.well-known/oauth-authorization-server",
    }


@pytest.mark.req(9, 17, 57)
async def test_the_wrong_role_is_forbidden_on_every_route(world: World) -> None:
    people = {C: await world.join("customer"), M: await world.join("manufacturer"), K: await world.join("carrier")}
    people[S] = await world.join("supplier")
    for route in ROUTES:
        roles = EXPECTED[name_of(route)]
        for role, person in people.items():
            if roles == "public" or role in roles:
                continue
            path = route.path.replace("{id}", "x")
            answer = await world.client.request(method_of(route), path, headers=person.headers)
            assert answer.status_code == 403, f"{role} {name_of(route)}: {answer.text}"


async def test_the_running_app_has_no_route_beside_these(world: World) -> None:
    described = (await world.client.get("/openapi.json")).json()
    found = {f"{method.upper()} {path}" for path, methods in described["paths"].items() for method in methods}
    assert found == set(EXPECTED)


async def test_development_routes_are_absent_elsewhere() -> None:
    paths = {route.path for router in api_routers(development=False) for route in router.routes}  # type: ignore[attr-defined]
    assert "/v1/orders" in paths
    assert not [path for path in paths if re.match(r"/v1/dev\b", path)]
