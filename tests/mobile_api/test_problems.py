"""Errors: every answer that is not a success is a problem (RFC 9457)."""

import logging

import pytest
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request

from marketplace.application import view_orders
from marketplace.domain import errors as domain
from marketplace.ports.chain import ChainFundsLow, ChainRefused, ChainUnavailable
from marketplace.ports.unit_of_work import StoreUnavailable
from mobile_api import errors
from tests.mobile_api.world import World

CASES: list[tuple[Exception, int, str]] = [
    (domain.InvalidInput("deliver_by", "is too early"), 422, "invalid-input"),
    (domain.InvalidTransition("settled", "be cancelled"), 409, "invalid-transition"),
    (domain.NotFound("order"), 404, "not-found"),
    (domain.Forbidden("the manufacturer decides"), 403, "forbidden"),
    (domain.Conflict("the name is taken"), 409, "conflict"),
    (domain.PriceChanged("€ 600.00", "€ 612.00"), 409, "price-changed"),
    (domain.Unauthenticated("sign in"), 401, "unauthenticated"),
    (ChainRefused("TooLate"), 409, "chain-refused"),
    (ChainFundsLow("the relayer has 10.0.0.5 wei"), 503, "no-gas-money"),
    (ChainUnavailable("http://user:password@node refused"), 503, "unavailable"),
    (StoreUnavailable("could not connect to 10.0.0.5"), 503, "unavailable"),
    (ConnectionRefusedError("10.0.0.5"), 503, "unavailable"),
    (TimeoutError(), 503, "unavailable"),
]


@pytest.mark.parametrize(("error", "status", "slug"), CASES, ids=[type(case[0]).__name__ for case in CASES])
@pytest.mark.req(57)
async def test_the_table(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, slug: str
) -> None:
    person = await world.join()

    async def raise_it(*_: object) -> None:
        raise error

    monkeypatch.setattr(view_orders, "order", raise_it)
    answer = await world.client.get("/v1/orders/ord_1", headers=person.headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == errors.PROBLEM_JSON
    problem = answer.json()
    assert problem["type"] == f"urn:lotsizeone:problem:{slug}"
    assert problem["status"] == status
    assert ("retry-after" in answer.headers) == (status == 503)
    assert "10.0.0.5" not in answer.text
    assert "password" not in answer.text


async def test_every_refusal_of_the_domain_has_a_row() -> None:
    refusals = {
        kind for kind in vars(domain).values() if isinstance(kind, type) and issubclass(kind, domain.DomainError)
    }
    assert refusals - {domain.DomainError} <= set(errors.TABLE)


async def test_the_unforeseen_is_a_500_without_details_and_in_the_log(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    person = await world.join()

    async def fall(*_: object) -> None:
        raise ZeroDivisionError("secret-9f2c")

    monkeypatch.setattr(view_orders, "order", fall)
    with caplog.at_level(logging.ERROR):
        answer = await world.client.get("/v1/orders/ord_1", headers=person.headers)
    assert answer.status_code == 500
    assert answer.headers["content-type"] == errors.PROBLEM_JSON
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "secret-9f2c" not in answer.text
    assert "secret-9f2c" in caplog.text
    assert "Traceback" in caplog.text


async def test_unknown_addresses_and_methods_are_problems(world: World) -> None:
    for method, path, status in [
        ("GET", "/v1/nothing", 404),
        ("POST", "/v1/nothing", 404),
        ("PATCH", "/v1/orders", 405),
        ("GET", "/v1/tokens", 405),
        ("GET", "/v1/orders/", 404),
        ("POST", "/", 405),
        ("DELETE", "/somewhere", 405),
        ("GET", "/v1/%00", 404),
    ]:
        answer = await world.client.request(method, path)
        assert answer.status_code == status, (method, path)
        assert answer.headers["content-type"] == errors.PROBLEM_JSON
        assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize("order_id", ["%00", "%ED%A0%80", "..%2f..", "a" * 200, "<script>", "'; drop table orders; --"])
async def test_an_id_that_cannot_be_one_names_nothing(world: World, order_id: str) -> None:
    person = await world.join()
    for path in (f"/v1/orders/{order_id}", f"/v1/orders/{order_id}/timeline", f"/v1/products/{order_id}"):
        answer = await world.client.get(path, headers=person.headers)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == errors.PROBLEM_JSON


def test_an_unknown_kind_of_refusal_still_says_which_field() -> None:
    request = Request({"type": "http", "method": "POST", "path": "/", "headers": []})
    found = errors.problem_for(
        RequestValidationError(
            [{"type": "brand_new", "loc": ("body", "a", 0, "b"), "msg": "x", "input": float("nan")}]
        ),
        request,
    )
    assert found is not None
    assert b'{"field": "a.0.b", "message": "is not acceptable"}' in found.body


async def test_security_headers_are_on_every_answer(world: World) -> None:
    for path in ("/", "/v1/chain", "/v1/me", "/livez", "/nothing.js"):
        headers = (await world.client.get(path)).headers
        policy = headers["content-security-policy"]
        scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
        assert scripts == "script-src 'self'"
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers
    assert (await world.client.get("/v1/chain")).headers["cache-control"] == "no-store"


async def test_probes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await world.client.get("/livez")).json() == {"status": "ok"}
    assert (await world.client.get("/readyz")).json() == {"status": "ok", "checks": {"database": "ok", "chain": "ok"}}
    world.chain.away = True
    answer = await world.client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["chain"]) == (200, "unavailable")

    async def away(*_: object) -> int:
        raise StoreUnavailable("gone")

    monkeypatch.setattr("mobile_api.health.view_timeline.latest", away)
    assert (await world.client.get("/readyz")).status_code == 503
    assert (await world.client.get("/livez")).status_code == 200
