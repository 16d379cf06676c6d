"""The database is away: every route says so, soon, and works again when it is back."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from bootstrap.container import REQUEST_TRANSACTION_S, REQUEST_WAITS_S
from marketplace.persistence import watchdog
from marketplace.persistence.database import Database
from marketplace.persistence.migrate import upgrade
from marketplace.ports.stores import GatewayCommand
from mobile_api import tokens
from mobile_api.routers.table import api_routers
from mobile_api.security import gateway_authenticator
from mobile_api.settings import GATEWAY_AUDIENCE
from shopfloor.ingest import create_router
from tests.mobile_api.world import PASSWORD, SETTINGS, Person, World, basic, open_world
from tests.persistence.databases import postgresql_database
from tests.persistence.proxy import Proxy, through_a_proxy

pytestmark = pytest.mark.integration

A_FEW_SECONDS = 15.0
"""Connection, turn and transaction have 3, 3 and 4 s; a busy machine may be slow on top."""
WITHOUT_DATABASE = {"/v1/chain", "/.well-known/oauth-authorization-server"}
"""Routes that answer without it."""
PARTNER = {"client_id": "cli_1", "client_secret": "a secret of nobody"}
FORMS = {
    "/v1/oauth/token": {"grant_type": "client_credentials"} | PARTNER,
    "/v1/oauth/revoke": {"token": "of nobody"} | PARTNER,
}
SUBSCRIPTION = {
    "kind": "web_push",
    "endpoint": "https://push.example.org/1",
    "keys": {"p256dh": "B" * 87, "auth": "A" * 22},
}
LINK = {"link": "5e" * 32}
STATED = {"company": "Foundry", "country": "PT", "vat_id": "PT501964843", "signatory": "Rui Costa"}
LINKS = {"/v1/join/invitation": LINK, "/v1/join/code": LINK, "/v1/join": LINK | STATED | {"code": "000000"}}
JOINING = {"email": "ada@example.org", "password": PASSWORD, "display_name": "Ada", "role": "customer"}


def hurried(url: str) -> Database:
    """A database as the API process opens it."""
    return Database(url, REQUEST_WAITS_S, transaction_timeout_s=REQUEST_TRANSACTION_S)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL database of this module."""
    with postgresql_database() as url:
        asyncio.run(upgrade(url))
        yield url


@asynccontextmanager
async def shop_behind_a_proxy(server: str, folder: Path) -> AsyncIterator[tuple[Proxy, World, Person]]:
    """An API process whose database can be taken away, and somebody who is signed in."""
    async with through_a_proxy(server) as (proxy, url), open_world(folder, url=url, opened=hurried) as world:
        try:
            yield proxy, world, await world.join()
        finally:
            proxy.heal()


@pytest.fixture
async def shop(server: str, tmp_path: Path) -> AsyncIterator[tuple[Proxy, World, Person]]:
    """The same, as a fixture."""
    async with shop_behind_a_proxy(server, tmp_path) as opened:
        yield opened


def requests(world: World, person: Person) -> list[tuple[str, str, dict[str, Any]]]:
    """One request to every route that needs the database, with and without a key to remember it by."""
    gateway = create_router(world.ctx, _NoCommands(), gateway_authenticator(world.ctx, SETTINGS), modes=frozenset())
    world.app.include_router(gateway)
    token = {"Authorization": "Bearer " + gateway_token(world)}
    found: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/v1/ingest", {"headers": token, "json": {}}),
        ("GET", "/v1/gateway/commands", {"headers": token}),
    ]
    for route in [route for router in api_routers(development=True) for route in router.routes]:
        assert isinstance(route, APIRoute)
        if route.path in WITHOUT_DATABASE:
            continue
        path = route.path.replace("{id}", "ord_1")
        if route.path in ("/v1/tokens", "/v1/gateway/token"):
            found.append(("POST", path, {"headers": basic("ada@example.org", PASSWORD)}))
            continue
        if route.path in FORMS:
            found.append(("POST", path, {"data": FORMS[route.path]}))
            continue
        body = JOINING if route.path == "/v1/accounts" else LINKS.get(route.path, {})
        for method in sorted(route.methods):
            more: dict[str, Any] = {"headers": person.headers}
            if method in ("POST", "PUT"):
                more["json"] = body
            found.append((method, path, more))
            if method == "POST":
                found.append((method, path, more | {"headers": person.headers | {"Idempotency-Key": path}}))
    assert len(found) > 35
    return found


class _NoCommands:
    """Nobody gets as far as asking."""

    async def append(self, *_: object) -> None: ...

    async def after(self, *_: object) -> list[GatewayCommand]:
        return []


def gateway_token(world: World) -> str:
    """A token for a gateway, which has to be looked up."""
    token, _ = tokens.issue(
        SETTINGS,
        subject="gw_1",
        role="gateway",
        audience=GATEWAY_AUDIENCE,
        lifetime=timedelta(seconds=60),
        now=world.clock.now(),
    )
    return token


