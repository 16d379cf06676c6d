"""Whose signature, whose lanes and which words: what an error names, and what a log carries."""

from dataclasses import replace

import pytest

from contracts.bindings import agreement, factory
from contracts.terms import Milestone, What, Witnessed, pack_milestones
from tests.contracts.mutation.scene import INSPECTION, MACHINE, ORDER, begin
from tests.contracts.world import ADDRESS, CENT, World

WORDS_OF_TERMS = 30


@pytest.mark.parametrize(
    ("lane", "signers", "missing"),
    [
        (MACHINE, ["witness"], "attestor"),
        (INSPECTION, ["witness", "witness"], "attestor"),
        (INSPECTION, ["attestor", "attestor"], "witness"),
    ],
)
async def test_evidence_is_signed_by_the_one_whom_the_terms_name(
    world: World, lane: int, signers: list[str], missing: str
) -> None:
    order = await begin(world)
    proof = await order.proof(lane, *signers)
    because = {"because": "RootNotSigned", "signer": ADDRESS[missing]}
    await order.refuses("stranger", agreement.claim, lane, proof, **because)


async def test_cap_counts_the_lanes_of_the_successor(world: World) -> None:
    old = await begin(world)
    lanes = (Milestone(2_000, 600), Milestone(500, 800, Witnessed.WITNESS))
    wishes = {"amount": 1_234_57 * CENT, "milestones": pack_milestones(lanes), "handover": bytes(32)}
    terms = world.successor_terms(old.terms, **wishes)
    consent = await world.consent_number("customer", terms, What.NOVATE, 0)
    call = factory.novate(world.book.factory, old.terms, [await world.entry(terms)], 0, consent)
    # A tenth of the price is left of what the maker's own word may release; the successor's lanes say a fifth.
    sums = {"selfAttested": 246_91 * CENT, "allowed": 123_45 * CENT}
    await old.refuses_call("relayer", call, because="CapRestarted", id=world.id(terms), **sums)


async def test_foreign_payer_is_named_beside_the_old_one(world: World) -> None:
    old = await begin(world)
    lanes = pack_milestones((Milestone(500, 800, Witnessed.WITNESS),))
    terms = world.successor_terms(old.terms, milestones=lanes, handover=bytes(32))
    foreign = replace(terms, payer=ADDRESS["supplier_b"])
    consent = await world.consent_number("supplier_b", foreign, What.NOVATE, 0)
    call = factory.novate(world.book.factory, old.terms, [await world.entry(foreign)], 0, consent)
    named = {"expected": ADDRESS["customer"], "actual": ADDRESS["supplier_b"]}
    await old.refuses_call("relayer", call, because="ForeignPayer", id=world.id(foreign), **named)


async def test_foreign_predecessor_is_named_beside_the_expected_one(world: World) -> None:
    old, other = await begin(world), await begin(world, salt=b"\x02" * 32)
    supply = world.supply_terms(old.terms, "a", amount=70_00 * CENT)
    call = factory.open_supply(world.book.factory, await world.entry(supply), [old.terms, other.terms])
    named = {"id": other.id, "expected": old.id, "actual": bytes(32)}
    await old.refuses_call("relayer", call, because="ForeignPredecessor", **named)


async def test_opening_logs_the_whole_terms_and_nothing_else(world: World) -> None:
    terms = world.delivery_terms(supplies=0, **ORDER)
    receipt = await world.force("relayer", factory.open_one(world.book.factory, await world.entry(terms)))
    [opened] = [log for log in receipt["logs"] if log["address"].lower() == world.book.factory.lower()][:1]
    assert len(bytes.fromhex(opened["data"][2:])) == 32 * WORDS_OF_TERMS
