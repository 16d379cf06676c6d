"""Bodies: too large, not JSON, or with values that are none."""

import json
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.types import Message, Scope

from tests.mobile_api.world import Person, World

MEGABYTE = 1 << 20
SUITE = Path(__file__).parents[3] / "shared" / "data" / "jsontestsuite"
NO_NUMBERS = ["true", "1.0", "1.5", "NaN", "Infinity", "-Infinity", "1e400", "null", '"40"', "[40]", "{}"]


def json_headers(person: Person) -> dict[str, str]:
    return person.headers | {"Content-Type": "application/json"}


async def test_a_body_of_10_mb_is_refused(world: World) -> None:
    person = await world.join()
    answer = await world.client.post("/v1/orders", content=b"x" * (10 * MEGABYTE), headers=json_headers(person))
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("keyed", [False, True], ids=["plain", "with an Idempotency-Key"])
async def test_a_body_without_a_length_is_read_to_the_limit_and_no_further(world: World, *, keyed: bool) -> None:
    person = await world.join()
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(160):
            sent += 1
            yield b"[" * (MEGABYTE // 16)

    headers = json_headers(person) | ({"Idempotency-Key": "big"} if keyed else {})
    answer = await world.client.post("/v1/orders", content=chunks(), headers=headers)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert sent <= 18  # 1 MiB is 16 chunks; the one that passes it, and one that httpx holds ready


async def test_a_body_that_lies_about_its_length_is_refused(world: World) -> None:
    received = 0
    sent: list[Message] = []
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/accounts",
        "raw_path": b"/v1/accounts",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"10")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> Message:
        nonlocal received
        received += 1
        return {"type": "http.request", "body": b"[" * MEGABYTE, "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    await world.app(scope, receive, send)
    assert sent[0]["status"] == 413
    assert received == 2


async def test_the_limit_is_not_on_honest_bodies(world: World) -> None:
    person = await world.join()
    body = json.dumps({"text": "x" * (MEGABYTE - 100)})
    answer = await world.client.post("/v1/orders", content=body, headers=json_headers(person))
    assert answer.status_code == 422


@pytest.mark.req(42)
async def test_an_amount_that_is_none_is_refused_by_name(world: World) -> None:
    person = await world.join()
    for literal in ["0", "501", "-1", *NO_NUMBERS, "9007199254740993", "9" * 400]:
        body = json.dumps(world.order_body(person)).replace('"amount": 40', f'"amount": {literal}')
        answer = await world.client.post("/v1/orders", content=body, headers=json_headers(person))
        assert answer.status_code == 422, literal
        (error,) = answer.json()["errors"]
        assert error["field"] == "configuration.amount"
        assert ("from 1 to 500" if literal in ("0", "501", "-1") else "whole number") in error["message"]


async def test_money_is_whole_cents(world: World) -> None:
    maker = await world.join("manufacturer")
    for literal in ["-1", *NO_NUMBERS, "9007199254740992"]:
        body = f'{{"accept_automatically": true, "max_total_minor": {literal}, "min_days": 1}}'
        answer = await world.client.put("/v1/manufacturer/rule", content=body, headers=json_headers(maker))
        assert answer.status_code == 422, literal
        assert [error["field"] for error in answer.json()["errors"]] == ["max_total_minor"]


BROKEN: list[tuple[bytes, int, list[str]]] = [
    (b"{", 400, []),
    (b"", 422, ["body"]),
    (b"[]", 422, ["body"]),
    (b"null", 422, ["body"]),
    (b'"text"', 422, ["body"]),
    (b"[" * 5_000, 400, []),
    (b"\xff\xfe", 400, []),
    (b'{"address": "x", "address": "y"}', 422, ["address"]),
    (rb'{"address": "\u0000"}', 422, ["address"]),
    (rb'{"address": "\ud800"}', 422, ["address"]),
    (rb'{"\ud800": 1}', 422, ["body"]),
    (b'{"address": "' + b"9" * 5_000 + b'"}', 422, ["address", "signature"]),
    (b'{"<b>": 1, "address": 1, "signature": 2}', 422, ["address", "signature", "(unnamed field)"]),
]


async def test_broken_bodies_are_told_what_is_wrong(world: World) -> None:
    person = await world.join()
    for body, status, fields in BROKEN:
        answer = await world.client.put("/v1/me/signing-key", content=body, headers=json_headers(person))
        assert answer.status_code == status, body[:40]
        problem = answer.json()
        assert problem["status"] == status
        assert problem["type"].startswith("urn:lotsizeone:problem:")
        assert [error["field"] for error in problem.get("errors", [])] == fields
        assert "<b>" not in answer.text


async def test_what_was_sent_is_never_sent_back(world: World) -> None:
    person = await world.join()
    marker = "marker-5f3a"
    body = world.order_body(person, product_id=marker, payer_address=marker, client_reference=marker, deliver_by=marker)
    body["configuration"] = {"base": marker, "amount": marker}
    refused: list[httpx.Response] = [await world.client.post("/v1/orders", json=body, headers=person.headers)]
    body = world.order_body(person, configuration={"base": marker})
    refused.append(await world.client.post("/v1/orders", json=body, headers=person.headers))
    refused.append(await world.client.get(f"/v1/orders/{marker}", headers=person.headers))
    refused.append(await world.client.get(f"/v1/orders?cursor={marker}&limit={marker}", headers=person.headers))
    refused.append(await world.client.get("/v1/me", headers={"Authorization": f"Bearer {marker}"}))
    for answer in refused:
        assert 400 <= answer.status_code < 500
        assert marker not in answer.text


async def test_a_nested_bomb_takes_no_memory_worth_naming(world: World) -> None:
    person = await world.join()
    tracemalloc.start()
    try:
        answer = await world.client.post("/v1/orders", content=b'{"a":' * 200_000, headers=json_headers(person))
        assert answer.status_code == 400
        assert tracemalloc.get_traced_memory()[1] < 50 * MEGABYTE
    finally:
        tracemalloc.stop()


async def test_another_content_type_is_not_read_as_json(world: World) -> None:
    person = await world.join()
    headers = person.headers | {"Content-Type": "text/plain"}
    answer = await world.client.post("/v1/orders", content=b"{}", headers=headers)
    assert answer.status_code == 422


async def test_the_json_test_suite_at_the_door(world: World) -> None:
    if not SUITE.is_dir():
        pytest.skip("JSONTestSuite is not beside this checkout")
    person = await world.join()
    statuses = {}
    for file in sorted(SUITE.rglob("*.json")):
        answer = await world.client.put("/v1/me/signing-key", content=file.read_bytes(), headers=json_headers(person))
        statuses[file.name] = answer.status_code
        assert answer.headers["content-type"] == "application/problem+json"
    assert len(statuses) > 300
    assert set(statuses.values()) == {400, 422}
    # What is JSON gets as far as the fields. Of what is not, only nothing at all (a field is missing) and the numbers
    # that are none (the field says so).
    assert all(status == 422 for name, status in statuses.items() if name.startswith("y_"))
    assert {name for name, status in statuses.items() if name.startswith("n_") and status == 422} == {
        "n_structure_no_data.json",
        "n_number_NaN.json",
        "n_number_infinity.json",
        "n_number_minus_infinity.json",
    }
