"""A registry that is down, and input that is wrong, against the running platform."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import pytest

from bootstrap.demo.actors import Actor
from bootstrap.demo.story import PRODUCT
from tests.integration.platform import Platform, open_platform, order_body, sign_all, wait_for, wanted

pytestmark = pytest.mark.integration

OFFER = f"/v1/products/{PRODUCT}/quotes"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Chain, API and worker; no registry."""
    with open_platform(tmp_path_factory.mktemp("platform"), "registry", "factory", "push-receiver") as opened:
        yield opened


@dataclass(frozen=True)
class Placed:
    """An order that was placed while the registry was down."""

    order_id: str
    waiting_for: str
    status_meanwhile: str
    quoted: dict[str, Any]


@pytest.fixture(scope="module")
def placed(platform: Platform) -> Placed:
    """Places it, reads what it waits for, starts the registry, lets everybody sign."""

    async def before(actors: dict[str, Actor]) -> dict[str, Any]:
        ana = actors["customer"]
        order = await ana.call("POST", "/v1/orders", order_body(ana))
        return await wait_for(ana, order["id"], lambda now: "does not answer" in str(now["waiting_for"]))

    async def after(actors: dict[str, Actor]) -> dict[str, Any]:
        signing = [actors[name] for name in ("amp", "machining", "manufacturer")]
        while True:
            await asyncio.gather(*map(sign_all, signing))
            order = await actors["customer"].call("GET", f"/v1/orders/{waiting['id']}")
            if order["status"] == "quoted":
                return dict(order)
            await asyncio.sleep(0.1)

    waiting = platform.act(before)
    platform.start("registry")
    return Placed(waiting["id"], waiting["waiting_for"], waiting["status"], platform.act(after))


@pytest.mark.req(43, 44, 61, 62)
def test_an_order_waits_for_its_registry_and_goes_on_by_itself(placed: Placed) -> None:
    assert placed.status_meanwhile == "placed"
    assert "registry does not answer" in placed.waiting_for
    assert placed.quoted["quote"]["kind"] == "firm"
    assert placed.quoted["quote"]["total_minor"] == 60_000
    assert {agreement["status"] for agreement in placed.quoted["agreements"]} <= {"drafted", "signed"}


@dataclass(frozen=True)
class Caller:
    """Somebody's HTTP, without any help from a client library of ours."""

    http: httpx.Client
    token: str

    def send(self, method: str, path: str, body: object = None, *, raw: bytes | None = None) -> httpx.Response:
        """One request; `raw` is a body as it is."""
        content = raw if raw is not None else None if body is None else json.dumps(body).encode()
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": str(time.monotonic_ns()),
        }
        return self.http.request(method, path, content=content, headers=headers)


@pytest.fixture
def customer(platform: Platform) -> Iterator[Caller]:
    """Ana, who owns the order."""
    with httpx.Client(base_url=platform.stage.api_url, timeout=20.0, trust_env=False) as http:
        yield Caller(http, platform.tokens["customer"])


def refused(answer: httpx.Response, status: int, field: str | None = None) -> dict[str, Any]:
    """Check that `answer` is a problem document (RFC 9457), of this status, that names this field."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert {"type", "title", "detail"} <= problem.keys()
    if field is not None:
        assert field in [error["field"] for error in problem["errors"]], problem
        assert all(error["message"] for error in problem["errors"])
    return problem


@pytest.mark.req(42, 135)
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"amount": 0}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": "40"}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": 4.5}, "amount"),
        ({"amount": 2**63}, "amount"),
        ({"base": "base-41mm"}, "base"),
        ({"engraving": "a\x00b"}, "engraving"),
        ({"engraving": "\ud800"}, "engraving"),
    ],
    ids=lambda value: ascii(value) if isinstance(value, dict) else "",
)
def test_a_bad_option_is_named(customer: Caller, change: dict[str, Any], field: str) -> None:
    problem = refused(customer.send("POST", OFFER, wanted(**change)), 422)
    assert any(field in error["field"] for error in problem["errors"]), problem


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "4e1"])
def test_a_number_that_is_none_is_named(customer: Caller, number: str) -> None:
    """Python's own JSON reader takes the first four, and writes them into an answer that nobody can read."""
    refused(customer.send("POST", OFFER, raw=_offer_with(number)), 422, "configuration.amount")


@pytest.mark.parametrize("number", ["1_000", "0x10", "040", "1" * 5_000], ids=["_", "0x", "octal", "long"])
def test_what_is_no_json_is_refused(customer: Caller, number: str) -> None:
    refused(customer.send("POST", OFFER, raw=_offer_with(number)), 400)


def _offer_with(number: str) -> bytes:
    return json.dumps(wanted(amount=12345)).replace("12345", number).encode()


@pytest.mark.parametrize("day", ["2001-01-01", "2026-02-30", "tomorrow", 5, None, "9999-12-31T00:00:00Z"])
def test_an_impossible_date_is_named(customer: Caller, day: object) -> None:
    refused(customer.send("POST", OFFER, wanted() | {"deliver_by": day}), 422, "deliver_by")


