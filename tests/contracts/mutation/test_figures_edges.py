"""Edges of single clocks, lanes and terms that the longer stories pass by."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.bindings import agreement, factory, token
from contracts.bindings.agreement import Party
from contracts.terms import Milestone, What, Witnessed, handover_hash, pack_milestones
from tests.contracts.mutation.scene import LANES, MACHINE, ORDER, Scene, begin, cast, opens, taken
from tests.contracts.world import ADDRESS, CENT, DAY, SECRET, START, World

MACHINES = [Milestone(1_000, 600 + lane, Witnessed.ATTESTOR) for lane in range(3)]
CLAIMED = "claimed {}, paid after 600 s, 7777"


async def _claim(order: Scene, lane: int) -> None:
    await order.move("stranger", agreement.claim, lane, await order.proof(lane, "attestor"), log=[CLAIMED.format(lane)])


@pytest.mark.parametrize("early_s", [599, 0])
async def test_contest_ends_with_the_claims_own_window_even_where_the_claim_lapses(world: World, early_s: int) -> None:
    order = await begin(world)
    order.until(order.last - early_s)
    await _claim(order, MACHINE)
    end = order.now + 600
    order.until(end + 1)
    await order.refuses("customer", agreement.contest, MACHINE, because="TooLate", closedAt=end)


async def test_no_move_and_no_view_takes_other_terms_than_the_agreements_own(world: World) -> None:
    order = await begin(world)
    other = replace(order.terms, cancel_bps=0)
    order.until(order.last + 1)
    moves: list[tuple[Any, list[Any]]] = [
        (agreement.refund, []),
        (agreement.timeout, []),
        (agreement.withdraw, [Party.PAYEE]),
    ]
    details: dict[str, Any] = {"because": "WrongTerms", "expected": order.id, "actual": world.id(other)}
    for move, arguments in moves:
        await order.refuses_call("stranger", move(order.address, other, *arguments), **details)


@pytest.mark.parametrize("moment", [1_000, 1_001])
async def test_claims_that_mature_in_one_second_are_paid_together(world: World, moment: int) -> None:
    """Neighbours, the first lane among them, in a second of either parity."""
    order = await begin(world, milestones=pack_milestones(MACHINES), cancel_until=255)
    claims = [
        agreement.claim(order.address, order.terms, lane, await order.proof(lane, "attestor")) for lane in range(3)
    ]
    order.until(START + moment)
    log = [CLAIMED.format(lane) for lane in range(3)]
    await order.in_one_block(*zip(["stranger", "relayer", "deployer"], claims, strict=True), log=log)
    order.until(START + moment + 600)
    await order.refuses("stranger", agreement.withdraw, Party.PAYEE, because="NothingDue")
    order.until(START + moment + 601)
    paid = [f"credited Claim {lane}: payee 120.37, fee 3.08, payer 0.00" for lane in range(3)]
    await order.move("stranger", agreement.withdraw, Party.PAYEE, log=[*paid, *taken("361.11")])


async def test_an_instant_years_before_the_last_delivery_is_kept_to_the_second(world: World) -> None:
    order = await begin(world, deliver_by=START + 1_400 * DAY, milestones=pack_milestones(MACHINES), cancel_until=255)
    for lane in range(3):
        await _claim(order, lane)
    await order.move("customer", agreement.contest, 1, log=["contested 1"])
    log = ["delivered 0 s ago, penalty 0.00", "Open → Delivered"]
    await order.move("stranger", agreement.delivered_by_secret, SECRET, log=log)


async def test_reserved_lanes_are_not_the_makers_word_whatever_they_say(world: World) -> None:
    reserved = Milestone(400, 2, Witnessed.ATTESTOR)
    lanes = [Milestone(100, 1, Witnessed.ATTESTOR), *MACHINES[:2], Milestone(700, 800, Witnessed.WITNESS), reserved]
    old = await begin(world, milestones=pack_milestones(lanes), cancel_until=255)
    await world.send("customer", agreement.approve(old.address, old.terms, 2))
    wishes = {"milestones": pack_milestones([*MACHINES[:2], LANES[MACHINE + 1], reserved]), "amount": 1_000_00 * CENT}
    terms = world.successor_terms(old.terms, handover=handover_hash(b"\x05" * 32), **wishes)
    consent = await world.consent_number("customer", terms, What.NOVATE, 0)
    call = factory.novate(world.book.factory, old.terms, [await world.entry(terms)], 0, consent)
    sums = {"selfAttested": 200_00 * CENT, "allowed": 123_45 * CENT}
    await old.refuses_call("relayer", call, because="CapRestarted", id=world.id(terms), **sums)


async def test_advance_without_a_fee_is_paid(world: World) -> None:
    [delivery] = cast(world, delivery=world.delivery_terms(0, **(ORDER | {"fee_bps": 0})))
    log = [
        "opened delivery under nobody",
        "customer → delivery 987.66",
        "customer → maker 246.91",
        "delivery's advance to maker 246.91, fee 0.00",
    ]
    call = factory.open_one(world.book.factory, await world.entry(delivery.terms))
    await opens([delivery], "relayer", call, log=log)


async def test_money_that_waits_at_an_address_opens_nothing(world: World) -> None:
    """Anybody may send to an agreement before it is there. It counts for nothing and stops nothing."""
    assert world.book.test_euro is not None
    old = await begin(world)
    wishes = {"milestones": pack_milestones(LANES[1:]), "handover": handover_hash(b"\x05" * 32)}
    terms = world.successor_terms(old.terms, **wishes)
    [new] = cast(world, successor=terms)
    new.names[old.address], new.ids[old.id] = "old", "old"
    await world.send("customer", token.transfer(world.book.test_euro, new.address, 300_00 * CENT))
    consent = await world.consent_number("customer", terms, What.NOVATE, 0)
    call = factory.novate(world.book.factory, old.terms, [await world.entry(terms)], 0, consent)
    receipt = await world.send("relayer", call)
    assert new.read(receipt)[-2:] == ["old → successor 987.66", "customer → successor 246.91"]
    assert (await world.books(terms)).left == terms.amount


async def test_refusals_of_a_supply_name_the_supply(world: World) -> None:
    delivery = await begin(world)
    supply = world.supply_terms(delivery.terms, "a", amount=119_52 * CENT)
    other = ADDRESS["supplier_b"]
    for terms, details in (
        (replace(supply, supply_count=1), {"because": "WrongSupplyCount", "expected": 1, "actual": 0}),
        (replace(supply, parent=b"\x01" * 32), {"because": "ForeignParent", "expected": delivery.id}),
        (replace(supply, replaces=b"\x01" * 32), {"because": "ForeignPredecessor", "expected": bytes(32)}),
        (replace(supply, payer=other), {"because": "ForeignPayer", "expected": supply.payer, "actual": other}),
        (replace(supply, unit=1), {"because": "MixedMoney"}),
    ):
        call = factory.open_supply(world.book.factory, await world.entry(terms), [delivery.terms])
        await delivery.refuses_call("relayer", call, id=world.id(terms), **details)
