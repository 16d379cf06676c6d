"""Conditional requests (RFC 9110, 13): what the reader has is not sent, and what nobody has seen is not overwritten."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from marketplace.application import remembered
from marketplace.ports.unit_of_work import Transaction
from tests.mobile_api.asking import ask
from tests.mobile_api.house import House
from tests.mobile_api.test_access import headers_of
from tests.mobile_api.world import Person, World, signature_of

RULE = "/v1/manufacturer/rule"
STRANGE = ['W/"abc', "abc", '"a" "b"', "", '"\x01"', ",", '*, "a"', '"' + "a" * 2_000 + '"']


def rule(most: int) -> dict[str, object]:
    return {"accept_automatically": True, "max_total_minor": most, "min_days": 1}


async def seen(world: World, person: Person, path: str) -> str:
    """The ETag of what is at `path`."""
    answer = await world.client.get(path, headers=person.headers)
    assert answer.status_code == 200, answer.text
    tag = answer.headers["ETag"]
    assert tag.startswith('"'), "a strong one"
    return tag


async def test_who_has_it_is_not_sent_it_again(world: World) -> None:
    await world.join("manufacturer", "Model Factory")
    buyer = await world.join()
    order = await world.place(buyer)
    for path in (f"/v1/orders/{order['id']}", "/v1/me", "/v1/products/pneumatic-cylinder", "/v1/orders", "/v1/chain"):
        tag = await seen(world, buyer, path)
        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = await world.client.get(path, headers=buyer.headers | {"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b""), (path, known)
            assert again.headers["ETag"] == tag
            assert again.headers["Cache-Control"] == "no-store"
        for other in ('"other"', "nonsense", ""):
            assert (await world.client.get(path, headers=buyer.headers | {"If-None-Match": other})).status_code == 200


async def test_another_state_and_another_reader_have_another_tag(world: World) -> None:
    maker = await world.join("manufacturer", "Model Factory")
    buyer = await world.join()
    order = await world.place(buyer)
    path = f"/v1/orders/{order['id']}"
    before = await seen(world, buyer, path)
    assert before == await seen(world, buyer, path)
    assert before != await seen(world, maker, path)
    assert (await world.client.post(f"{path}/cancel", headers=buyer.headers)).status_code == 200
    assert before != await seen(world, buyer, path)
    changed = await world.client.get(path, headers=buyer.headers | {"If-None-Match": before})
    assert (changed.status_code, changed.json()["status"]) == (200, "cancelled")


async def test_a_rule_is_replaced_only_as_it_was_seen(world: World) -> None:
    maker = await world.join("manufacturer", "Model Factory")
    first = await seen(world, maker, RULE)

    async def put(most: int, tag: str) -> httpx.Response:
        return await world.client.put(RULE, json=rule(most), headers=maker.headers | {"If-Match": tag})

    assert (await put(1, first)).status_code == 200
    late = await put(2, first)
    assert (late.status_code, late.json()["type"]) == (412, "urn:lotsizeone:problem:changed-meanwhile")
    second = await seen(world, maker, RULE)
    assert (await put(3, f'"another", {second}')).status_code == 200
    third = await seen(world, maker, RULE)
    assert (await put(4, f"W/{third}")).status_code == 412, "a weak tag never matches"
    assert (await put(5, "*")).status_code == 200
    assert (await world.client.get(RULE, headers=maker.headers)).json()["max_total_minor"] == 5
    unconditional = await world.client.put(RULE, json=rule(6), headers=maker.headers)
    assert unconditional.status_code == 200


@pytest.mark.parametrize("tag", STRANGE)
async def test_what_is_no_tag_is_refused_by_name(world: World, tag: str) -> None:
    maker = await world.join("manufacturer", "Model Factory")
    answer = await world.client.put(RULE, json=rule(1), headers=maker.headers | {"If-Match": tag})
    assert answer.status_code == 422, answer.text
    assert [entry["field"] for entry in answer.json()["errors"]] == ["If-Match"]


async def test_keys_clients_and_orders_are_changed_only_as_they_were_seen(world: World) -> None:
    maker = await world.join("manufacturer", "Model Factory")
    buyer = await world.join()
    order = await world.place(buyer)
    made = await world.client.post(
        "/v1/oauth/clients", json={"name": "ERP", "kind": "partner", "scope": "read"}, headers=maker.headers
    )
    client = f"/v1/oauth/clients/{made.json()['client_id']}"
    address = "0x" + "ab" * 20
    key = {"address": address, "signature": signature_of(address)}
    cases: list[tuple[Person, str, str, str, Any, int]] = [
        (maker, "/v1/me", "PUT", "/v1/me/signing-key", key, 200),
        (maker, client, "POST", f"{client}/secret", None, 200),
        (maker, client, "DELETE", client, None, 204),
        (buyer, f"/v1/orders/{order['id']}", "POST", f"/v1/orders/{order['id']}/cancel", {"reason": "no"}, 200),
    ]
    for person, there, method, path, body, good in cases:
        tag = await seen(world, person, there)
        stale = await world.client.request(method, path, json=body, headers=person.headers | {"If-Match": '"stale"'})
        assert stale.status_code == 412, path
        assert await seen(world, person, there) == tag, "a refused change changes nothing"
        done = await world.client.request(method, path, json=body, headers=person.headers | {"If-Match": tag})
        assert done.status_code == good, done.text
        late = await world.client.request(method, path, json=body, headers=person.headers | {"If-Match": tag})
        assert late.status_code == (404 if method == "DELETE" else 412), path


async def test_a_refused_change_leaves_its_key_free_and_a_done_one_is_repeated(world: World) -> None:
    await world.join("manufacturer", "Model Factory")
    buyer = await world.join()
    path = f"/v1/orders/{(await world.place(buyer))['id']}"
    keyed = buyer.headers | {"Idempotency-Key": "one"}

    async def cancel(tag: str) -> httpx.Response:
        return await world.client.post(f"{path}/cancel", json={}, headers=keyed | {"If-Match": tag})

    assert (await cancel('"stale"')).status_code == 412
    tag = await seen(world, buyer, path)
    done = await cancel(tag)
    assert done.status_code == 200
    again = await cancel(tag)  # its own success has changed the order
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.text == done.text


async def test_a_stranger_learns_nothing_by_a_tag(house: House) -> None:
    headers = await headers_of(house, "customer") | {"If-Match": "*", "Content-Type": "application/json"}
    answers = [
        await ask(house.app, "POST", f"/v1/orders/{house.thing('order', 'customer', scope)}/cancel", headers, b"{}")
        for scope in ("tenant", "missing")
    ]
    assert [answer.status for answer in answers] == [404, 404]
    assert answers[0].body == answers[1].body


async def at_once(apps: tuple[World, World], maker: Person, lowest: int = 1) -> list[int]:
    """Both processes replace the rule that both have seen, at the same time."""
    tag = await seen(apps[0], maker, RULE)
    headers = maker.headers | {"If-Match": tag}
    puts = (app.client.put(RULE, json=rule(number), headers=headers) for number, app in enumerate(apps, start=lowest))
    return sorted(answer.status_code for answer in await asyncio.gather(*puts))


async def test_of_two_processes_one_replaces_and_one_is_told(apps: tuple[World, World]) -> None:
    maker = await apps[0].join("manufacturer", "Model Factory")
    for lowest in range(1, 40, 2):  # the first time there is no row that could be locked
        assert await at_once(apps, maker, lowest) == [200, 412]


async def test_compared_before_the_transaction_both_would_replace(
    apps: tuple[World, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: who compares outside the transaction of the change overwrites what nobody has seen."""
    both_compared = asyncio.Barrier(2)
    write = remembered.OneTransaction.write

    @asynccontextmanager
    async def compared_early(unit: remembered.OneTransaction) -> AsyncIterator[Transaction]:
        await unit.do_first()
        async with write(unit) as tx:
            yield tx

    def first(ctx: Any, caller: object, check: Callable[[], Awaitable[None]]) -> None:
        async def together() -> None:
            await check()
            await both_compared.wait()

        ctx.uow.first(together)

    monkeypatch.setattr(remembered.OneTransaction, "write", compared_early)
    monkeypatch.setattr(remembered, "first", first)
    maker = await apps[0].join("manufacturer", "Model Factory")
    async with asyncio.timeout(30):
        assert await at_once(apps, maker) == [200, 200]
