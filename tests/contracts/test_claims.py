"""A milestone pays on the evidence of whom it names, once, and on nothing else."""

import dataclasses

import pytest

from contracts.bindings import agreement
from contracts.bindings.agreement import Evidence
from contracts.errors import AlreadyDone, BadProof, BadSignature, Past, WrongState
from contracts.evidence import leaf
from contracts.terms import ZERO_WORD, Milestone, Terms, Witnessed, evidence_root_typed_data, pack_milestones
from tests.contracts.world import (
    CHAIN_ID,
    INSPECTION_PASSED,
    PRODUCTION_FINISHED,
    SHIPPED,
    SIGNERS,
    START,
    World,
)

MACHINE, INSPECTION, SHIPPING = 1, 2, 3


async def _claimed(world: World, terms: Terms) -> list[int]:
    times = await agreement.claimed_at(world.rpc, world.address(terms), terms)
    return [index for index, time in enumerate(times) if time]


@pytest.mark.parametrize(
    "changes",
    [{"agreement_id": b"\x01" * 32}, {"spec_hash": b"\x01" * 32}, {"event_code": INSPECTION_PASSED}],
    ids=["other agreement", "other specification", "other event"],
)
async def test_evidence_of_something_else_is_no_proof(world: World, changes: dict[str, object]) -> None:
    terms = await world.open_lone()
    evidence = await world.evidence("attestor", terms, PRODUCTION_FINISHED, **changes)
    with pytest.raises(BadProof, match="NotIncluded"):
        await world.claim(terms, MACHINE, evidence)
    await world.claim(terms, MACHINE, await world.evidence("attestor", terms, PRODUCTION_FINISHED))


@pytest.mark.parametrize("who", ["maker", "witness", "customer", "relayer", "attestor_a"])
async def test_only_the_named_gateway_signs(world: World, who: str) -> None:
    terms = await world.open_lone()
    with pytest.raises(BadSignature, match="RootNotSigned"):
        await world.claim(terms, MACHINE, await world.evidence(who, terms, PRODUCTION_FINISHED))
    assert await _claimed(world, terms) == []


async def test_tampered_evidence_is_refused_member_by_member(world: World) -> None:
    terms = await world.open_lone()
    good = await world.evidence("attestor", terms, PRODUCTION_FINISHED)
    forgeries: list[Evidence] = [
        dataclasses.replace(good, at_ms=good.at_ms + 1),
        dataclasses.replace(good, payload_hash=ZERO_WORD),
        dataclasses.replace(good, proof=good.proof[:-1]),
        dataclasses.replace(good, proof=(*good.proof, ZERO_WORD)),
        dataclasses.replace(good, root=ZERO_WORD),
        dataclasses.replace(good, sequence=2),
        dataclasses.replace(good, previous=good.root),
        dataclasses.replace(good, signature=bytes(65)),
        dataclasses.replace(good, signature=b""),
    ]
    for forged in forgeries:
        with pytest.raises((BadProof, BadSignature)):
            await world.claim(terms, MACHINE, forged)
    await world.claim(terms, MACHINE, good)


async def test_inner_node_is_no_leaf(world: World) -> None:
    """The double hash: a proof shortened by one level starts at a node that no event hashes to."""
    terms = await world.open_lone()
    good = await world.evidence("attestor", terms, PRODUCTION_FINISHED)
    with pytest.raises(BadProof):
        await world.claim(terms, MACHINE, dataclasses.replace(good, proof=good.proof[1:]))


async def test_tree_of_one_leaf_needs_no_siblings(world: World) -> None:
    terms = await world.open_lone()
    root = leaf(world.id(terms), terms.spec_hash, PRODUCTION_FINISHED, 5, ZERO_WORD)
    message = evidence_root_typed_data(root, 9, b"\x01" * 32, chain_id=CHAIN_ID, factory=world.book.factory)
    signature = await SIGNERS["attestor"].sign_typed_data(message)
    await world.claim(terms, MACHINE, Evidence(5, ZERO_WORD, (), root, 9, b"\x01" * 32, signature))
    assert await _claimed(world, terms) == [MACHINE]


async def test_root_signed_for_another_factory_or_chain_is_refused(world: World) -> None:
    terms = await world.open_lone()
    good = await world.evidence("attestor", terms, PRODUCTION_FINISHED)
    for chain_id, contract in ((1, world.book.factory), (CHAIN_ID, world.book.delivery_implementation)):
        message = evidence_root_typed_data(good.root, 1, ZERO_WORD, chain_id=chain_id, factory=contract)
        signature = await SIGNERS["attestor"].sign_typed_data(message)
        with pytest.raises(BadSignature):
            await world.claim(terms, MACHINE, dataclasses.replace(good, signature=signature))


