"""Placing and reading orders, as the phone does it."""

import pytest

from tests.mobile_api.world import World


@pytest.mark.req(40, 41, 48)
async def test_a_customer_places_an_order_and_sees_it(world: World) -> None:
    await world.join("manufacturer", "Model Factory")
    customer = await world.join()
    order = await world.place(customer)
    assert order["status"] == "placed"
    assert order["amount"] == 40
    assert order["placed_at"] == "2027-03-01T09:30:00Z"
    seen = await world.client.get(f"/v1/orders/{order['id']}", headers=customer.headers)
    assert seen.json() == order
    page = (await world.client.get("/v1/orders", headers=customer.headers)).json()
    assert [item["id"] for item in page["items"]] == [order["id"]]
    timeline = (await world.client.get(f"/v1/orders/{order['id']}/timeline", headers=customer.headers)).json()
    assert [item["name"] for item in timeline["items"]] == ["OrderPlaced"]
