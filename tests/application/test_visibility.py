"""Who reads what: prices and names are for the two sides of an order, a supplier reads its own work."""

import asyncio
import dataclasses
import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from marketplace.application.cancel_order import cancel_order
from marketplace.application.gather_signatures import requests
from marketplace.application.report_by_hand import jobs
from marketplace.application.view_orders import list_orders
from marketplace.application.view_orders import order as view_order
from marketplace.application.view_timeline import FOR_SUPPLIERS, latest, tail, timeline
from marketplace.domain.parties import Account, Role
from tests.application.conftest import Populated
from tests.application.example import FUNDS_MINOR, TOTAL_MINOR, address_of
from tests.application.world import Scratch, World, open_world

CUSTOMER_NAME = "Customer"
COMPANIES = {"amp": "AMP", "reconcavo": "Reconcavo Machining"}


async def everything(world: World, caller: Account, order_id: str) -> str:
    """All that the caller can read of an order, as one text."""
    seen = [
        await view_order(world.ctx, caller, order_id),
        *await timeline(world.ctx, caller, order_id),
        *(await list_orders(world.ctx, caller, limit=10, cursor=None)).items,
        *await requests(world.ctx, caller, open_only=False),
        *await jobs(world.ctx, caller),
    ]
    return json.dumps([dataclasses.asdict(view) for view in seen], default=str)


def says(text: str, word: str) -> bool:
    """Whether the text holds the word, and not only its letters inside a longer one."""
    return re.search(rf"(?<![0-9A-Za-z]){re.escape(word)}(?![0-9A-Za-z])", text) is not None


async def whole_story(world: World) -> str:
    """An order in which everybody has said something; its id."""
    order_id = await world.contracted()
    await world.make("amp")
    await world.report("reconcavo", "started", "step", "finished", note="Zenaide fixed the spindle")
    await world.work()
    await world.sign_open("carrier")
    await world.work()
    await world.make("maker")
    await world.work()
    return order_id


@pytest.fixture(scope="module")
def told(scratch: Scratch, populated: Populated, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The database after the whole story, which these tests only read, and the order's id."""

    async def tell() -> str:
        async with open_world(scratch, populated.file, populated.people, populated.gateways) as world:
            return await whole_story(world)

    order_id = asyncio.run(tell())
    return Path(shutil.copy(scratch.file, tmp_path_factory.mktemp("told") / "told.db")), order_id


@pytest.fixture
async def story(scratch: Scratch, populated: Populated, told: tuple[Path, str]) -> AsyncIterator[tuple[World, str]]:
    """A world in which the whole story has happened, and its order."""
    async with open_world(scratch, told[0], populated.people, populated.gateways) as world:
        yield world, told[1]


@pytest.mark.req(15, 16)
@pytest.mark.parametrize(("reader", "other"), [("amp", "reconcavo"), ("reconcavo", "amp")])
async def test_a_supplier_reads_no_price_of_others_and_no_name(
    story: tuple[World, str], reader: str, other: str
) -> None:
    world, order_id = story
    text = await everything(world, world[reader], order_id)
    hidden = [
        CUSTOMER_NAME,
        address_of("customer"),
        address_of(other),
        COMPANIES[other],
        str(TOTAL_MINOR),
        "600.00",
        "SENAI",  # the engraving: whose name a piece bears is for who engraves it
    ]
    amounts = {"amp": "7600", "reconcavo": "3200"}
    hidden.append(amounts[other])
    if reader == "amp":
        hidden += ["Zenaide", world["reconcavo"].display_name]
    for word in hidden:
        assert not says(text, word), word
    # The control: its own price is there, and the other side's readers find what is hidden here.
    assert says(text, amounts[reader])
    full = await everything(world, world["maker"], order_id)
    for word in (CUSTOMER_NAME, COMPANIES[other], str(TOTAL_MINOR), "Zenaide", "SENAI"):
        assert says(full, word), word


@pytest.mark.req(16)
async def test_a_suppliers_history_is_its_own_work_and_what_happens_to_the_order(story: tuple[World, str]) -> None:
    world, order_id = story
    for name, operations in (("amp", {"bases", "covers"}), ("reconcavo", {"machining"})):
        items = await timeline(world.ctx, world[name], order_id)
        assert {item.name for item in items} <= FOR_SUPPLIERS
        worked = {item.title.split(":")[0].lower() for item in items if item.name == "ProductionProgressed"}
        assert worked == operations
        assert [item.name for item in items].count("SupplyDelivered") == 1
        (started,) = [item for item in items if item.name == "ProductionStarted"]
        assert started.detail == ""
    carried = await timeline(world.ctx, world["carrier"], order_id)
    assert [item.name for item in carried].count("SupplyDelivered") == 2
    assert "ProductionProgressed" not in {item.name for item in carried}


async def test_live_and_history_are_the_same_reading(story: tuple[World, str]) -> None:
    """The stream reads `timeline` from the last id on: what is hidden there never comes live either."""
    world, order_id = story
    for name in ("customer", "amp"):
        whole = await timeline(world.ctx, world[name], order_id)
        for at, item in enumerate(whole):
            assert await timeline(world.ctx, world[name], order_id, after=item.id) == whole[at + 1 :]
    # The process's tail is for waking watchers only: it names every item of every order.
    items = await tail(world.ctx, after=0, limit=1_000)
    assert [item.name for item in items if item.order_id == order_id] == await world.events(order_id)
    assert items[-1].id == await latest(world.ctx)
    assert await tail(world.ctx, after=items[-1].id, limit=1) == ()


async def test_a_supplier_does_not_read_why_a_customer_withdrew(world: World) -> None:
    """What was drafted is void then, so the order is nobody's but its two sides'."""
    order_id = await world.quoted()
    await cancel_order(world.ctx, world["customer"], order_id, reason="my address is secret street 1")
    assert (await list_orders(world.ctx, world["amp"], limit=10, cursor=None)).items == ()
    theirs = [dataclasses.asdict(view) for view in await requests(world.ctx, world["amp"], open_only=False)]
    assert "secret street" not in json.dumps(theirs, default=str)
    told = await timeline(world.ctx, world["maker"], order_id)
    assert "secret street" in told[-1].detail


@pytest.mark.req(17)
async def test_an_operator_reads_everything_and_is_no_party(story: tuple[World, str]) -> None:
    world, order_id = story
    operator = dataclasses.replace(world["customer"], id="acc_operator", role=Role.OPERATOR)
    assert [item.name for item in await timeline(world.ctx, operator, order_id)] == await world.events(order_id)
    view = await view_order(world.ctx, operator, order_id)
    assert len(view.agreements) == 3
    assert view.next_action is None


async def test_a_customer_reads_the_delivery_and_not_the_makers_purchases(story: tuple[World, str]) -> None:
    world, order_id = story
    view = await view_order(world.ctx, world["customer"], order_id)
    assert [item.kind for item in view.agreements] == ["delivery"]
    text = json.dumps(dataclasses.asdict(view), default=str)
    for word in ("Reconcavo", "AMP", "Zenaide", str(FUNDS_MINOR)):
        assert not says(text, word), word


async def test_lists_hold_what_one_takes_part_in(world: World) -> None:
    order_id = await world.quoted()
    seen: dict[str, Any] = {}
    for name in world.people:
        seen[name] = [item.id for item in (await list_orders(world.ctx, world[name], limit=10, cursor=None)).items]
    assert {name for name, ids in seen.items() if ids == [order_id]} == {
        *("customer", "maker", "amp", "reconcavo", "carrier")
    }
    assert seen["tejo"] == []
