"""Who may use which route. The default is nobody: a route that says nothing cannot even be mounted."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from marketplace.application import access
from marketplace.domain.errors import NotFound
from marketplace.domain.order import Order
from marketplace.domain.parties import Role
from mobile_api import pagination
from mobile_api.dependencies import Allow, access_of, is_public, require_declared_access
from mobile_api.routers.table import api_routers
from mobile_api.security import GATEWAY_ROLE
from tests.mobile_api.asking import Answer, ask
from tests.mobile_api.house import THERE, House
from tests.mobile_api.operations import Operation, operations, query_of
from tests.mobile_api.world import World

ROUTES = [route for router in api_routers(development=True) for route in router.routes if isinstance(route, APIRoute)]
C, M, S, K, OPERATOR = Role.CUSTOMER, Role.MANUFACTURER, Role.SUPPLIER, Role.CARRIER, Role.OPERATOR
ALL = frozenset(Role)
EXPECTED: dict[str, frozenset[Role] | str] = {
    "POST /v1/accounts": "public",
    "POST /v1/tokens": "public",
    "POST /v1/gateway/token": "public",
    "POST /v1/oauth/clients": frozenset({M, S, K}),
    "GET /v1/oauth/clients": frozenset({M, S, K}),
    "GET /v1/oauth/clients/{id}": frozenset({M, S, K}),
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
    "GET /v1/orders/{id}/dispute": ALL,
    "POST /v1/orders/{id}/dispute": frozenset({C}),
    "POST /v1/orders/{id}/dispute/statements": frozenset({C, M}),
    "POST /v1/orders/{id}/dispute/photos": frozenset({C, M}),
    "GET /v1/orders/{id}/dispute/photos/{digest}": ALL,
    "DELETE /v1/orders/{id}/dispute/photos/{digest}": frozenset({C, M}),
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
    "GET /v1/orders/{id}/absent-suppliers": frozenset({M}),
    "GET /v1/orders/{id}/invitations": frozenset({M}),
    "POST /v1/orders/{id}/invitations": frozenset({M}),
    "DELETE /v1/invitations/{id}": frozenset({M}),
    "POST /v1/join/invitation": "public",
    "POST /v1/join/code": "public",
    "POST /v1/join": "public",
}
"""Written out by hand, so that a guard that is lost or changed is seen."""


DOORS = frozenset({"POST /v1/ingest", "GET /v1/gateway/commands"})
"""What opens to a gateway's token and to no person."""
STRANGERS = ("anonymous", "gateway", "signed out", "expired")
WHO = (*(role.value for role in Role), *STRANGERS)
SCOPES = ("own", "other", "tenant", "missing")
NO_PART = {("GET /v1/orders/{id}/design-files/{digest}", role) for role in (S, K)} | {
    (f"GET /v1/orders/{{id}}/dispute{rest}", role) for rest in ("", "/photos/{digest}") for role in (S, K, OPERATOR)
}
"""Who takes part in no order with a file of the customer's, and who sits at no table where a delivery is disputed."""
ADMITTED = 0
LEAST_CELLS, LEAST_OPENED = 1_000, 150
"""Cells there are, and cells that succeed: an interface that does nothing would also meet the table."""


def expected(operation: Operation, who: str, scope: str) -> int:
    """What a cell of the matrix must answer: 401, 403, 404, or anything that shows that the door is open."""
    roles = EXPECTED.get(operation.name, frozenset())
    if operation.name in DOORS:
        return ADMITTED if who == GATEWAY_ROLE else 401
    if operation.takes_form:
        return ADMITTED if who == "anonymous" else 401  # a client proves in one way who it is
    if roles == "public":
        return 401 if operation.by_basic else ADMITTED
    if who in STRANGERS:
        return 401
    if who not in roles:
        return 403
    return _expected_of_a_thing(operation, Role(who), scope)


def _expected_of_a_thing(operation: Operation, role: Role, scope: str) -> int:
    kinds = {kind for _, kind in operation.things}
    if not kinds:
        return ADMITTED
    if scope == "missing" or (operation.name, role) in NO_PART:
        return 404
    everybodys = kinds == {"product"} or (role is Role.OPERATOR and "order" in kinds)
    return ADMITTED if everybodys or scope == "own" else 404


def method_of(route: APIRoute) -> str:
    return min(route.methods or {"?"})


def name_of(route: APIRoute) -> str:
    return f"{method_of(route)} {route.path}"


Cell = tuple[Operation, str, str]


