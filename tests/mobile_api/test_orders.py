"""Placing and reading orders, as the phone does it."""

import uuid
from datetime import timedelta

import pytest

from tests.mobile_api.world import Person, World


@pytest.fixture
async def maker(world: World) -> Person:
    """Who makes the example product."""
    return await world.join("manufacturer", "Model Factory")


@pytest.mark.req(40, 41, 48)
async def test_a_customer_places_an_order_and_sees_it(world: World, maker: Person) -> None:
    customer = await world.join()
    order = await world.place(customer)
    assert order["status"] == "placed"
    assert order["amount"] == 40
    assert order["placed_at"] == "2027-03-01T09:30:00Z"
    assert order["manufacturer"] == {"id": maker.account["organisation"]["id"], "name": "Model Factory"}
    seen = await world.client.get(f"/v1/orders/{order['id']}", headers=customer.headers)
    assert seen.json() == order
    page = (await world.client.get("/v1/orders", headers=customer.headers)).json()
    assert page == {"items": [order], "next_cursor": None}
    timeline = (await world.client.get(f"/v1/orders/{order['id']}/timeline", headers=customer.headers)).json()
    assert [item["name"] for item in timeline["items"]] == ["OrderPlaced"]
    assert "order_id" not in timeline["items"][0]


@pytest.mark.req(49)
async def test_the_manufacturer_sees_who_ordered_and_the_customer_no_more_than_before(
    world: World, maker: Person
) -> None:
    customer = await world.join()
    order = await world.place(customer)
    received = (await world.client.get("/v1/orders", headers=maker.headers)).json()["items"]
    assert [item["id"] for item in received] == [order["id"]]
    assert received[0]["customer_name"] == "Customer"
    assert order["customer_name"] is None


async def test_the_same_reference_is_the_same_order(world: World, maker: Person) -> None:
    customer, reference = await world.join(), str(uuid.uuid4())
    first = await world.place(customer, client_reference=reference)
    assert (await world.place(customer, client_reference=reference))["id"] == first["id"]
    assert (await world.place(customer))["id"] != first["id"]


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"configuration": {"colour": "red"}}, "configuration.colour"),
    ({"configuration": {"base": "base-60mm"}}, "configuration.base"),
    ({"configuration": {"engraving": "<script>"}}, "configuration.engraving"),
    ({"configuration": {"engraving": "X" * 17}}, "configuration.engraving"),
    ({"configuration": {"drilling_s": 0}}, "configuration.drilling_s"),
    ({"configuration": {f"option{n}": 1 for n in range(65)}}, "configuration"),
    ({"configuration": []}, "configuration"),
    ({"payer_address": "0x" + "00" * 20}, "payer_address"),
    ({"payer_address": "0x12"}, "payer_address"),
    ({"handover_hash": "0x" + "5e" * 31}, "handover_hash"),
    ({"client_reference": "not-a-uuid"}, "client_reference"),
    ({"deliver_by": "2027-02-30"}, "deliver_by"),
    ({"deliver_by": "2027-3-1"}, "deliver_by"),
    ({"deliver_by": "٢٠٢٧-٠٣-٢٠"}, "deliver_by"),
    ({"deliver_by": 1_800_000_000}, "deliver_by"),
    ({"deliver_by": "2027-03-20T00:00:00Z"}, "deliver_by"),
    ({"deliver_by": None}, "deliver_by"),
    ({"status": "settled"}, "status"),
    ({"id": "ord_mine"}, "id"),
    ({"amount": 1}, "amount"),
    ({"total_minor": 1}, "total_minor"),
    ({"customer_id": "acc_other"}, "customer_id"),
    ({"expected_total_minor": -1}, "expected_total_minor"),
    ({"expected_total_minor": 1.5}, "expected_total_minor"),
    ({"expected_total_minor": "60000"}, "expected_total_minor"),
    ({"expected_total_minor": True}, "expected_total_minor"),
]


@pytest.mark.req(42)
async def test_what_cannot_be_ordered_is_named(world: World, maker: Person) -> None:
    customer = await world.join()
    for change, field in REFUSED:
        body = world.order_body(customer, **change)
        answer = await world.client.post("/v1/orders", json=body, headers=customer.headers)
        assert answer.status_code == 422, change
        assert [error["field"] for error in answer.json()["errors"]] == [field], change
    assert (await world.client.get("/v1/orders", headers=customer.headers)).json()["items"] == []


