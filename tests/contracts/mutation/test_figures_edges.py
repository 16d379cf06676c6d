"""Edges of single clocks, lanes and terms that the longer stories pass by."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.bindings import agreement, factory
from contracts.bindings.agreement import Party
from contracts.terms import Milestone, What, Witnessed, handover_hash, pack_milestones
from tests.contracts.mutation.scene import LANES, MACHINE, Scene, begin, taken
from tests.contracts.world import CENT, DAY, SECRET, START, World

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
    details = {"because": "WrongTerms", "expected": order.id, "actual": world.id(other)}
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