def test_a_date_too_soon_is_refused_for_an_order(platform: Platform, customer: Caller) -> None:
    async def body(actors: dict[str, Actor]) -> dict[str, Any]:
        return order_body(actors["customer"]) | {"client_reference": "0b5e1f0e-0000-4000-8000-000000000000"}

    today = time.strftime("%Y-%m-%d", time.gmtime())
    refused(customer.send("POST", "/v1/orders", platform.act(body) | {"deliver_by": today}), 422, "deliver_by")


def test_ten_megabytes_are_refused_unread(customer: Caller) -> None:
    refused(customer.send("POST", OFFER, raw=b" " * (10 << 20)), 413)
    assert customer.send("GET", "/v1/me").status_code == 200


@pytest.mark.req(2, 3, 10)
def test_a_wrong_password_opens_nothing(platform: Platform, customer: Caller) -> None:
    refused(customer.http.post("/v1/tokens", auth=("ana@example.org", "not this one")), 401)
    refused(customer.http.post("/v1/tokens", auth=("nobody@example.org", "not this one")), 401)


@pytest.mark.req(9)
def test_somebody_elses_order_is_as_if_it_were_not_there(placed: Placed, customer: Caller) -> None:
    eve = {
        "email": "eve@example.org",
        "password": "a long password",
        "display_name": "Eve",
        "role": "customer",
    }
    assert customer.http.post("/v1/accounts", json=eve).status_code == 201
    signed_in = customer.http.post("/v1/tokens", auth=(eve["email"], eve["password"])).json()
    stranger = Caller(customer.http, signed_in["access_token"])
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/timeline", None),
        ("GET", "/confirmation", None),
        ("POST", "/confirm", {"terms_signature": "0x" + "11" * 65, "permit_signature": "0x" + "11" * 65}),
    ):
        theirs = refused(stranger.send(method, f"/v1/orders/{placed.order_id}{path}", body), 404)
        nobodys = refused(stranger.send(method, f"/v1/orders/ord_{'0' * 24}{path}", body), 404)
        assert theirs == nobodys


@pytest.mark.parametrize("secret", ["0x" + "00" * 32, "0x12", "garbage", 7])
def test_a_wrong_handover_secret_is_named(platform: Platform, placed: Placed, customer: Caller, secret: object) -> None:
    maker = Caller(customer.http, platform.tokens["manufacturer"])
    refused(maker.send("POST", f"/v1/orders/{placed.order_id}/handover", {"secret": secret}), 422, "secret")


@pytest.mark.req(47)
def test_another_keys_signature_confirms_nothing(platform: Platform, placed: Placed, customer: Caller) -> None:
    async def signed_by_the_carrier(actors: dict[str, Actor]) -> dict[str, Any]:
        asked = await actors["customer"].call("GET", f"/v1/orders/{placed.order_id}/confirmation")
        ana, thief = actors["customer"], actors["carrier"]
        return {
            "right": {
                "terms_signature": await ana.sign(asked["terms"]),
                "permit_signature": await ana.sign(asked["permit"]),
            },
            "wrong": {
                "terms_signature": await thief.sign(asked["terms"]),
                "permit_signature": await thief.sign(asked["permit"]),
            },
        }

    signatures = platform.act(signed_by_the_carrier)
    path = f"/v1/orders/{placed.order_id}/confirm"
    for field in ("terms_signature", "permit_signature"):
        one_wrong = signatures["right"] | {field: signatures["wrong"][field]}
        refused(customer.send("POST", path, one_wrong), 422, field)
    assert customer.send("GET", f"/v1/orders/{placed.order_id}").json()["status"] == "quoted"


@pytest.mark.req(5, 6, 7)
def test_tokens_that_are_expired_or_garbage_open_nothing(platform: Platform, customer: Caller) -> None:
    secret = (platform.stage.folder / "secrets" / "jwt").read_text()
    claims = jwt.decode(customer.token, secret, algorithms=["HS256"], options={"verify_aud": False})
    header = jwt.get_unverified_header(customer.token)
    now = int(time.time())
    aged = claims | {"iat": now - 8 * 86_400, "nbf": now - 8 * 86_400, "exp": now - 86_400}
    endless = {name: value for name, value in claims.items() if name != "exp"}

    def coin(content: dict[str, Any], key: str, algorithm: str = "HS256") -> str:
        return jwt.encode(content, key, algorithm=algorithm, headers={"typ": header["typ"]})

    assert customer.send("GET", "/v1/me").status_code == 200
    assert Caller(customer.http, coin(claims, secret)).send("GET", "/v1/me").status_code == 200  # the forge works
    for token in (
        coin({name: value for name, value in aged.items() if name in claims}, secret),
        coin(endless, secret),
        coin(claims, secret[::-1]),
        coin(claims, "", "none"),
        "garbage",
        customer.token[:-2],
        customer.token + ".x",
    ):
        refused(Caller(customer.http, token).send("GET", "/v1/me"), 401)


def test_the_check_of_problems_can_fail(customer: Caller) -> None:
    """Negative control: an answer that is no problem, or names no field, is not taken for one."""
    with pytest.raises(AssertionError):
        refused(customer.send("GET", "/v1/me"), 401)
    with pytest.raises((AssertionError, KeyError)):
        refused(customer.http.get("/v1/me"), 401, "deliver_by")