@pytest.mark.req(45, 57)
async def test_nothing_is_ordered_at_a_price_that_nobody_has_seen(world: World, maker: Person) -> None:
    customer = await world.join()
    body = world.order_body(customer)
    asked = {name: body[name] for name in ("configuration", "deliver_by")}
    quoted = await world.client.post(f"/v1/products/{body['product_id']}/quotes", json=asked, headers=customer.headers)
    total = quoted.json()["quote"]["total_minor"]
    # A refusal is not kept under the key: the same order at the price that was looked at goes through.
    headers = customer.headers | {"Idempotency-Key": str(body["client_reference"])}
    for shown in (total - 1, total + 1):
        changed = body | {"expected_total_minor": shown}
        refused = await world.client.post("/v1/orders", json=changed, headers=headers)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:lotsizeone:problem:price-changed")
    assert (await world.client.get("/v1/orders", headers=customer.headers)).json()["items"] == []
    placed = await world.client.post("/v1/orders", json=body | {"expected_total_minor": total}, headers=headers)
    assert placed.status_code == 201


async def test_whoever_asks_again_for_an_order_that_is_there_gets_it_whatever_it_costs_by_now(
    world: World, maker: Person
) -> None:
    """The answer was lost, and meanwhile the price or the first possible day has changed."""
    customer, reference = await world.join(), str(uuid.uuid4())
    first = await world.place(customer, client_reference=reference)
    for change in ({"expected_total_minor": 1}, {"deliver_by": world.day(0).isoformat()}):
        again = await world.place(customer, client_reference=reference, **change)
        assert again["id"] == first["id"]


@pytest.mark.req(52)
async def test_a_day_that_cannot_be_promised_is_refused(world: World, maker: Person) -> None:
    customer = await world.join()
    for days, status in [(-1, 422), (0, 422), (4, 422), (5, 201), (365, 201), (366, 422)]:
        body = world.order_body(customer, deliver_by=world.day(days).isoformat())
        answer = await world.client.post("/v1/orders", json=body, headers=customer.headers)
        assert answer.status_code == status, days


async def test_unknown_products_are_not_there(world: World, maker: Person) -> None:
    customer = await world.join()
    body = world.order_body(customer, product_id="perpetuum-mobile")
    assert (await world.client.post("/v1/orders", json=body, headers=customer.headers)).status_code == 404
    assert (await world.client.get("/v1/products/perpetuum-mobile", headers=customer.headers)).status_code == 404


@pytest.mark.req(18, 20, 31)
async def test_products_and_an_indicative_price(world: World, maker: Person) -> None:
    customer = await world.join()
    listed = (await world.client.get("/v1/products", headers=customer.headers)).json()["items"]
    summary = next(item for item in listed if item["id"] == "pneumatic-cylinder")
    product = (await world.client.get(f"/v1/products/{summary['id']}", headers=customer.headers)).json()
    assert product | summary == product
    options = {option["id"]: option for module in product["modules"] for option in module["options"]}
    assert {"base", "amount", "drilling_s", "cleaning", "pressing", "inspection", "engraving"} <= set(options)
    assert {module["kind"] for module in product["modules"]} == {"common", "customised", "personalised"}
    body = {"configuration": {"amount": 40}, "deliver_by": world.day(10).isoformat()}
    answer = (
        await world.client.post(f"/v1/products/{summary['id']}/quotes", json=body, headers=customer.headers)
    ).json()
    assert answer["earliest_delivery"] == world.day(5).isoformat()
    quote = answer["quote"]
    assert quote["kind"] == "indicative"
    assert sum(line["amount_minor"] for line in quote["lines"]) == quote["total_minor"]
    assert 0 < quote["platform_fee_minor"] < quote["total_minor"]


async def test_pages_meet_without_gap_or_overlap(world: World, maker: Person) -> None:
    customer = await world.join()
    placed = []
    for _ in range(5):
        placed.append((await world.place(customer))["id"])
        world.clock.move(timedelta(seconds=1))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await world.client.get("/v1/orders", params=params, headers=customer.headers)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        assert placed[0] not in cursor
    assert seen == placed[::-1]


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=101", "limit=NaN", "limit=1.0", "limit=%2B1", "limit=1_0", "limit=%D9%A1"),
        *("cursor=", "cursor=MTo", "cursor=b3JkXzE", "cursor=%00", "cursor=é"),
    ],
)
async def test_a_strange_page_is_refused(world: World, query: str) -> None:
    customer = await world.join()
    answer = await world.client.get(f"/v1/orders?{query}", headers=customer.headers)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [query.partition("=")[0]]


