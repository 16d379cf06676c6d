"""Nobody takes from one process what all share, and nobody who uses it as people and machines do is refused."""

import random
import re
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from mobile_api.app import create_app
from mobile_api.budgets import DEAR, DEAREST, HERE, REMEMBERED, WINDOW_S, Budget, cost_of, network_of
from mobile_api.errors import OverBudget
from mobile_api.settings import ApiSettings
from tests.mobile_api.knocking import GATEWAYS, PUBLISHED, with_gateways
from tests.mobile_api.test_signed_out import gateway_of, partner_of
from tests.mobile_api.world import PASSWORD, SETTINGS, World, basic, open_world

DEFAULTS = ApiSettings("only for its other fields, long enough")
LEAST = replace(SETTINGS, address_budget=DEAREST, account_budget=DEAREST)
"""A hundred reading requests, or one sign-in."""
FAR, ELSEWHERE = "203.0.113.7", "198.51.100.9"


class Watch:
    """A clock that is turned by hand, far from zero as a computer's is."""

    def __init__(self) -> None:
        self.s = 4_000_000.0

    def __call__(self) -> float:
        return self.s


def refused(budget: Budget, who: str, cost: int) -> OverBudget | None:
    """The refusal, if it is one."""
    try:
        budget.spend(who, cost)
    except OverBudget as refusal:
        return refusal
    return None


def test_all_at_once_and_then_as_it_comes_back() -> None:
    watch = Watch()
    budget = Budget("account", 120, watch)  # two units a second
    assert [refused(budget, "ana", 1) for _ in range(120)] == [None] * 120
    refusal = refused(budget, "ana", 1)
    assert refusal is not None
    assert (refusal.retry_after_s, refusal.policy, refusal.state) == (1, '"account";q=120;w=60', '"account";r=0;t=1')
    for _ in range(1_000):
        assert refused(budget, "ana", 1)  # costs nothing
    watch.s += 0.5
    assert refused(budget, "ana", 1) is None
    assert refused(budget, "ana", 1)
    watch.s += 10.0
    dear = refused(budget, "ana", 50)
    assert dear is not None
    assert (dear.retry_after_s, dear.state) == (15, '"account";r=20;t=15')
    assert refused(budget, "ana", 20) is None  # what is cheap enough still goes
    assert refused(budget, "eva", 120) is None
    watch.s += dear.retry_after_s + 10
    assert refused(budget, "ana", 50) is None  # whoever waits as told is let in
    watch.s += 10_000.0
    assert refused(budget, "ana", 120) is None
    assert refused(budget, "ana", 1)  # an hour of rest is not saved up


def test_nobody_ever_takes_more_than_there_is() -> None:
    watch, dice = Watch(), random.Random(7)
    budget = Budget("address", 600, watch)
    begun, paid = watch.s, 0
    for _ in range(50_000):
        watch.s += dice.choice((0.0, 0.0, 0.001, 0.2))
        cost = dice.choice((1, 2, 5, 100))
        paid += 0 if refused(budget, FAR, cost) else cost
        assert paid <= 600 + (watch.s - begun) * 600 / WINDOW_S + 1
    assert paid >= (watch.s - begun) * 600 / WINDOW_S  # and what there is can be had


def test_without_units_nobody_is_limited() -> None:
    budget = Budget("account", 0)
    assert not any(refused(budget, "ana", DEAREST) for _ in range(10_000))
    assert len(budget) == 0


def test_a_million_addresses_take_no_memory() -> None:
    budget = Budget("address", 60_000)

    def flood(first: int, last: int) -> None:
        for number in range(first, last):
            budget.spend(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 1)

    flood(0, 900_000)
    assert len(budget) == REMEMBERED
    tracemalloc.start()
    try:
        flood(900_000, 1_000_000)
        more, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(budget) == REMEMBERED
    assert more < 200 * REMEMBERED  # the addresses that took the place of others
    for number in range(2 * REMEMBERED):
        network_of(f"2001:db8:{number:x}::1")
    assert network_of.cache_info().currsize <= REMEMBERED


