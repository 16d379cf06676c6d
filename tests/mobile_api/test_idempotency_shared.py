"""One key, several processes, one database: one effect, one answer, whoever is faster and whoever dies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from marketplace.application import remembered
from marketplace.application.context import Context
from marketplace.persistence.engines import open_engines
from marketplace.ports.unit_of_work import Transaction, UnitOfWork
from tests.mobile_api.world import PASSWORD, Person, World

KEY = {"Idempotency-Key": "one-key"}


@pytest.fixture
async def customer(apps: tuple[World, World]) -> Person:
    """A customer of a shop whose manufacturer has joined."""
    await apps[0].join("manufacturer", "Model Factory")
    return await apps[0].join()


async def count(url: str, table: str) -> int:
    """How many rows there are, asked on a connection of our own."""
    engines = open_engines(url)
    try:
        async with engines.read.begin() as connection:
            return int(await connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608 - ours
    finally:
        await engines.dispose()


async def post(world: World, path: str, body: object, headers: dict[str, str]) -> httpx.Response:
    return await world.client.post(f"/v1/{path}", json=body, headers=headers | KEY)


async def hundred(apps: tuple[World, World], path: str, *bodies: object, headers: dict[str, str]) -> list[Any]:
    """A hundred requests at once, half to each application."""
    requests = (post(apps[n % 2], path, bodies[n // 2 % len(bodies)], headers) for n in range(100))
    return list(await asyncio.gather(*requests))


@pytest.mark.req(168)
async def test_a_hundred_at_once_on_two_processes_are_one_order(
    apps: tuple[World, World], url: str, customer: Person
) -> None:
    answers = await hundred(apps, "orders", apps[0].order_body(customer), headers=customer.headers)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert [await count(url, table) for table in ("orders", "order_events", "idempotency_answers")] == [1, 1, 1]


async def test_a_hundred_different_ones_at_once_are_a_hundred_orders(
    apps: tuple[World, World], url: str, customer: Person
) -> None:
    """Three keys ask for the order of another one: whoever shares a round with them loses nothing."""
    bodies = [apps[0].order_body(customer) for _ in range(100)]
    bodies += bodies[:3]

    async def order(number: int, body: object) -> httpx.Response:
        headers = customer.headers | {"Idempotency-Key": f"key-{number}"}
        return await apps[number % 2].client.post("/v1/orders", json=body, headers=headers)

    answers = await asyncio.gather(*(order(number, body) for number, body in enumerate(bodies)))
    assert {answer.status_code for answer in answers} == {201}
    assert [answer.json()["id"] for answer in answers[100:]] == [answer.json()["id"] for answer in answers[:3]]
    tables = ("orders", "order_events", "outbox")  # a search and a deadline for each
    assert [await count(url, table) for table in tables] == [100, 100, 200]
    assert await count(url, "idempotency_answers") == 103


async def test_a_secret_that_is_shown_once_is_the_same_for_all(apps: tuple[World, World], url: str) -> None:
    maker = await apps[0].join("manufacturer", "Model Factory")
    body = {"name": "cell", "address": "0x" + "ab" * 20}
    answers = await hundred(apps, "gateways", body, headers=maker.headers)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["secret"] for answer in answers}) == 1
    assert await count(url, "gateways") == 1


async def test_of_two_bodies_under_one_key_one_is_done(apps: tuple[World, World], url: str, customer: Person) -> None:
    bodies = [apps[0].order_body(customer) for _ in range(2)]
    answers = await hundred(apps, "orders", *bodies, headers=customer.headers)
    assert {answer.status_code for answer in answers} == {201, 422}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert await count(url, "orders") == 1


async def test_kept_in_a_transaction_of_its_own_the_answer_would_come_too_late(
    apps: tuple[World, World], url: str, customer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: two processes, two bodies, one key, and two orders."""
    monkeypatch.setattr(remembered, "within", lambda ctx, _: ctx)
    both_looked = asyncio.Barrier(2)
    found = remembered.find

    async def look_together(ctx: Context, name: remembered.Name) -> Any:
        stored = await found(ctx, name)
        if stored is None:
            await both_looked.wait()
        return stored

    monkeypatch.setattr(remembered, "find", look_together)
    bodies = [apps[0].order_body(customer) for _ in range(2)]
    async with asyncio.timeout(30):
        await asyncio.gather(
            *(post(app, "orders", body, customer.headers) for app, body in zip(apps, bodies, strict=True))
        )
    assert await count(url, "orders") == 2


