"""The configurator over HTTP: why choices do not go together, what would mend them, and files of one's own."""

from dataclasses import replace
from typing import Any

import pytest

from marketplace.domain.price_trace import PriceTrace, TraceLine, recompute
from tests.domain.products import MASK
from tests.mobile_api.world import World
from tests.planning.test_stl_file import binary, box
from tests.planning.test_svg_file import HOSTILE, SQUARE, svg

CYLINDER, SIGN = "/v1/products/pneumatic-cylinder", "/v1/products/engraved-sign"
LISTED = f"/v1/products/{MASK.id}"
TAXES = {CYLINDER: ["tax@500", "tax@1900"], SIGN: ["tax@1900"], LISTED: []}
SVG, STL = {"Content-Type": "image/svg+xml"}, {"Content-Type": "model/stl"}
DEEP = {"base": "base-20mm", "drilling_s": 8, "cover": "sealed"}


async def tried(world: World, headers: dict[str, str], product: str = CYLINDER, **values: Any) -> Any:
    answer = await world.client.post(f"{product}/configuration", json={"configuration": values}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.req(21, 28, 30)
async def test_what_is_valid_has_a_bill_a_routing_a_picture_and_a_name(world: World) -> None:
    ana = await world.join()
    found = await tried(world, ana.headers, amount=4, engraving="<ANA>".strip("<>"))
    assert (found["valid"], found["violations"], found["manufacturability"], found["repairs"]) == (True, [], [], [])
    assert [line["quantity"] for line in found["bill_of_materials"]] == [4, 4, 4]
    assert [step["operation"] for step in found["routing"]] == ["drilling", "engraving", "assembly", "inspection"]
    assert found["preview_svg"].startswith("<svg ")
    assert ">ANA</text>" in found["preview_svg"]
    same = await tried(world, ana.headers, engraving="ANA", amount=4, cover="standard")
    other = await tried(world, ana.headers, engraving="ANNA", amount=4)
    assert found["hash"] == same["hash"] != other["hash"]


@pytest.mark.req(21, 28)
async def test_what_is_not_valid_says_why_and_each_repair_mends_it(world: World) -> None:
    ana = await world.join()
    found = await tried(world, ana.headers, **DEEP)
    assert not found["valid"]
    assert found["violations"][0]["options"] == ["cover", "cleaning"]
    assert found["violations"][0]["values"] == {"cover": "sealed", "cleaning": "without"}
    (refusal,) = found["manufacturability"]
    assert (refusal["machine"], refusal["feature"], refusal["limit"], refusal["value"]) == (
        "drill",
        "floor_mm",
        "at least 4 mm",
        -4,
    )
    assert 0 < len(found["repairs"]) <= 3
    assert found["repairs_complete"]
    for repair in found["repairs"]:
        assert len(repair["changes"]) == 2  # no one change mends both
        mended = DEEP | {change["option"]: change["after"] for change in repair["changes"]}
        assert (await tried(world, ana.headers, **mended))["valid"]
        quote = {"configuration": mended, "deliver_by": "2027-04-01"}
        answer = await world.client.post(f"{CYLINDER}/quotes", json=quote, headers=ana.headers)
        assert answer.json()["quote"]["total_minor"] == repair["total_minor"]


@pytest.mark.req(45)
async def test_whoever_asks_for_a_price_can_work_it_out_again(world: World) -> None:
    ana = await world.join()
    object.__setattr__(world.ctx, "catalogue", {**world.ctx.catalogue, MASK.id: MASK})
    await world.join("manufacturer", MASK.manufacturer)
    for product, amount in ((CYLINDER, "amount"), (SIGN, "amount"), (LISTED, "pieces")):
        body = {"configuration": {amount: 10}, "deliver_by": "2027-04-01"}
        quote = (await world.client.post(f"{product}/quotes", json=body, headers=ana.headers)).json()["quote"]
        lines = [_told(line) for line in quote["lines"]]
        taxes = tuple(line for line in lines if line.code.startswith("tax@"))
        own = tuple(line for line in lines if line not in taxes)
        assert [line.code for line in taxes] == TAXES[product]
        told = PriceTrace(quote["currency"], own, taxes, _told(quote["platform_fee"]))
        assert recompute(told) == ()
        assert (told.total_minor, told.platform_fee.amount_minor) == (quote["total_minor"], quote["platform_fee_minor"])
        wrong = replace(own[0], amount_minor=own[0].amount_minor + 1)
        assert recompute(replace(told, lines=(wrong, *own[1:])))


def _told(line: dict[str, Any]) -> TraceLine:
    inputs = tuple((one["name"], one["value"]) for one in line["inputs"])
    amount, tax = line["amount_minor"], line["tax_bps"]
    return TraceLine(line["code"], line["label"], line["formula"], inputs, amount, tax, tuple(line["over"]))


@pytest.mark.req(28)
async def test_neither_a_price_nor_an_order_is_given_for_what_cannot_be_made(world: World) -> None:
    ana = await world.join()
    quote = {"configuration": DEEP, "deliver_by": "2027-04-01"}
    for path, body in ((f"{CYLINDER}/quotes", quote), ("/v1/orders", world.order_body(ana, configuration=DEEP))):
        answer = await world.client.post(path, json=body, headers=ana.headers)
        assert answer.status_code == 422, answer.text
        assert answer.json()["type"] == "urn:lotsizeone:problem:not-makeable"
        rule, limit = answer.json()["errors"]
        assert rule["field"] == "configuration.cover"
        assert "limit" not in rule
        assert (limit["field"], limit["limit"], limit["value"]) == ("configuration.base", "at least 4 mm", -4)


async def upload(world: World, who: Any, data: bytes, kind: dict[str, str]) -> Any:
    return await world.client.post("/v1/design-files", content=data, headers=who.headers | kind)


@pytest.mark.req(24)
async def test_a_design_of_ones_own_is_drawn_ordered_and_shown_to_its_maker_alone(world: World) -> None:
    ana, bob = await world.join(), await world.join()
    maker = await world.join("manufacturer", "Model Factory")
    logo = (await upload(world, ana, svg(SQUARE), SVG)).json()
    stand = (await upload(world, ana, binary(box(80, 40, 20)), STL)).json()
    assert (logo["facts"]["width_um"], stand["facts"]["volume_mm3"], stand["facts"]["watertight"]) == (
        20_000,
        64_000,
        True,
    )
    values = {"logo": logo["digest"], "stand": stand["digest"]}
    found = await tried(world, ana.headers, SIGN, **values)
    assert found["valid"], found
    assert {"logo", "printing"} <= {step["operation"] for step in found["routing"]}
    assert found["preview_svg"].count("<g transform=") == 2
    for stranger in (bob, maker):
        answer = await world.client.post(
            f"{SIGN}/configuration", json={"configuration": values}, headers=stranger.headers
        )
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "configuration.logo"
    swapped = {"configuration": {"logo": stand["digest"]}}
    assert (await world.client.post(f"{SIGN}/configuration", json=swapped, headers=ana.headers)).status_code == 422
    body = world.order_body(ana, product_id="engraved-sign", configuration=values)
    order = await world.client.post("/v1/orders", json=body, headers=ana.headers)
    assert order.status_code == 201, order.text
    path = f"/v1/orders/{order.json()['id']}/design-files/{stand['digest']}"
    assert (await world.client.delete(f"/v1/design-files/{stand['digest']}", headers=ana.headers)).status_code == 204
    answer = await world.client.get(path, headers=maker.headers)
    assert (answer.status_code, answer.content) == (200, binary(box(80, 40, 20)))
    assert answer.headers["content-disposition"].startswith("attachment")
    assert (await world.client.get(path, headers=bob.headers)).status_code == 404
    other = path.replace(stand["digest"], "0x" + "00" * 32)
    assert (await world.client.get(other, headers=maker.headers)).status_code == 404


async def test_a_file_is_read_listed_and_dropped_by_who_holds_it(world: World) -> None:
    ana, bob = await world.join(), await world.join()
    first = (await upload(world, ana, svg(SQUARE), SVG)).json()
    assert (await upload(world, ana, svg(SQUARE), SVG)).json() == first
    (listed,) = (await world.client.get("/v1/design-files", headers=ana.headers)).json()["items"]
    assert listed == first
    path = f"/v1/design-files/{first['digest']}"
    assert (await world.client.get(path, headers=ana.headers)).headers["content-type"] == "image/svg+xml"
    assert (await world.client.get(path, headers=bob.headers)).status_code == 404
    assert (await world.client.delete(path, headers=bob.headers)).status_code == 404
    assert (await world.client.delete(path, headers=ana.headers)).status_code == 204
    assert (await world.client.get(path, headers=ana.headers)).status_code == 404


@pytest.mark.req(14, 42)
async def test_hostile_files_are_refused_in_words(world: World) -> None:
    ana = await world.join()
    for name, data in HOSTILE.items():
        answer = await upload(world, ana, data, SVG)
        assert answer.status_code == 422, name
        assert answer.json()["errors"][0]["field"] == "file"
    assert (await upload(world, ana, b"solid", STL)).status_code == 422
    assert (await upload(world, ana, svg(SQUARE), {"Content-Type": "text/html"})).status_code == 422
    assert (await upload(world, ana, b"x" * ((5 << 20) + 1), STL)).status_code == 413
    assert (await world.client.get("/v1/design-files", headers=ana.headers)).json()["items"] == []


async def test_an_account_holds_so_many_files_and_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketplace.application.design_files.MOST_FILES", 2)
    ana, bob = await world.join(), await world.join()
    answers = [
        (await upload(world, ana, svg(f'<rect width="{n}" height="9"/>'), SVG)).status_code for n in (1, 2, 3, 2)
    ]
    assert answers == [201, 201, 409, 201]  # the last one is held already
    assert (await upload(world, bob, svg(SQUARE), SVG)).status_code == 201