async def ask_everywhere(world: World, person: Person) -> dict[str, httpx.Response]:
    """What every route says, all asked at once, and none slower than a few seconds."""

    async def ask(method: str, path: str, more: dict[str, Any]) -> tuple[str, httpx.Response]:
        async with asyncio.timeout(A_FEW_SECONDS):
            return f"{method} {path}", await world.client.request(method, path, **more)

    return dict(await asyncio.gather(*(ask(*request) for request in requests(world, person))))


def check_unavailable(answers: dict[str, httpx.Response]) -> None:
    wrong = {name: answer.status_code for name, answer in answers.items() if answer.status_code != 503}
    assert wrong == {}
    for answer in answers.values():
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) > 0
        assert answer.json()["status"] == 503


@pytest.mark.parametrize("how", ["cut", "freeze"])
async def test_every_route_says_503_and_works_again(shop: tuple[Proxy, World, Person], how: str) -> None:
    proxy, world, person = shop
    getattr(proxy, how)()
    check_unavailable(await ask_everywhere(world, person))
    assert (await world.client.get("/v1/chain")).status_code == 200
    assert (await world.client.get("/livez")).status_code == 200
    assert (await world.client.get("/readyz")).status_code == 503
    proxy.heal()
    async with asyncio.timeout(A_FEW_SECONDS):
        while (await world.client.get("/readyz")).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        assert (await world.client.get("/v1/me", headers=person.headers)).status_code == 200


async def test_a_restart_between_two_requests_is_not_even_noticed(shop: tuple[Proxy, World, Person]) -> None:
    """Every idle connection has been closed by the server meanwhile: none of them is handed out."""
    proxy, world, person = shop
    await asyncio.gather(*(world.client.get("/v1/me", headers=person.headers) for _ in range(8)))
    proxy.cut()
    proxy.heal()
    await asyncio.sleep(0.2)
    assert {(await world.client.get("/v1/me", headers=person.headers)).status_code for _ in range(8)} == {200}


async def test_without_the_look_at_the_socket_somebody_gets_a_dead_connection(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control of the test before."""
    monkeypatch.setattr(watchdog, "_has_news", lambda _: False)
    async with shop_behind_a_proxy(server, tmp_path) as (proxy, world, person):
        await asyncio.gather(*(world.client.get("/v1/me", headers=person.headers) for _ in range(8)))
        proxy.cut()
        proxy.heal()
        await asyncio.sleep(0.2)
        assert (await world.client.get("/v1/me", headers=person.headers)).status_code == 503


async def test_without_the_limit_of_a_transaction_a_silent_network_is_waited_for(server: str, tmp_path: Path) -> None:
    """Negative control: with the worker's patience nobody is told anything."""
    async with through_a_proxy(server) as (proxy, url), open_world(tmp_path, url=url) as world:
        person = await world.join()
        proxy.freeze()
        asking = asyncio.create_task(world.client.get("/v1/me", headers=person.headers))
        told, _ = await asyncio.wait({asking}, timeout=REQUEST_TRANSACTION_S + 1.5)
        assert not told
        proxy.heal()
        assert (await asking).status_code == 200


async def test_what_was_committed_in_the_moment_of_the_cut_is_answered_afterwards(
    shop: tuple[Proxy, World, Person],
) -> None:
    """Whether it was done is not known to whoever got the 503; with the same key they find out, and it is done once."""
    proxy, world, person = shop
    headers = person.headers | {"Idempotency-Key": "through-the-cut"}

    async def cut_soon() -> None:
        await asyncio.sleep(0.01)
        proxy.cut()

    first, _ = await asyncio.gather(
        world.client.post("/v1/push/subscriptions", json=SUBSCRIPTION, headers=headers), cut_soon()
    )
    assert first.status_code in (201, 503)
    proxy.heal()
    async with asyncio.timeout(A_FEW_SECONDS):
        while True:
            again = await world.client.post("/v1/push/subscriptions", json=SUBSCRIPTION, headers=headers)
            if again.status_code != 503:
                break
    assert again.status_code == 201
    if first.status_code == 201:
        assert again.text == first.text


async def test_a_file_that_another_process_has_locked(empty_database: Path, tmp_path: Path) -> None:
    """Who only reads is served; who wants to write is told, soon."""
    (tmp_path / "marketplace.db").write_bytes((empty_database / "marketplace.db").read_bytes())
    async with open_world(tmp_path, opened=hurried) as world:
        person = await world.join()
        other = sqlite3.connect(tmp_path / "marketplace.db", isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            begun = time.monotonic()
            for headers in (person.headers, person.headers | {"Idempotency-Key": "k"}):
                answer = await world.client.post("/v1/push/subscriptions", json=SUBSCRIPTION, headers=headers)
                check_unavailable({"locked": answer})
            assert time.monotonic() - begun < A_FEW_SECONDS
            assert (await world.client.get("/v1/me", headers=person.headers)).status_code == 200
        finally:
            other.close()
        assert (
            await world.client.post("/v1/push/subscriptions", json=SUBSCRIPTION, headers=headers)
        ).status_code == 201
