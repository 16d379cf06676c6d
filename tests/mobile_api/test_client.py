"""The client against an interface that fails in every way a network can, and against the real one."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from mobile_api.client import Client, NotChanged, Problem, etag_of, transport
from mobile_api.client.models.orders import OrderCreate
from mobile_api.client.models.shop_floor import Rule
from tests.mobile_api.world import PASSWORD, World, signature_of
from tests.planning.test_svg_file import SQUARE, svg

PROBLEM = {
    "type": "urn:lotsizeone:problem:invalid-input",
    "title": "Not acceptable",
    "status": 422,
    "detail": "Some values are not acceptable; see errors.",
    "errors": [{"field": "configuration.amount", "message": "must be a whole number"}],
}
Step = httpx.Response | Exception
ORDER: Any = {"product_id": "p"}


class Line:
    """A network on which the next things happen in order; it keeps what was sent."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.sent: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        return step


@asynccontextmanager
async def calling(line: Callable[[httpx.Request], httpx.Response], patience_s: float = 5) -> AsyncIterator[Client]:
    """A client on this network."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(line), base_url="https://m.example") as http:
        yield Client(http, "a token", patience_s=patience_s)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_PAUSE_S", 0.001)


def ok(**body: Any) -> httpx.Response:
    return httpx.Response(200, json=body, headers={"ETag": '"1"'})


def busy(status: int = 503, **headers: str) -> httpx.Response:
    kind = "request-in-progress" if status == 409 else "unavailable"
    return httpx.Response(status, json={"type": f"urn:lotsizeone:problem:{kind}", "detail": "Later."}, headers=headers)


async def test_silence_and_busy_are_asked_again_under_one_key() -> None:
    silence = [httpx.ReadError("cut"), httpx.ConnectError("away"), httpx.ReadTimeout("slow")]
    line = Line(*silence, busy(), busy(409), busy(429), ok(id="ord_1"))
    async with calling(line) as client:
        assert (await client.place_order(ORDER))["id"] == "ord_1"
    assert len(line.sent) == 7
    assert len({request.headers["Idempotency-Key"] for request in line.sent}) == 1
    async with calling(line) as client:
        await client.place_order(ORDER)
        await client.place_order(ORDER, idempotency_key="mine")
    keys = [request.headers["Idempotency-Key"] for request in line.sent[-3:]]
    assert len(set(keys)) == 3, "each intent has a key of its own"
    assert keys[2] == "mine"


async def test_what_a_repeat_could_harm_is_not_repeated() -> None:
    rule = Rule(accept_automatically=True, max_total_minor=1, min_days=1)
    for failure in (httpx.ReadError("cut"), httpx.ReadTimeout("slow"), httpx.WriteError("cut")):
        line = Line(failure, failure, ok())
        async with calling(line) as client:
            with pytest.raises(type(failure)):
                await client.sign_in(basic=("ana", "secret"))
            with pytest.raises(type(failure)):
                await client.replace_rule(rule, if_match='"1"')
        assert len(line.sent) == 2
    line = Line(busy(), ok())
    async with calling(line) as client:
        with pytest.raises(Problem, match="503 unavailable"):
            await client.sign_in(basic=("ana", "secret"))


async def test_what_nobody_heard_may_always_be_repeated() -> None:
    line = Line(httpx.ConnectError("away"), ok(access_token="t"))
    async with calling(line) as client:
        assert (await client.sign_in(basic=("ana", "secret")))["access_token"] == "t"


async def test_every_call_ends() -> None:
    async with calling(Line(httpx.ConnectError("away")), patience_s=0.2) as client:
        with pytest.raises(httpx.ConnectError):
            await client.read_me()
    async with calling(Line(busy()), patience_s=0.2) as client:
        with pytest.raises(Problem, match="503"):
            await client.read_me()
    line = Line(busy(**{"Retry-After": "3600"}))
    async with calling(line) as client:  # longer than anybody waits: told at once
        with pytest.raises(Problem) as told:
            await client.read_me()
    assert (told.value.retry_after_s, len(line.sent)) == (3600, 1)

    async def mute(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError(request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(mute), base_url="https://m.example") as http:
        with pytest.raises(TimeoutError):
            await Client(http, patience_s=0.1).read_me()


async def test_a_refusal_is_an_exception_with_its_fields() -> None:
    async with calling(Line(httpx.Response(422, json=PROBLEM))) as client:
        with pytest.raises(Problem) as told:
            await client.place_order(ORDER)
    assert (told.value.status, told.value.kind) == (422, "invalid-input")
    assert told.value.fields == {"configuration.amount": "must be a whole number"}
    assert "configuration.amount: must be a whole number" in str(told.value)
    refused = {"error": "invalid_client", "error_description": "client id or secret is wrong"}
    async with calling(Line(httpx.Response(401, json=refused))) as client:
        with pytest.raises(Problem, match="401 invalid_client: client id or secret is wrong"):
            await client.issue_oauth_token({"grant_type": "client_credentials"})
    strange = [
        httpx.Response(502, html="<h1>Bad"),
        httpx.Response(500, json=["a"]),
        httpx.Response(400, json={"errors": 1}),
    ]
    for answer in strange:  # a proxy between us has its own ways
        async with calling(Line(answer)) as client:
            with pytest.raises(Problem) as told:
                await client.read_me()
        assert (told.value.status, told.value.kind, told.value.fields) == (answer.status_code, "", {})


async def test_an_answer_carries_its_tag() -> None:
    line = Line(ok(id="1"), httpx.Response(304))
    async with calling(line) as client:
        seen = await client.read_me()
        assert etag_of(seen) == '"1"'
        with pytest.raises(NotChanged):
            await client.read_me(if_none_match=etag_of(seen))
    assert line.sent[1].headers["If-None-Match"] == '"1"'
    assert etag_of({"id": "1"}) is None


async def test_pages_are_read_to_the_last() -> None:
    pages = [ok(items=[{"id": "3"}, {"id": "2"}], next_cursor="c+/="), ok(items=[{"id": "1"}], next_cursor=None)]
    line = Line(*pages)
    async with calling(line) as client:
        assert [order["id"] async for order in client.all_orders()] == ["3", "2", "1"]
    assert [request.url.params.get("cursor") for request in line.sent] == [None, "c+/="]


async def test_a_refused_stream_tells_why() -> None:
    async with calling(Line(httpx.Response(404, json=PROBLEM | {"detail": "No order."}))) as client:
        with pytest.raises(Problem, match="No order"):
            await anext(client.follow_order("ord_1"))


def order_of(world: World, address: str) -> OrderCreate:
    return {
        "product_id": "pneumatic-cylinder",
        "configuration": {"base": "base-40mm", "amount": 40, "engraving": "SENAI"},
        "deliver_by": (world.clock.now().date() + timedelta(days=14)).isoformat(),
        "payer_address": address,
        "handover_hash": "0x" + "5e" * 32,
        "client_reference": "0b6e9f0e-6f0a-4c58-9d9e-3f1f3f0f8a11",
    }


@pytest.mark.req(19)
async def test_a_partner_joins_orders_follows_and_withdraws(world: World) -> None:
    maker = await world.join("manufacturer", "Model Factory")
    api = Client(world.client)
    me = await api.register_account(
        {"email": "ana@example.org", "password": PASSWORD, "display_name": "Ana", "role": "customer"}
    )
    signed_in = await api.sign_in(basic=("ana@example.org", PASSWORD))
    api.token = signed_in["access_token"]
    assert signed_in["account"] == me
    address = "0x" + "ab" * 20
    key = await api.set_signing_key({"address": address, "signature": signature_of(address)})
    assert key["address"] == address
    priced = await api.quote_product(
        "pneumatic-cylinder", {"configuration": {"amount": 40}, "deliver_by": order_of(world, address)["deliver_by"]}
    )
    assert priced["quote"]["total_minor"] > 0
    placed = await api.place_order(order_of(world, address))
    assert [order["id"] async for order in api.all_orders()] == [placed["id"]]
    file = await api.upload_design(svg(SQUARE), "image/svg+xml")
    assert (
        await api.read_design(file["digest"])
        == (
            await world.client.get(
                f"/v1/design-files/{file['digest']}", headers={"Authorization": f"Bearer {api.token}"}
            )
        ).content
    )
    await api.drop_design(file["digest"])
    seen = await api.read_order(placed["id"])
    with pytest.raises(Problem) as refused:
        await api.cancel_order(placed["id"], {"reason": "no"}, if_match='"another"')
    assert (refused.value.status, refused.value.kind) == (412, "changed-meanwhile")
    cancelled = await api.cancel_order(placed["id"], {"reason": "no"}, if_match=etag_of(seen))
    assert cancelled["status"] == "cancelled"
    with pytest.raises(Problem) as unknown:
        await api.place_order({**order_of(world, address), "deliver_by": "soon"})
    assert list(unknown.value.fields) == ["deliver_by"]
    assert (await Client(world.client, maker.token).list_jobs())["items"] == []


async def test_a_partner_of_an_organisation_gets_a_token_for_its_secret(world: World) -> None:
    maker = await world.join("manufacturer", "Model Factory")
    people = Client(world.client, maker.token)
    made = await people.register_oauth_client({"name": "ERP", "kind": "partner", "scope": "read"})
    secret = made["client_secret"]
    assert secret is not None
    partner = Client(world.client)
    granted = await partner.issue_oauth_token({"grant_type": "client_credentials"}, basic=(made["client_id"], secret))
    partner.token = granted["access_token"]
    assert (await partner.list_orders())["items"] == []
    with pytest.raises(Problem, match="403 insufficient-scope"):
        await partner.ship_order("ord_1")
    await partner.revoke_oauth_token({"token": partner.token}, basic=(made["client_id"], secret))
    with pytest.raises(Problem, match="401"):
        await partner.list_orders()
    assert json.dumps(await people.read_oauth_client(made["client_id"]))