class Killed(BaseException):
    """The process is gone."""


class DyingUnitOfWork:
    """A process that is killed just before or just after it commits."""

    def __init__(self, uow: UnitOfWork, point: str) -> None:
        self._uow = uow
        self._point = point
        self.read = uow.read
        self.glance = uow.glance

    def write(self) -> AbstractAsyncContextManager[Transaction]:
        return self._dying(self._uow.write())

    def together(self) -> AbstractAsyncContextManager[Transaction]:
        return self._dying(self._uow.together())

    @asynccontextmanager
    async def _dying(self, opening: AbstractAsyncContextManager[Transaction]) -> AsyncIterator[Transaction]:
        async with opening as tx:
            yield tx
            if self._point == "before":
                raise Killed
        if self._point == "after":
            raise Killed


def dying(world: World, point: str) -> None:
    """From now on this application dies at its first commit."""
    services = world.app.state.services
    object.__setattr__(services, "ctx", replace(world.ctx, uow=DyingUnitOfWork(world.ctx.uow, point)))


async def die(world: World, path: str, body: object, headers: dict[str, str]) -> None:
    with pytest.raises(BaseException) as end:  # noqa: PT011
        await post(world, path, body, headers)
    assert end.group_contains(Killed) if isinstance(end.value, BaseExceptionGroup) else end.type is Killed


async def things_to_do(world: World) -> dict[str, tuple[str, object, dict[str, str], str]]:
    """What one may ask for: path, body, headers and the table in which it leaves a row."""
    maker = await world.join("manufacturer", "Model Factory")
    buyer = await world.join()
    placed = await world.place(buyer)
    joining = {"email": "ada@example.org", "password": PASSWORD, "display_name": "Ada", "role": "customer"}
    browser = {
        "kind": "web_push",
        "endpoint": "https://push.example.org/1",
        "keys": {"p256dh": "B" * 87, "auth": "A" * 22},
    }
    return {
        "order": ("orders", world.order_body(buyer), buyer.headers, "orders"),
        "account": ("accounts", joining, {}, "accounts"),
        "gateway": ("gateways", {"name": "cell", "address": "0x" + "ab" * 20}, maker.headers, "gateways"),
        "cancel": (f"orders/{placed['id']}/cancel", {"reason": "no"}, buyer.headers, "order_events"),
        "device": ("push/subscriptions", browser, buyer.headers, "devices"),
        "funds": ("dev/funds", {}, buyer.headers, "outbox"),
    }


@pytest.mark.req(168)
@pytest.mark.parametrize("point", ["before", "after"])
@pytest.mark.parametrize("what", ["order", "account", "gateway", "cancel", "device", "funds"])
async def test_a_process_that_dies_between_leaves_all_or_nothing(
    apps: tuple[World, World], url: str, what: str, point: str
) -> None:
    """Whatever was asked for: the same request at another process gets it done, once, and gets the answer."""
    path, body, headers, table = (await things_to_do(apps[0]))[what]
    before = await count(url, table)
    dying(apps[0], point)
    await die(apps[0], path, body, headers)
    assert await count(url, table) - before == (point == "after")
    assert await count(url, "idempotency_answers") == (point == "after")
    again = await post(apps[1], path, body, headers)
    assert again.status_code in (200, 201)
    assert again.headers.get("idempotent-replayed") == ("true" if point == "after" else None)
    assert await count(url, table) - before == 1
    assert (await post(apps[1], path, body, headers)).text == again.text


@pytest.mark.parametrize("what", ["account", "gateway", "cancel"])
async def test_kept_apart_the_answer_would_be_lost_with_the_process(
    apps: tuple[World, World], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: it was done, and whoever asks again is refused, or never told the secret."""
    monkeypatch.setattr(remembered, "within", lambda ctx, _: ctx)
    path, body, headers, _ = (await things_to_do(apps[0]))[what]
    dying(apps[0], "after")
    await die(apps[0], path, body, headers)
    assert (await post(apps[1], path, body, headers)).status_code == 409