@pytest.mark.req(50)
async def test_the_wrong_moment_is_a_conflict(world: World, maker: Person) -> None:
    customer = await world.join()
    order_id = (await world.place(customer))["id"]
    for person, path in [(maker, "ship"), (customer, "confirmation")]:
        method = "POST" if path == "ship" else "GET"
        answer = await world.client.request(method, f"/v1/orders/{order_id}/{path}", headers=person.headers)
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:lotsizeone:problem:invalid-transition"
    cancelled = await world.client.post(f"/v1/orders/{order_id}/cancel", headers=customer.headers)
    assert cancelled.json()["status"] == "cancelled"


async def test_chain_and_test_money(world: World) -> None:
    customer = await world.join()
    chain = (await world.client.get("/v1/chain")).json()
    assert chain == {
        "chain_id": 31337,
        "factory": "0x" + "fa" * 20,
        "token": {"address": "0x" + "70" * 20, "decimals": 6, "symbol": "TEUR"},
        "unit": "10000",
    }
    funds = await world.client.post("/v1/dev/funds", json={}, headers=customer.headers)
    assert funds.json() == {"amount_minor": 1_000_000}
    world.chain.away = True
    answer = await world.client.get("/v1/chain")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def test_the_rule_of_a_manufacturer(world: World, maker: Person) -> None:
    least = {"accept_automatically": False, "max_total_minor": 12_300, "min_days": 3}
    rest = {"min_margin_bps": 0, "most_open_orders": None, "products": [], "blocked_customers": []}
    whole = least | {
        "min_margin_bps": 2_000,
        "most_open_orders": 0,
        "products": ["pneumatic-cylinder"],
        "blocked_customers": ["usr_1"],
        "known_customers_only": True,
    }
    for sent, kept in ((least, least | rest | {"known_customers_only": False}), (whole, whole)):
        assert (await world.client.put("/v1/manufacturer/rule", json=sent, headers=maker.headers)).json() == kept
        assert (await world.client.get("/v1/manufacturer/rule", headers=maker.headers)).json() == kept


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("min_margin_bps", 10_001),
        ("min_margin_bps", -1),
        ("min_margin_bps", True),
        ("most_open_orders", -1),
        ("most_open_orders", 0.5),
        ("products", "pneumatic-cylinder"),
        ("blocked_customers", ["x" * 121]),
        ("known_customers_only", 1),
    ],
)
async def test_a_limit_that_is_none_is_refused_by_name(world: World, maker: Person, field: str, value: object) -> None:
    rule = {"accept_automatically": True, "max_total_minor": 1, "min_days": 1, field: value}
    answer = await world.client.put("/v1/manufacturer/rule", json=rule, headers=maker.headers)
    assert answer.status_code == 422
    assert {error["field"].split(".")[0] for error in answer.json()["errors"]} == {field}


async def test_an_empty_inbox_floor_and_desk(world: World, maker: Person) -> None:
    assert (await world.client.get("/v1/inbox", headers=maker.headers)).json() == {"items": [], "unread": 0}
    assert (await world.client.get("/v1/jobs", headers=maker.headers)).json() == {"items": []}
    for which in ("open", "all"):
        answer = await world.client.get(f"/v1/signature-requests?status={which}", headers=maker.headers)
        assert answer.json() == {"items": []}
    assert (await world.client.get("/v1/signature-requests?status=x", headers=maker.headers)).status_code == 422
    for method, path, body in [
        ("POST", "/v1/inbox/msg_1/read", {}),
        ("POST", "/v1/jobs/job_1/reports", {"kind": "started"}),
        ("POST", "/v1/signature-requests/sr_1/signature", {"signature": "0x" + "11" * 65}),
        ("POST", "/v1/signature-requests/sr_1/decline", {"reason": "no capacity"}),
        ("POST", "/v1/signature-requests/sr_1/counter", {"amount_minor": 1}),
        ("DELETE", "/v1/push/subscriptions/dev_1", None),
    ]:
        assert (await world.client.request(method, path, json=body, headers=maker.headers)).status_code == 404
