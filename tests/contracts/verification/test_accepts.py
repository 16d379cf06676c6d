"""What honestly happened is accepted, whatever way it ended, from any agreement of the order."""

from collections.abc import Awaitable, Callable

import pytest

from contracts.bindings.agreement import State
from contracts.verification.evidence_file import EvidenceFile
from contracts.verification.verdict import Check, Voucher
from contracts.verification.verify import verify
from tests.contracts.verification.gateways import Plant, as_bytes
from tests.contracts.verification.lives import LIVES, SALTS, changed, settled_late
from tests.contracts.world import EURO, World


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
async def test_an_honest_life_is_accepted(world: World, life: Callable[[World], Awaitable[Plant]]) -> None:
    plant = await life(world)
    for terms in plant.terms[-1:] + plant.terms[:1]:
        verdict = await verify(world.rpc, address=world.address(terms))
        assert verdict.failure is None
        assert verdict.exit_code == 0
        assert [summary.address for summary in verdict.agreements] == [world.address(terms) for terms in plant.terms]
        for summary in verdict.agreements:
            paid = summary.to_payee + summary.to_payer + summary.fee + summary.carried
            assert paid + summary.holds == summary.amount


async def test_the_story_with_its_evidence(world: World) -> None:
    plant = await settled_late(world)
    specified = {world.id(terms): SALTS[name] for name, terms in zip(SALTS, plant.terms, strict=True)}
    evidence = EvidenceFile.parse(as_bytes(plant.file(specified=specified)))
    verdict = await verify(world.rpc, evidence=evidence)
    assert verdict.failure is None
    delivery = verdict.agreements[0]
    assert (delivery.state, delivery.holds, delivery.fee) == (State.SETTLED, 0, 24 * EURO)
    assert (delivery.to_payee, delivery.to_payer) == (936 * EURO, 40 * EURO)
    vouchers = {(fact.check, fact.voucher) for fact in verdict.facts if fact.agreement == delivery.id}
    assert vouchers >= {
        (Check.TERMS_SIGNATURE, Voucher.CUSTOMER),
        (Check.TERMS_SIGNATURE, Voucher.MAKER),
        (Check.SPECIFICATION, Voucher.CUSTOMER),
        (Check.CLAIM_PROOF, Voucher.GATEWAY),
        (Check.CLAIM_PROOF, Voucher.WITNESS),
        (Check.EVIDENCE_HASH, Voucher.GATEWAY),
        (Check.EVIDENCE_CHAIN, Voucher.WITNESS),
        (Check.DELIVERY_PROOF, Voucher.SECRET),
        (Check.LATENESS, Voucher.CLOCK),
        (Check.CONSENT_SIGNATURE, Voucher.CUSTOMER),
        (Check.BALANCE, Voucher.CHAIN),
    }
    assert (Check.EVIDENCE_HASH, Voucher.NOBODY) not in vouchers


async def test_what_no_file_opens_is_vouched_for_by_nobody(world: World) -> None:
    plant = await settled_late(world)
    verdict = await verify(world.rpc, address=world.address(plant.terms[0]), factory=world.book.factory)
    said = {(fact.check, fact.voucher) for fact in verdict.facts}
    assert {(Check.EVIDENCE_HASH, Voucher.NOBODY), (Check.SPECIFICATION, Voucher.NOBODY)} <= said


async def test_a_changed_order_is_one_order(world: World) -> None:
    plant = await changed(world)
    verdict = await verify(world.rpc, evidence=EvidenceFile.parse(as_bytes(plant.file())))
    assert verdict.failure is None
    states = [summary.state for summary in verdict.agreements]
    assert states == [
        State.RESOLVED,
        State.RESOLVED,
        State.REFUNDED,
        State.RESOLVED,
        State.REFUNDED,
        State.RESOLVED,
        State.OPEN,
    ]
    assert verdict.agreements[0].carried == 800 * EURO
    arbiter = [fact for fact in verdict.facts if fact.voucher is Voucher.ARBITER]
    assert [fact.agreement for fact in arbiter] == [world.id(plant.terms[3])]


async def test_an_address_that_is_no_agreement(world: World) -> None:
    for address in (world.book.factory, "0x" + "11" * 20):
        verdict = await verify(world.rpc, address=address)
        assert verdict.failure is not None
        assert verdict.failure.check is Check.CLONE_CODE
        assert verdict.exit_code == Check.CLONE_CODE.value
    with pytest.raises(ValueError, match="name an agreement"):
        await verify(world.rpc)
