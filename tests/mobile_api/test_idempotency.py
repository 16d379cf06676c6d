"""Idempotency-Key: the same request again gets the answer it got, and is not done again."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from marketplace.application import place_order, register
from marketplace.domain.errors import Conflict, InvalidInput
from marketplace.ports.chain import ChainUnavailable
from mobile_api.idempotency import Answers
from mobile_api.keys import key_of
from tests.mobile_api.world import PASSWORD, SETTINGS, Person, World


class Counted:
    """A use case that counts its calls, and can fail or wait first."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.calls = 0
        self.failure: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.started = asyncio.Event()

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        self.started.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return await self.real(*args, **kwargs)


@pytest.fixture
def placing(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """The use case behind POST /v1/orders, watched."""
    counted = Counted(place_order.place_order)
    monkeypatch.setattr(place_order, "place_order", counted)
    return counted


@pytest.fixture
async def customer(world: World) -> Person:
    """A customer of a shop whose manufacturer has joined."""
    await world.join("manufacturer", "Model Factory")
    return await world.join()


async def post(world: World, person: Person, body: object, key: str = "key-1") -> httpx.Response:
    return await world.client.post("/v1/orders", json=body, headers=person.headers | {"Idempotency-Key": key})


async def test_a_repeat_gets_the_stored_answer(world: World, customer: Person, placing: Counted) -> None:
    body = world.order_body(customer)
    first, again = await post(world, customer, body), await post(world, customer, body)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["content-type"] == first.headers["content-type"]
    assert (first.headers.get("idempotent-replayed"), again.headers.get("idempotent-replayed")) == (None, "true")
    assert placing.calls == 1
    assert (await post(world, customer, body, "key-2")).status_code == 201
    assert (
        placing.calls > 1
    )  # the control: another key is another request (whose order is there: it is tried alone, too)


async def test_a_hundred_at_once_are_one(world: World, customer: Person, placing: Counted) -> None:
    body = world.order_body(customer)
    answers = await asyncio.gather(*(post(world, customer, body) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert placing.calls == 1


async def test_another_body_under_the_same_key_is_refused(world: World, customer: Person, placing: Counted) -> None:
    assert (await post(world, customer, world.order_body(customer))).status_code == 201
    answer = await post(world, customer, world.order_body(customer))
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:lotsizeone:problem:key-reused"
    assert placing.calls == 1


async def test_keys_of_two_people_and_two_addresses_do_not_meet(world: World, customer: Person) -> None:
    other = await world.join()
    body, others_body = world.order_body(customer), world.order_body(other)
    mine, others = await post(world, customer, body), await post(world, other, others_body)
    assert (mine.status_code, others.status_code) == (201, 201)
    assert mine.json()["id"] != others.json()["id"]
    headers = customer.headers | {"Idempotency-Key": "key-1"}
    cancelled = await world.client.post(f"/v1/orders/{mine.json()['id']}/cancel", json={}, headers=headers)
    assert cancelled.json()["status"] == "cancelled"


async def test_the_second_in_flight_waits_and_gives_up_in_time(
    world: World, customer: Person, placing: Counted
) -> None:
    services = world.app.state.services
    object.__setattr__(services, "answers", Answers(SETTINGS.keys, wait_s=0.2))
    placing.gate = asyncio.Event()
    body = world.order_body(customer)
    first = asyncio.create_task(post(world, customer, body))
    await asyncio.wait_for(placing.started.wait(), 5)
    second = await post(world, customer, body)
    assert second.status_code == 409
    assert second.json()["type"] == "urn:lotsizeone:problem:request-in-progress"
    assert int(second.headers["retry-after"]) > 0
    placing.gate.set()
    assert (await first).status_code == 201
    assert (await post(world, customer, body)).json() == (await first).json()
    assert placing.calls == 1
    assert services.answers._locks == {}


@pytest.mark.parametrize(
    ("failure", "status", "calls"),
    [
        (InvalidInput("deliver_by", "is too early"), 422, 1),
        (Conflict("somebody was faster"), 409, 2),
        (ChainUnavailable("away"), 503, 2),
        (ZeroDivisionError("unforeseen"), 500, 2),
    ],
    ids=["refusal", "conflict", "unavailable", "unforeseen"],
)
async def test_only_what_another_try_cannot_change_is_kept(
    world: World, customer: Person, placing: Counted, failure: Exception, status: int, calls: int
) -> None:
    placing.failure = failure
    body = world.order_body(customer)
    assert (await post(world, customer, body)).status_code == status
    placing.failure = None if calls == 2 else failure
    again = await post(world, customer, body)
    assert again.status_code == (201 if calls == 2 else status)
    assert placing.calls == calls


async def test_a_mistyped_request_does_not_use_the_key_up(world: World, customer: Person) -> None:
    body = world.order_body(customer)
    assert (await post(world, customer, body | {"payer_address": "0x1"})).status_code == 422
    assert (await post(world, customer, body)).status_code == 201


async def test_a_signed_out_caller_is_not_answered_from_memory(world: World, customer: Person) -> None:
    body = world.order_body(customer)
    assert (await post(world, customer, body)).status_code == 201
    await world.client.delete("/v1/tokens/current", headers=customer.headers)
    assert (await post(world, customer, body)).status_code == 401


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "caf\xe9"])
async def test_a_key_that_is_none_is_refused(world: World, customer: Person, key: str) -> None:
    headers = [*customer.headers.items(), ("Idempotency-Key", key.encode("latin-1"))]
    answer = await world.client.post("/v1/orders", json=world.order_body(customer), headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


async def test_two_keys_are_none(world: World, customer: Person) -> None:
    headers = [*customer.headers.items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = await world.client.post("/v1/orders", json=world.order_body(customer), headers=headers)
    assert answer.status_code == 422


async def test_joining_twice_with_one_key_is_joining_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(register.register)
    monkeypatch.setattr(register, "register", counted)
    body = {"email": "ada@example.com", "password": PASSWORD, "display_name": "Ada", "role": "customer"}
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    first = await world.client.post("/v1/accounts", json=body, headers=headers)
    again = await world.client.post("/v1/accounts", json=body, headers=headers)
    assert (first.status_code, again.status_code, counted.calls) == (201, 201, 1)
    assert (await world.client.post("/v1/accounts", json=body)).status_code == 409


async def test_an_empty_answer_is_repeated_as_an_empty_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await world.join()
    calls = []

    async def mark_read(*args: object) -> None:
        calls.append(args)

    monkeypatch.setattr("marketplace.application.inbox.mark_read", mark_read)
    headers = person.headers | {"Idempotency-Key": "read"}
    for _ in range(2):
        answer = await world.client.post("/v1/inbox/msg_1/read", headers=headers)
        assert (answer.status_code, answer.content) == (204, b"")
    assert len(calls) == 1


async def test_an_answer_under_another_secret_is_not_done_again(
    world: World, customer: Person, placing: Counted
) -> None:
    body = world.order_body(customer)
    assert (await post(world, customer, body)).status_code == 201
    async with world.ctx.uow.read() as tx:
        kept = await tx.idempotency.get(customer.account["id"], "POST /v1/orders", "key-1")
    assert kept is not None
    strange = Answers([key_of("a new secret of the tests, long enough too")])
    object.__setattr__(world.app.state.services, "answers", strange)
    assert (await post(world, customer, body)).status_code == 409
    assert placing.calls == 1