def test_who_pays_now_is_not_forgotten_for_who_comes_once() -> None:
    budget = Budget("address", 60_000, Watch())
    budget.spend(FAR, 59_000)
    for number in range(5 * REMEMBERED):
        budget.spend(f"once-{number}", 1)
        if number % (REMEMBERED // 2) == 0:
            budget.spend(FAR, 1)
    assert refused(budget, FAR, 1_000)


@pytest.mark.parametrize(
    ("hosts", "network"),
    [
        (("203.0.113.7", "::ffff:203.0.113.7"), "203.0.113.7"),
        (("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"), "2001:db8:1:2::/64"),
        (("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"), HERE),
        (("fe80::1%eth0", "fe80::2%eth1"), "fe80::/64"),
        (("testclient",), "testclient"),
        (("127.0.0.1, 203.0.113.7",), "127.0.0.1, 203.0.113.7"),
        (("",), ""),
    ],
)
def test_who_has_one_address_of_a_network_has_them_all(hosts: tuple[str, ...], network: str) -> None:
    assert {network_of(host) for host in hosts} == {network}


def test_every_dear_word_ends_a_path_that_is_there() -> None:
    posts = {one.path for one in PUBLISHED if one.method == "POST"} | {name.partition(" ")[2] for name in GATEWAYS}
    assert {path.rpartition("/")[2] for path in posts} >= DEAR.keys()
    costs = {one.name: cost_of(one.method, one.path) for one in PUBLISHED}
    assert costs["POST /v1/tokens"] == costs["POST /v1/accounts"] == DEAREST
    assert costs["GET /v1/orders"] == 1 < costs["POST /v1/orders"] < costs["POST /v1/products/{id}/quotes"]
    assert costs["POST /v1/design-files"] > costs["DELETE /v1/design-files/{digest}"] == 2
    assert cost_of("BREW", "/v1/quotes") == 2


def flooded(budget: Budget, watch: Watch, callers: int, per_second: float, cost: int, seconds: int) -> int:
    """How many requests are refused when so many callers together send so many a second."""
    found = 0
    for number in range(int(per_second * seconds)):
        watch.s += 1 / per_second
        found += refused(budget, f"caller-{number % callers}", cost) is not None
    return found


def test_what_people_and_benchmarks_do_is_within_the_defaults() -> None:
    order = cost_of("POST", "/v1/orders")
    for units, callers, per_second, cost, seconds in (
        (DEFAULTS.account_budget, 32, 1_000, order, 60),  # benchmarks.orders, twice as fast as it has ever been
        (DEFAULTS.account_budget, 1, 60, 1, 120),  # a phone at which somebody drums
        (DEFAULTS.address_budget, 1, 900, 1, 120),  # two hundred phones behind one address
        (DEFAULTS.address_budget, 1, 200, order, 120),  # a partner who places orders all day
    ):
        watch = Watch()
        assert flooded(Budget("any", units, watch), watch, callers, per_second, cost, seconds) == 0
    watch = Watch()  # the control: ten times what is sustained
    taken = flooded(Budget("any", DEFAULTS.address_budget, watch), watch, 1, 2_000, order, 120)
    assert taken > 120 * 2_000 * 0.8


@asynccontextmanager
async def at(app: FastAPI, host: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client at this address."""
    transport = httpx.ASGITransport(app, client=(host, 40_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://marketplace") as client:
        yield client


@pytest.fixture
async def shop(tmp_path: Path, world: World) -> AsyncIterator[World]:
    """The world once more, with little for each; people join in the one without."""
    async with open_world(tmp_path, LEAST) as opened:
        yield with_gateways(opened, LEAST)


def check_refusal(answer: httpx.Response, budget: str) -> int:
    """That this is a refusal which says all that there is to say; gives when to come back (seconds)."""
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["type"] == "urn:lotsizeone:problem:over-budget"
    assert budget in answer.json()["detail"]
    wait_s = int(answer.headers["retry-after"])
    assert 1 <= wait_s <= WINDOW_S
    assert answer.headers["ratelimit-policy"] == f'"{budget}";q={DEAREST};w={WINDOW_S}'
    found = re.fullmatch(rf'"{budget}";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
    assert found is not None
    assert int(found[1]) < DEAREST
    assert int(found[2]) == wait_s
    return wait_s


@pytest.mark.req(14)
async def test_an_address_that_asks_too_much_waits_and_nobody_else(shop: World) -> None:
    async with at(shop.app, FAR) as far, at(shop.app, ELSEWHERE) as elsewhere, at(shop.app, "::1") as here:
        first = await far.post("/v1/tokens", headers=basic("ana@example.org", PASSWORD))
        assert first.status_code == 401
        assert "ratelimit" not in first.headers
        for method, path in (("POST", "/v1/tokens"), ("POST", "/v1/accounts"), ("POST", "/v1/oauth/token")):
            check_refusal(await far.request(method, path), "address")
        assert (await elsewhere.get("/v1/chain")).status_code == 200
        statuses = [(await elsewhere.get(f"/no/such/{number}")).status_code for number in range(2 * DEAREST)]
        assert {404, 429} == set(statuses)
        assert 0.8 * DEAREST < statuses.index(429) < 1.5 * DEAREST
        for _ in range(3):
            assert (await here.post("/v1/tokens", headers=basic("ana@example.org", PASSWORD))).status_code == 401


async def test_without_the_budget_it_would_go_on(world: World) -> None:
    """Negative control."""
    unlimited = create_app(world.ctx, replace(SETTINGS, address_budget=0))
    async with at(unlimited, FAR) as far:
        assert {(await far.get("/v1/chain")).status_code for _ in range(3 * DEAREST)} == {200}


async def spent(shop: World, headers: dict[str, str], path: str = "/v1/me") -> int:
    """How many reading requests until it is too much."""
    for number in range(3 * DEAREST):
        answer = await shop.client.get(path, headers=headers)
        if answer.status_code == 429:
            check_refusal(answer, "account")
            return number
        assert answer.status_code == 200, answer.text
    return 3 * DEAREST


async def test_an_account_pays_whichever_its_token_and_nobody_elses(world: World, shop: World) -> None:
    maker, other = await world.join("manufacturer"), await world.join()
    again = await world.sign_in(maker.account["email"])
    partner, gateway = await partner_of(world, maker), await gateway_of(world, maker)
    assert 0.8 * DEAREST < await spent(shop, maker.headers) < 1.5 * DEAREST
    assert await spent(shop, again.headers) <= 2
    for headers, path in ((other.headers, "/v1/me"), (partner, "/v1/me"), (gateway, "/v1/gateway/commands")):
        assert 0.8 * DEAREST < await spent(shop, headers, path) < 1.5 * DEAREST


async def test_a_token_that_is_no_good_spends_nothing(world: World, shop: World) -> None:
    """Or whoever found a token that was signed out could keep its owner from the market."""
    person = await world.join()
    gone = await world.sign_in(person.account["email"])
    assert (await world.client.delete("/v1/tokens/current", headers=gone.headers)).status_code == 204
    for headers in (gone.headers, {"Authorization": person.headers["Authorization"][:-2]}):
        for _ in range(2 * DEAREST):
            assert (await shop.client.get("/v1/me", headers=headers)).status_code == 401
    assert await spent(shop, person.headers) > 0.8 * DEAREST


async def test_a_refusal_uses_no_key_up(world: World, shop: World) -> None:
    await world.join("manufacturer", "Model Factory")
    person = await world.join()
    body = shop.order_body(person)
    headers = person.headers | {"Idempotency-Key": "one"}
    await spent(shop, person.headers)
    check_refusal(await shop.client.post("/v1/orders", json=body, headers=headers), "account")
    object.__setattr__(shop.app.state.services, "budget", Budget("account", DEAREST))  # a minute later
    placed = await shop.client.post("/v1/orders", json=body, headers=headers)
    assert (placed.status_code, placed.headers.get("idempotent-replayed")) == (201, None)


async def test_who_writes_its_own_address_pays_all_the_same(shop: World) -> None:
    """As the server reads X-Forwarded-For: a trusted proxy adds, in the end, whom it heard; others are not believed."""
    proxied = ProxyHeadersMiddleware(shop.app, trusted_hosts=["127.0.0.1"])  # type: ignore[arg-type]
    for peer, said in (("127.0.0.1", "10.0.0.{}, " + FAR), (ELSEWHERE, "127.0.0.1"), ("2001:db8::{}", "127.0.0.1")):
        statuses = []
        for number in range(DEAREST + 20):
            async with at(proxied, peer.format(number)) as client:  # type: ignore[arg-type]
                headers = {"X-Forwarded-For": said.format(number)}
                statuses.append((await client.get("/v1/chain", headers=headers)).status_code)
        assert {200, 429} == set(statuses), peer


async def test_guessing_from_a_network_is_guessing_from_one_address(world: World, shop: World) -> None:
    """The count of failed sign-ins knows networks, too: else each of 2^64 addresses had ten tries at a name."""
    app = create_app(world.ctx, replace(SETTINGS, address_budget=0))
    async with app.router.lifespan_context(app):
        statuses = []
        for number in range(12):
            async with at(app, f"2001:db8::{number:x}") as client:
                answer = await client.post("/v1/tokens", headers=basic("ana@example.org", "wrong password"))
                statuses.append(answer.status_code)
    assert statuses == [401] * 10 + [429] * 2