Answers = dict[tuple[str, str, str], Answer]


def cells(app: FastAPI, *names: str) -> Iterator[Cell]:
    """Every operation (or those named) × everybody × whose thing it is; one cell a person where no thing is named.

    What removes comes last, or the others would find nothing.
    """
    for operation in sorted(operations(app.openapi()), key=lambda one: one.method == "DELETE"):
        for who in WHO if not names or operation.name in names else ():
            for scope in SCOPES if operation.things else ("own",):
                yield operation, who, scope


async def headers_of(house: House, who: str) -> dict[str, str]:
    """A token of this person's, as it has become."""
    match who:
        case "anonymous":
            return {}
        case "expired":
            token = house.token("customer", issued=house.clock.now() - timedelta(days=8))
        case "signed out":
            token = house.token("customer")
            left = await ask(house.app, "DELETE", "/v1/tokens/current", {"Authorization": f"Bearer {token}"})
            assert left.status == 204
        case _:
            token = house.token(who)
    return {"Authorization": f"Bearer {token}"}


async def knock(house: House, cell: Cell, headers: dict[str, str]) -> Answer:
    """The answer to a good request in this cell."""
    operation, who, scope = cell
    role = who if who in frozenset(Role) else "customer"
    own, body = operation.request(house, role)
    query = query_of(**operation.query(house))
    return await ask(house.app, operation.method, operation.address(house, role, scope), own | headers, body, query)


async def matrix(house: House, *names: str) -> Answers:
    """The answers of all cells: first those that must refuse, then, once it is certain that these wrote nothing, the
    rest."""
    headers = {who: await headers_of(house, who) for who in WHO}
    found: Answers = {}
    before = house.rows()
    for cell in cells(house.app, *names):
        if expected(*cell):
            found[cell[0].name, cell[1], cell[2]] = await knock(house, cell, headers[cell[1]])
    assert names or house.rows() == before, "a refused request wrote something"
    for cell in cells(house.app, *names):
        if not expected(*cell):
            # A token of its own: to sign out is one of the cells.
            found[cell[0].name, cell[1], cell[2]] = await knock(house, cell, await headers_of(house, cell[1]))
    return found


def faults(house: House, answers: Answers) -> list[str]:
    """The cells that did not answer as the table says."""
    said = []
    for operation, who, scope in cells(house.app, *{name for name, _, _ in answers}):
        answer, wanted = answers[operation.name, who, scope], expected(operation, who, scope)
        good = answer.status == wanted if wanted else answer.status not in (401, 403, 404) and answer.status < 500
        if not good:
            said.append(f"{operation.name} as {who}, {scope}: {answer.status}, not {wanted or 'admitted'}")
    return said


def leaks(house: House, answers: Answers) -> list[str]:
    """Refusals that tell something of what is there, by a word or by differing from one another."""
    words = house.words()
    said = []
    refused: dict[tuple[str, str], set[str]] = {}
    for operation, who, scope in cells(house.app, *{name for name, _, _ in answers}):
        answer = answers[operation.name, who, scope]
        if answer.status in (401, 403, 404):
            said += [f"{operation.name} as {who}, {scope}: {word}" for word in words if word in answer.text]
            told = {name: value for name, value in json.loads(answer.body).items() if name != "instance"}
            refused.setdefault((operation.name, who), set()).add(f"{answer.status} {told} {answer.headers}")
    return said + [f"{name} as {who}: refusals differ" for (name, who), shapes in refused.items() if len(shapes) > 1]


@pytest.mark.req(7, 8, 9, 15, 16, 17, 57, 167)
async def test_everybody_meets_the_table_at_every_route(
    house: House, record_property: Callable[[str, object], None]
) -> None:
    answers = await matrix(house)
    routes = {name for name, _, _ in answers}
    opened = [cell for cell, answer in answers.items() if answer.status < 300]
    record_property("cells", len(answers))
    record_property("routes", f"{len(routes)} of {len(operations(house.app.openapi()))}")
    print(f"{len(answers)} cells over {len(routes)} routes, 100 %; {len(opened)} succeed")
    assert routes == set(EXPECTED) | DOORS, "a route without a row: say in EXPECTED who may use it"
    assert faults(house, answers) == []
    assert leaks(house, answers) == []
    abroad = house.ids_of(THERE)
    strays = [cell for cell in opened if cell[1] != OPERATOR and any(one in answers[cell].text for one in abroad)]
    assert strays == []  # what is answered, lists above all, names nothing of the other tenant's
    assert len(answers) >= LEAST_CELLS
    assert len(opened) >= LEAST_OPENED