async def test_both_needs_attestor_and_witness_in_that_order(world: World) -> None:
    terms = await world.open_lone()
    by_maker = await world.evidence("attestor", terms, INSPECTION_PASSED)
    by_witness = await world.evidence("witness", terms, INSPECTION_PASSED)
    for wrong in ([], [by_maker], [by_witness], [by_maker, by_witness, by_witness]):
        with pytest.raises(BadProof, match="WrongEvidenceCount"):
            await world.claim(terms, INSPECTION, *wrong)
    for wrong in ([by_maker, by_maker], [by_witness, by_witness], [by_witness, by_maker]):
        with pytest.raises(BadSignature):
            await world.claim(terms, INSPECTION, *wrong)
    await world.claim(terms, INSPECTION, by_maker, by_witness)


async def test_witness_milestone_does_not_believe_the_maker(world: World) -> None:
    lanes = pack_milestones([Milestone(5_000, SHIPPED, Witnessed.WITNESS)])
    terms = await world.open_lone(milestones=lanes, cancel_until=255)
    with pytest.raises(BadSignature):
        await world.claim(terms, 0, await world.evidence("attestor", terms, SHIPPED))
    await world.claim(terms, 0, await world.evidence("witness", terms, SHIPPED))


async def test_payer_milestone_has_no_evidence(world: World) -> None:
    terms = await world.open_lone()
    with pytest.raises(BadProof, match="WrongMilestone"):
        await world.claim(terms, SHIPPING, await world.evidence("attestor", terms, SHIPPED))


async def test_reserved_and_empty_lanes_are_never_claimed(world: World) -> None:
    terms = await world.open_lone()
    for index, code in ((0, 1), (4, 2), (5, 0), (8, 600), (2**255, 600)):
        evidence = await world.evidence("attestor", terms, code)
        with pytest.raises(BadProof, match="WrongMilestone"):
            await world.claim(terms, index, evidence)


async def test_milestone_is_claimed_once_whatever_became_of_it(world: World) -> None:
    terms = await world.open_lone()
    evidence = await world.evidence("attestor", terms, PRODUCTION_FINISHED)
    await world.claim(terms, MACHINE, evidence)
    with pytest.raises(AlreadyDone):
        await world.claim(terms, MACHINE, evidence)
    await world.send("customer", agreement.contest(world.address(terms), terms, MACHINE))
    with pytest.raises(AlreadyDone):
        await world.claim(terms, MACHINE, evidence)
    await world.send("customer", agreement.approve(world.address(terms), terms, MACHINE))
    with pytest.raises(AlreadyDone):
        await world.claim(terms, MACHINE, evidence)


async def test_one_piece_of_evidence_pays_one_of_two_equal_orders(world: World) -> None:
    first = await world.open_lone()
    second = await world.open_lone(salt=b"\x02" * 32)
    evidence = await world.evidence("attestor", first, PRODUCTION_FINISHED)
    await world.claim(first, MACHINE, evidence)
    with pytest.raises(BadProof):
        await world.claim(second, MACHINE, evidence)


async def test_claims_end_with_the_last_delivery_and_with_the_handover(world: World) -> None:
    terms = await world.open_lone()
    delivered = await world.open_lone(salt=b"\x02" * 32)
    await world.hand_over(delivered)
    with pytest.raises(WrongState):
        await world.claim(delivered, MACHINE, await world.evidence("attestor", delivered, PRODUCTION_FINISHED))
    world.rpc.warp(terms.deliver_by + terms.grace)
    with pytest.raises(Past, match="TooLate"):
        await world.claim(terms, MACHINE, await world.evidence("attestor", terms, PRODUCTION_FINISHED))


async def test_clock_of_the_event_moves_no_deadline(world: World) -> None:
    """An attestor that dates its event a year back gains nothing: the window runs from the block."""
    terms = await world.open_lone()
    at_ms = (START - 365 * 86_400) * 1_000
    root = leaf(world.id(terms), terms.spec_hash, PRODUCTION_FINISHED, at_ms, ZERO_WORD)
    message = evidence_root_typed_data(root, 1, ZERO_WORD, chain_id=CHAIN_ID, factory=world.book.factory)
    signature = await SIGNERS["attestor"].sign_typed_data(message)
    await world.claim(terms, MACHINE, Evidence(at_ms, ZERO_WORD, (), root, 1, ZERO_WORD, signature))
    claimed = (await agreement.claimed_at(world.rpc, world.address(terms), terms))[MACHINE]
    assert claimed == world.rpc.node.head_timestamp
