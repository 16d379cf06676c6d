"""Who pays what to whom when agreements open."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.bindings import agreement, factory, token
from contracts.terms import ZERO_WORD, Kind, Milestone, Terms, Witnessed, pack_milestones
from tests.contracts.mutation.scene import GOODS_IN, LANES, ORDER, Scene, begin, cast, opens
from tests.contracts.world import ADDRESS, CENT, SECRET, START, World

SUPPLY_LANE = Milestone(1_000, 600, Witnessed.PAYER)


def _delivery(world: World, supplies: int, **changes: Any) -> Terms:
    return world.delivery_terms(supplies, **(ORDER | changes))


def _supply(world: World, delivery: Terms, which: str, cents: int, advance_bps: int = 0) -> Terms:
    lanes = [*([Milestone(advance_bps, 1)] if advance_bps else []), SUPPLY_LANE]
    return world.supply_terms(delivery, which, amount=cents * CENT, milestones=pack_milestones(lanes))


async def _opens_batch(world: World, log: list[str], **roles: Terms) -> list[Scene]:
    scenes = cast(world, **roles)
    entries = [await world.entry(scene.terms) for scene in scenes]
    await opens(scenes, "relayer", factory.open_batch(world.book.factory, entries), log=log)
    return scenes


@pytest.mark.parametrize("door", [factory.open_one, lambda address, entry: factory.open_batch(address, [entry])])
async def test_customer_pays_the_price_and_the_maker_has_the_advance_at_once(world: World, door: Any) -> None:
    [delivery] = cast(world, delivery=_delivery(world, 0))
    log = [
        "opened delivery under nobody",
        "customer → delivery 993.83",
        "customer → maker 240.74",
        "delivery's advance to maker 240.74, fee 6.17",
    ]
    await opens([delivery], "relayer", door(world.book.factory, await world.entry(delivery.terms)), log=log)


@pytest.mark.parametrize("fee_bps", [0, 250])
async def test_without_an_advance_all_of_the_price_is_locked(world: World, fee_bps: int) -> None:
    terms = _delivery(world, 0, milestones=pack_milestones(LANES[1:]), cancel_until=0, fee_bps=fee_bps)
    [delivery] = cast(world, delivery=terms)
    log = ["opened delivery under nobody", "customer → delivery 1234.57"]
    call = factory.open_one(world.book.factory, await world.entry(terms))
    await opens([delivery], "relayer", call, log=log)


async def test_advance_lies_in_the_first_lane_alone(world: World) -> None:
    """Its code in the bits of another lane would be refused; a share of zero is an advance of nothing."""
    terms = _delivery(world, 0, milestones=pack_milestones([Milestone(0, 1), *LANES[1:]]))
    [delivery] = cast(world, delivery=terms)
    log = ["opened delivery under nobody", "customer → delivery 1234.57"]
    await opens([delivery], "relayer", factory.open_one(world.book.factory, await world.entry(terms)), log=log)


async def test_advance_pays_the_supplies_in_order_and_the_maker_has_the_rest(world: World) -> None:
    delivery = _delivery(world, 2)
    await _opens_batch(
        world,
        [
            "opened delivery under nobody",
            "opened boards under delivery",
            "opened metal under delivery",
            "delivery's advance to boards 120.00",
            "customer → boards 120.00",
            "delivery's advance to metal 80.00",
            "customer → metal 80.00",
            "customer → delivery 993.83",
            "customer → maker 40.74",
            "delivery's advance to maker 40.74, fee 6.17",
        ],
        delivery=delivery,
        boards=_supply(world, delivery, "a", 120_00),
        metal=_supply(world, delivery, "b", 80_00),
    )


async def test_maker_adds_what_the_advance_does_not_cover(world: World) -> None:
    delivery = _delivery(world, 2)
    await _opens_batch(
        world,
        [
            "opened delivery under nobody",
            "opened boards under delivery",
            "opened metal under delivery",
            "delivery's advance to boards 200.00",
            "customer → boards 200.00",
            "delivery's advance to metal 40.74",
            "customer → metal 40.74",
            "maker → metal 39.26",
            "customer → delivery 993.83",
            "delivery's advance to maker 0.00, fee 6.17",
        ],
        delivery=delivery,
        boards=_supply(world, delivery, "a", 200_00),
        metal=_supply(world, delivery, "b", 80_00),
    )


async def test_supply_behind_an_empty_advance_is_the_makers(world: World) -> None:
    delivery = _delivery(world, 2)
    await _opens_batch(
        world,
        [
            "opened delivery under nobody",
            "opened boards under delivery",
            "opened metal under delivery",
            "delivery's advance to boards 240.74",
            "customer → boards 240.74",
            "maker → boards 59.26",
            "maker → metal 80.00",
            "customer → delivery 993.83",
            "delivery's advance to maker 0.00, fee 6.17",
        ],
        delivery=delivery,
        boards=_supply(world, delivery, "a", 300_00),
        metal=_supply(world, delivery, "b", 80_00),
    )


async def test_without_an_advance_the_maker_pays_its_supplies(world: World) -> None:
    delivery = _delivery(world, 1, milestones=pack_milestones(LANES[1:]), cancel_until=0)
    log = [
        "opened delivery under nobody",
        "opened boards under delivery",
        "maker → boards 85.40",
        "maker → supplier_a 34.12",
        "boards's advance to supplier_a 34.12, fee 0.87",
        "customer → delivery 1234.57",
    ]
    await _opens_batch(world, log, delivery=delivery, boards=_supply(world, delivery, "a", 119_52, 2_928))


@pytest.mark.parametrize(
    ("cents", "bps", "lines"),
    [
        # 30.00 of advance, 0.75 of it fee; all of it from the customer.
        (
            100_00,
            3_000,
            [
                "delivery's advance to boards 100.00",
                "customer → boards 70.75",
                "customer → supplier_a 29.25",
                "boards's advance to supplier_a 29.25, fee 0.75",
                "customer → delivery 993.83",
                "customer → maker 140.74",
                "delivery's advance to maker 140.74, fee 6.17",
            ],
        ),
        # 50.00, 1.25 of it fee: the customer's money ends within the supplier's advance.
        (
            250_00,
            2_000,
            [
                "delivery's advance to boards 240.74",
                "customer → boards 201.25",
                "customer → supplier_a 39.49",
                "maker → supplier_a 9.26",
                "boards's advance to supplier_a 48.75, fee 1.25",
                "customer → delivery 993.83",
                "delivery's advance to maker 0.00, fee 6.17",
            ],
        ),
        # 60.00, 1.50 of it fee: the customer's money ends within what is locked.
        (
            300_00,
            2_000,
            [
                "delivery's advance to boards 240.74",
                "customer → boards 240.74",
                "maker → boards 0.76",
                "maker → supplier_a 58.50",
                "boards's advance to supplier_a 58.50, fee 1.50",
                "customer → delivery 993.83",
                "delivery's advance to maker 0.00, fee 6.17",
            ],
        ),
    ],
)
async def test_supplys_own_advance_comes_from_whoever_pays_the_supply(
    world: World, cents: int, bps: int, lines: list[str]
) -> None:
    delivery = _delivery(world, 1)
    log = ["opened delivery under nobody", "opened boards under delivery", *lines]
    await _opens_batch(world, log, delivery=delivery, boards=_supply(world, delivery, "a", cents, bps))


# ── permits ──────────────────────────────────────────────────────────────────────────────────────


async def _revoke_approval(world: World, *owners: str) -> None:
    assert world.book.test_euro is not None
    for who in owners:
        await world.send(who, token.approve(world.book.test_euro, world.book.factory, 0))


@pytest.mark.parametrize("door", ["open_one", "open_batch"])
async def test_permit_takes_the_place_of_an_approval(world: World, door: str) -> None:
    await _revoke_approval(world, "customer")
    terms = _delivery(world, 0)
    [delivery] = cast(world, delivery=terms)
    bare, signed = await world.entry(terms), await world.entry(terms, await world.permit("customer", terms.amount))
    build: Any = factory.open_one if door == "open_one" else lambda address, entry: factory.open_batch(address, [entry])
    await delivery.refuses_call("relayer", build(world.book.factory, bare), because="ERC20InsufficientAllowance")
    less = await world.entry(terms, await world.permit("customer", terms.amount - 617 * CENT - 1))
    await delivery.refuses_call("relayer", build(world.book.factory, less), because="ERC20InsufficientAllowance")
    log = [
        "opened delivery under nobody",
        "customer → delivery 993.83",
        "customer → maker 240.74",
        "delivery's advance to maker 240.74, fee 6.17",
    ]
    await opens([delivery], "relayer", build(world.book.factory, signed), log=log)


async def test_each_entry_of_a_batch_brings_its_own_permit(world: World) -> None:
    await _revoke_approval(world, "customer", "maker")
    terms = _delivery(world, 1)
    supply = _supply(world, terms, "a", 300_00)
    scenes = cast(world, delivery=terms, boards=supply)
    first = await world.entry(terms, await world.permit("customer", terms.amount))
    second = await world.entry(supply, await world.permit("maker", supply.amount))
    log = [
        "opened delivery under nobody",
        "opened boards under delivery",
        "delivery's advance to boards 240.74",
        "customer → boards 240.74",
        "maker → boards 59.26",
        "customer → delivery 993.83",
        "delivery's advance to maker 0.00, fee 6.17",
    ]
    await opens(scenes, "relayer", factory.open_batch(world.book.factory, [first, second]), log=log)


async def test_new_supply_brings_its_permit(world: World) -> None:
    delivery = await begin(world)
    await _revoke_approval(world, "maker")
    supply = _supply(world, delivery.terms, "a", 119_52)
    [boards] = cast(world, boards=supply)
    boards.ids[delivery.id] = "delivery"
    entry = await world.entry(supply, await world.permit("maker", supply.amount))
    call = factory.open_supply(world.book.factory, entry, [delivery.terms])
    await opens([boards], "relayer", call, log=["opened boards under delivery", "maker → boards 119.52"])


# ── re-sourcing ──────────────────────────────────────────────────────────────────────────────────


async def _open_supply(world: World, supply: Terms, *lineage: Terms) -> Any:
    return factory.open_supply(world.book.factory, await world.entry(supply), lineage)


async def test_new_supply_of_an_open_delivery_is_the_makers(world: World) -> None:
    delivery = await begin(world)
    supply = _supply(world, delivery.terms, "a", 119_52, 2_928)
    [boards] = cast(world, boards=supply)
    boards.ids[delivery.id] = "delivery"
    log = [
        "opened boards under delivery",
        "maker → boards 85.40",
        "maker → supplier_a 34.12",
        "boards's advance to supplier_a 34.12, fee 0.87",
    ]
    await opens([boards], "relayer", await _open_supply(world, supply, delivery.terms), log=log)
    await delivery.compare()
    await boards.refuses_call("relayer", await _open_supply(world, supply, delivery.terms), because="FailedDeployment")


async def test_new_supply_needs_its_own_open_delivery(world: World) -> None:
    delivery = await begin(world)
    other = await begin(world, salt=b"\x02" * 32)
    supply = _supply(world, delivery.terms, "a", 119_52)
    closed = world.delivery_terms(0, **(ORDER | {"salt": b"\x03" * 32}))
    orphan = _supply(world, closed, "a", 119_52)
    lone = _delivery(world, 0, salt=b"\x04" * 32)
    for terms, lineage, error in (
        (supply, [], "WrongBatchSize"),
        (supply, [delivery.terms] * 33, "WrongBatchSize"),
        (supply, [other.terms], "ForeignParent"),
        (supply, [delivery.terms, other.terms], "ForeignPredecessor"),
        (orphan, [closed], "NotOpen"),
        (lone, [delivery.terms], "WrongKind"),
        (replace(supply, supply_count=1), [delivery.terms], "WrongSupplyCount"),
        (replace(supply, payer=ADDRESS["supplier_b"]), [delivery.terms], "ForeignPayer"),
        (replace(supply, unit=1), [delivery.terms], "MixedMoney"),
        (replace(supply, replaces=b"\x01" * 32), [delivery.terms], "ForeignPredecessor"),
    ):
        await delivery.refuses_call("relayer", await _open_supply(world, terms, *lineage), because=error)


async def test_supply_of_a_supply_is_refused(world: World) -> None:
    delivery = await begin(world)
    supply = _supply(world, delivery.terms, "a", 119_52)
    await world.send("relayer", await _open_supply(world, supply, delivery.terms))
    below = replace(supply, payer=supply.payee, payee=ADDRESS["supplier_b"], parent=world.id(supply))
    await delivery.refuses_call("relayer", await _open_supply(world, below, supply), because="NotOpen")


async def test_new_supply_is_possible_until_the_last_second_of_the_delivery(world: World) -> None:
    delivery = await begin(world)
    supply = replace(
        _supply(world, delivery.terms, "a", 119_52), fund_by=delivery.last + 5, deliver_by=delivery.last + 5
    )
    [boards] = cast(world, boards=supply)
    boards.ids[delivery.id] = "delivery"
    call = await _open_supply(world, supply, delivery.terms)
    delivery.until(delivery.last + 1)
    await delivery.refuses_call("relayer", call, because="NotOpen", id=delivery.id)


async def test_new_supply_in_the_last_second(world: World) -> None:
    delivery = await begin(world)
    supply = replace(
        _supply(world, delivery.terms, "a", 119_52), fund_by=delivery.last + 5, deliver_by=delivery.last + 5
    )
    [boards] = cast(world, boards=supply)
    boards.ids[delivery.id] = "delivery"
    delivery.until(delivery.last)
    log = ["opened boards under delivery", "maker → boards 119.52"]
    await opens([boards], "relayer", await _open_supply(world, supply, delivery.terms), log=log)


async def test_delivered_goods_need_no_new_supply(world: World) -> None:
    delivery = await begin(world)
    supply = _supply(world, delivery.terms, "a", 119_52)
    await world.act("stranger", agreement.delivered_by_secret, delivery.terms, SECRET)
    await delivery.refuses_call("relayer", await _open_supply(world, supply, delivery.terms), because="NotOpen")


# ── doors ────────────────────────────────────────────────────────────────────────────────────────


async def test_each_door_takes_its_kind(world: World) -> None:
    delivery = _delivery(world, 0)
    supply = _supply(world, delivery, "a", 119_52)
    [scene] = cast(world, delivery=delivery)
    address = world.book.factory
    entry, below = await world.entry(delivery), await world.entry(supply)
    unlisted = await world.entry(replace(delivery, token=address))
    await scene.refuses_call("relayer", factory.open_one(address, unlisted), because="TokenNotListed", token=address)
    kinds = {"because": "WrongKind", "id": world.id(supply), "expected": Kind.DELIVERY, "actual": Kind.SUPPLY}
    await scene.refuses_call("relayer", factory.open_one(address, below), **kinds)
    await scene.refuses_call("relayer", factory.open_batch(address, [below]), **kinds)
    for count in (0, 33):
        call = factory.open_batch(address, [entry] * count)
        await scene.refuses_call("relayer", call, because="WrongBatchSize", count=count)
    call = factory.open_batch(address, [entry] * 32)
    await scene.refuses_call("relayer", call, because="WrongSupplyCount", expected=0, actual=31)
    foreign = await world.entry(replace(delivery, parent=b"\x01" * 32))
    await scene.refuses_call(
        "relayer", factory.open_one(address, foreign), because="ForeignParent", expected=ZERO_WORD, actual=b"\x01" * 32
    )
    successor = await world.entry(replace(delivery, replaces=b"\x01" * 32))
    await scene.refuses_call(
        "relayer",
        factory.open_one(address, successor),
        because="ForeignPredecessor",
        expected=ZERO_WORD,
        actual=b"\x01" * 32,
    )


async def test_funding_ends_with_its_second(world: World) -> None:
    delivery = _delivery(world, 0, fund_by=START + 100, milestones=pack_milestones([LANES[GOODS_IN]]), cancel_until=255)
    [scene] = cast(world, delivery=delivery)
    call = factory.open_one(world.book.factory, await world.entry(delivery))
    scene.until(START + 100)
    log = ["opened delivery under nobody", "customer → delivery 1234.57"]
    await opens([scene], "relayer", call, log=log)
    late = replace(delivery, salt=b"\x02" * 32)
    call = factory.open_one(world.book.factory, await world.entry(late))
    await scene.refuses_call("relayer", call, because="FundingExpired", fundBy=START + 100)
