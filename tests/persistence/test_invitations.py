"""Invitations by link."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from marketplace.domain.errors import Conflict
from marketplace.domain.invitations import LIFETIME, Invitation, InvitationStatus
from marketplace.domain.parties import Role
from marketplace.persistence.unit_of_work import SqlUnitOfWork
from tests.persistence.samples import NAUGHTY, NOW, account, organisation, placing

MAKER = organisation("org_maker")
RUI = account("acc_rui", role=Role.SUPPLIER, organisation=organisation("org_bahia", name="Bahia", vat_id="PT501964843"))
SENT = Invitation(
    "inv_1",
    "ord_1",
    "org_maker",
    NAUGHTY,
    NAUGHTY,
    "rui@bahia.example",
    "https://shop.example",
    NOW,
    NOW + LIFETIME,
    token_hash="sha256:01",
    code_hash="sha256:02",
    code_until=NOW + timedelta(minutes=15),
    code_asked_at=NOW,
    codes=2,
    tries=3,
)
OTHER = replace(SENT, id="inv_2", token_hash=None, code_hash=None, code_until=None, created_at=NOW - LIFETIME)


@pytest.fixture
async def kept(uow: SqlUnitOfWork) -> SqlUnitOfWork:
    """A database with an order, its manufacturer, a supplier, and two invitations."""
    decision = placing()
    async with uow.write() as tx:
        await tx.parties.add_account(
            account("acc_maker", role=Role.MANUFACTURER, organisation=MAKER, email="m@x.example")
        )
        await tx.parties.add_account(RUI)
        await tx.orders.save(decision.order, decision.events, decision.effects, NOW)
        for one in (OTHER, SENT):
            await tx.invitations.add(one)
    return uow


async def test_an_invitation_comes_back_as_it_was(kept: SqlUnitOfWork) -> None:
    for opening in (kept.read, kept.write, kept.glance):
        async with opening() as tx:
            assert [await tx.invitations.get(one.id) for one in (SENT, OTHER)] == [SENT, OTHER]
            assert await tx.invitations.by_link("sha256:01") == SENT
            assert await tx.invitations.by_link("sha256:09") is None
            assert await tx.invitations.get("inv_9") is None
    with pytest.raises(Conflict):
        async with kept.write() as tx:
            await tx.invitations.add(replace(SENT, token_hash="sha256:09"))


async def test_an_orders_invitations_newest_first_and_how_many_a_contact_got(kept: SqlUnitOfWork) -> None:
    async with kept.read() as tx:
        assert await tx.invitations.of_order("ord_1") == [SENT, OTHER]
        assert await tx.invitations.of_order("ord_2") == []
        assert await tx.invitations.sent_to("rui@bahia.example", NOW) == 1
        assert await tx.invitations.sent_to("rui@bahia.example", NOW - LIFETIME) == 2
        assert await tx.invitations.sent_to("eve@bahia.example", NOW - LIFETIME) == 0


async def test_what_became_of_it_is_kept(kept: SqlUnitOfWork) -> None:
    async with kept.write() as tx:
        await tx.invitations.save(SENT.used("acc_rui"))
        await tx.invitations.save(OTHER.revoked(NAUGHTY))
    async with kept.read() as tx:
        assert await tx.invitations.of_account("acc_rui") == [SENT.used("acc_rui")]
        assert await tx.invitations.of_account("acc_maker") == []
        found = await tx.invitations.get("inv_2")
    assert found is not None
    assert (found.status, found.note) == (InvitationStatus.REVOKED, NAUGHTY)


async def test_of_two_who_use_a_link_the_second_finds_it_used(kept: SqlUnitOfWork) -> None:
    seen: list[InvitationStatus] = []

    async def use() -> None:
        async with kept.write() as tx:
            found = await tx.invitations.by_link("sha256:01")
            assert found is not None
            seen.append(found.status)
            await asyncio.sleep(0.05)
            if found.status is InvitationStatus.OPEN:
                await tx.invitations.save(found.used("acc_rui"))

    await asyncio.gather(use(), use())
    assert seen == [InvitationStatus.OPEN, InvitationStatus.USED]


@pytest.mark.parametrize(
    "broken",
    [
        replace(SENT, id="inv_3", token_hash="sha256:03", code_until=None),
        replace(SENT, id="inv_3", token_hash="sha256:03", account_id="acc_rui"),
        replace(SENT, id="inv_3", token_hash="sha256:03", status=InvitationStatus.USED),
        replace(SENT, id="inv_3", token_hash="sha256:03", tries=-1),
        replace(SENT, id="inv_3", token_hash="sha256:03", order_id="ord_9"),
    ],
)
async def test_the_database_keeps_the_same_rules(kept: SqlUnitOfWork, broken: Invitation) -> None:
    with pytest.raises(IntegrityError):
        async with kept.write() as tx:
            await tx.invitations.add(broken)


async def test_a_vat_id_and_a_new_password_are_kept(kept: SqlUnitOfWork) -> None:
    async with kept.write() as tx:
        await tx.parties.set_password("acc_rui", "$argon2id$new")
        changed = await tx.parties.account("acc_rui")
    async with kept.read() as tx:
        assert await tx.parties.account("acc_rui") == changed == replace(RUI, password_hash="$argon2id$new")
