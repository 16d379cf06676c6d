"""Agreements, and requests to sign them."""

from dataclasses import replace

import pytest

from marketplace.domain.agreement import AgreementKind, AgreementStatus, Payout
from marketplace.persistence.unit_of_work import SqlUnitOfWork
from tests.persistence.samples import NOW, agreement, placing, request

SUPPLY = AgreementKind.SUPPLY


@pytest.fixture(autouse=True)
async def order(uow: SqlUnitOfWork) -> None:
    """The order that the agreements belong to."""
    decision = placing()
    async with uow.write() as tx:
        await tx.orders.save(decision.order, decision.events, decision.effects, NOW)


@pytest.mark.req(77, 80)
async def test_an_agreement_comes_back_equal_and_is_replaced(uow: SqlUnitOfWork) -> None:
    drafted = agreement(
        status=AgreementStatus.DRAFTED, permit=None, payer_signature=None, milestone_states={}, payouts=()
    )
    paid = replace(agreement(), payouts=(Payout("payee", "0x01", 5, paid=True),))
    for version in (drafted, paid):
        async with uow.write() as tx:
            await tx.agreements.save(version)
        async with uow.read() as tx:
            assert await tx.agreements.get("agr_1") == version
            assert await tx.agreements.of_order("ord_1") == [version]
            assert await tx.agreements.get("agr_2") is None


async def test_the_delivery_comes_first_and_void_drafts_are_left_out(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        for name, kind in (("s2", SUPPLY), ("void", SUPPLY), ("s1", SUPPLY), ("d", AgreementKind.DELIVERY)):
            await tx.agreements.save(agreement(name, kind=kind))
        await tx.agreements.save(agreement("void", kind=SUPPLY, status=AgreementStatus.VOID))
        await tx.agreements.save(agreement("s2", kind=SUPPLY, description="saved again, and still the first supply"))
    async with uow.read() as tx:
        assert [found.id for found in await tx.agreements.of_order("ord_1")] == ["d", "s2", "s1"]
        assert await tx.agreements.of_order("ord_2") == []
        void = await tx.agreements.get("void")
    assert void is not None
    assert void.status is AgreementStatus.VOID


@pytest.mark.req(78)
async def test_requests_to_sign(uow: SqlUnitOfWork) -> None:
    first, second = request(), request("sig_2", purpose="accept")
    async with uow.write() as tx:
        await tx.agreements.save(agreement())
        for asked in (first, second, request("sig_3", organisation_id="org_other")):
            await tx.signatures.add(asked)
        await tx.signatures.add(replace(first, note="asked again, and it stays as it is"))
    signed = replace(first, status="signed", signature="0x" + "ab" * 65, note="by Ada")
    async with uow.read() as tx:
        assert await tx.signatures.get("sig_1") == first
        assert await tx.signatures.get("sig_9") is None
        assert await tx.signatures.of_organisation("org_maker", open_only=True) == [first, second]
    async with uow.write() as tx:
        await tx.signatures.save(signed)
    async with uow.read() as tx:
        assert await tx.signatures.of_organisation("org_maker", open_only=True) == [second]
        assert await tx.signatures.of_organisation("org_maker", open_only=False) == [signed, second]
        assert [asked.id for asked in await tx.signatures.of_agreement("agr_1")] == ["sig_1", "sig_2", "sig_3"]