ORDER, CANCEL = "GET /v1/orders/{id}", "POST /v1/orders/{id}/cancel"


async def test_the_matrix_sees_an_order_that_everybody_may_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def everybody(*_: object) -> bool:
        return True

    monkeypatch.setattr(access, "_takes_part", everybody)
    answers = await matrix(house, ORDER)
    wrong = faults(house, answers)
    assert f"{ORDER} as customer, tenant: 200, not 404" in wrong
    assert len(wrong) == 8  # four roles, two orders that are not theirs; the operator sees all


async def test_the_matrix_sees_a_lost_guard(house: House) -> None:
    route = next(route for route in ROUTES if name_of(route) == CANCEL)
    guard = next(inner.call for inner in route.dependant.dependencies if isinstance(inner.call, Allow))
    assert guard is not None
    house.app.dependency_overrides[guard] = Allow(Role)
    assert {line.split(" as ")[1].split(",")[0] for line in faults(house, await matrix(house, CANCEL))} == {
        M,
        S,
        K,
        OPERATOR,
    }


async def test_the_matrix_sees_a_refusal_that_tells_what_is_there(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told(_tx: object, _caller: object, order: Order) -> bool:
        raise NotFound(f"order of {order.customer_id}")

    assert leaks(house, await matrix(house, ORDER)) == []
    monkeypatch.setattr(access, "_takes_part", told)
    found = leaks(house, await matrix(house, ORDER))
    assert f"{ORDER} as customer: refusals differ" in found
    assert any(line.startswith(f"{ORDER} as carrier, tenant: acc_") for line in found)


async def test_the_matrix_sees_a_route_that_nobody_put_into_the_table(house: House) -> None:
    @house.app.get("/v1/news")
    async def news() -> str:
        """What is new."""
        return "everything"

    house.app.openapi_schema = None
    assert len(faults(house, await matrix(house, "GET /v1/news"))) == len(WHO)


@pytest.mark.req(15, 16)
@pytest.mark.parametrize(
    "name", ["POST /v1/orders", "POST /v1/products/{id}/quotes", "POST /v1/products/{id}/configuration"]
)
async def test_a_file_of_somebody_elses_is_no_file(house: House, name: str) -> None:
    """A body names things too: what is not the caller's is refused as what does not exist is."""
    operation = next(one for one in operations(house.app.openapi()) if one.name == name)
    headers = await headers_of(house, "customer") | {"Content-Type": "application/json"}
    answers = {}
    for scope in SCOPES:
        body = operation.good(house, "customer")
        body["configuration"] = {"logo": house.thing("file", "customer", scope)}
        body |= {"product_id": "engraved-sign"} if "product_id" in body else {}
        path = operation.path.replace("{id}", "engraved-sign")
        answers[scope] = await ask(house.app, operation.method, path, headers, json.dumps(body).encode())
    assert answers["own"].status in (200, 201), answers["own"].text
    assert {answers[scope].status for scope in SCOPES[1:]} == {422}
    assert len({answers[scope].body for scope in SCOPES[1:]}) == 1


@pytest.mark.parametrize("who", [role.value for role in Role])
async def test_a_cursor_of_somebody_elses_is_no_cursor(house: House, who: str) -> None:
    headers = await headers_of(house, who)
    answers = {}
    for scope in SCOPES:
        cursor = pagination.opaque(house.thing("order", who, scope)) or ""
        answers[scope] = await ask(house.app, "GET", "/v1/orders", headers, query=query_of(cursor=cursor))
    assert answers["own"].status == (422 if who == OPERATOR else 200)  # an operator has no page of its own
    assert {answers[scope].status for scope in SCOPES[1:]} == {422}
    assert len({answers[scope].body for scope in SCOPES[1:]}) == 1


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


async def test_the_running_app_has_no_route_beside_these(world: World) -> None:
    described = (await world.client.get("/openapi.json")).json()
    found = {f"{method.upper()} {path}" for path, methods in described["paths"].items() for method in methods}
    assert found == set(EXPECTED)


async def test_development_routes_are_absent_elsewhere() -> None:
    paths = {route.path for router in api_routers(development=False) for route in router.routes}  # type: ignore[attr-defined]
    assert "/v1/orders" in paths
    assert not [path for path in paths if re.match(r"/v1/dev\b", path)]
