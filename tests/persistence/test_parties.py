"""Accounts, organisations, rules, gateways, revoked tokens."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from marketplace.domain.acceptance import AcceptanceRule
from marketplace.domain.errors import Conflict, InvalidInput
from marketplace.domain.parties import Account, Role
from marketplace.persistence.unit_of_work import SqlUnitOfWork
from tests.persistence.samples import NOW, account, gateway, organisation

MAKER = organisation(address="0x" + "33" * 20)
ADA = account("acc_ada", role=Role.MANUFACTURER, organisation=MAKER, own_address=None)


@pytest.mark.req(1, 60)
async def test_accounts_come_back_equal(uow: SqlUnitOfWork) -> None:
    customer, bob = account(), account("acc_bob", role=Role.MANUFACTURER, organisation=MAKER)
    async with uow.write() as tx:
        for person in (customer, ADA, bob):
            await tx.parties.add_account(person)
    async with uow.read() as tx:
        assert await tx.parties.account("acc_customer") == customer
        assert await tx.parties.account("acc_ada") == ADA
        assert await tx.parties.account("acc_none") is None
        assert await tx.parties.accounts_of("org_maker") == [ADA, bob]
        assert await tx.parties.accounts_of("acc_customer") == [customer]
        assert await tx.parties.organisation("org_maker") == MAKER
        assert await tx.parties.organisation_named(MAKER.name) == MAKER
        assert await tx.parties.organisation_in_registry("org_maker@reg") == MAKER
        assert await tx.parties.organisation_in_registry("nobody") is None
        assert await tx.parties.organisation_signing("0x" + "33" * 20) == MAKER
        assert await tx.parties.organisation_signing("0x" + "44" * 20) is None
        assert await tx.parties.organisations_of_kind("manufacturer") == [MAKER]
        assert await tx.parties.organisations_of_kind("carrier") == []
        called = {"acc_ada": ADA.display_name, "org_maker": MAKER.name}
        assert await tx.parties.names({"acc_ada", "org_maker", "nobody"}) == called
        assert await tx.parties.names([]) == {}


@pytest.mark.req(2)
async def test_an_email_address_is_one_whatever_its_case(uow: SqlUnitOfWork) -> None:
    customer = account(email="Zoë@Example.ORG")
    async with uow.write() as tx:
        await tx.parties.add_account(customer)
    async with uow.read() as tx:
        for spelling in ("Zoë@Example.ORG", "zoË@example.org", " zoë@example.org "):
            assert await tx.parties.account_by_email(spelling) == customer
        assert await tx.parties.account_by_email("zoe@example.org") is None
    with pytest.raises(Conflict, match="e-mail"):
        async with uow.write() as tx:
            await tx.parties.add_account(account("acc_other", email="ZOË@EXAMPLE.org"))


@pytest.mark.parametrize("other", [{"name": MAKER.name}, {"registry_party_id": MAKER.registry_party_id}])
async def test_an_organisation_cannot_take_anothers_name(uow: SqlUnitOfWork, other: dict[str, str]) -> None:
    async with uow.write() as tx:
        await tx.parties.add_account(ADA)
    rival = replace(ADA, id="acc_x", email="x@example.org", organisation=organisation("org_rival", **other))
    with pytest.raises(Conflict, match="organisation"):
        async with uow.write() as tx:
            await tx.parties.add_account(rival)
    async with uow.read() as tx:
        assert await tx.parties.organisation("org_rival") is None
        assert await tx.parties.account("acc_x") is None


async def test_a_refused_account_leaves_the_transaction_usable(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        await tx.parties.add_account(account())
        with pytest.raises(Conflict):
            await tx.parties.add_account(account("acc_2", email="ACC_customer@example.org"))
        await tx.parties.add_account(account("acc_3"))
    async with uow.read() as tx:
        assert await tx.parties.account("acc_3") == account("acc_3")


async def test_signing_addresses(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        await tx.parties.add_account(account(own_address=None))
        await tx.parties.add_account(ADA)
        await tx.parties.set_address(account(), "0xAA")
        await tx.parties.set_address(ADA, "0xBB")
    async with uow.read() as tx:
        customer, ada = await tx.parties.account("acc_customer"), await tx.parties.account("acc_ada")
    assert customer is not None
    assert ada is not None
    assert (customer.address, ada.address, ada.own_address) == ("0xAA", "0xBB", None)


@pytest.mark.req(50)
async def test_the_acceptance_rule_has_a_default(uow: SqlUnitOfWork) -> None:
    strict = AcceptanceRule(
        False, 2**53 - 1, 9, 10_000, 0, ("cylinder",), ("usr_1", "usr_2"), known_customers_only=True
    )
    async with uow.write() as tx:
        await tx.parties.add_account(ADA)
        assert await tx.parties.rule("org_maker") == AcceptanceRule()
        for rule in (AcceptanceRule(min_days=2), strict):
            await tx.parties.set_rule("org_maker", rule)
    async with uow.read() as tx:
        assert await tx.parties.rule("org_maker") == strict


@pytest.mark.req(13)
async def test_a_gateway_is_known_by_its_signing_address(uow: SqlUnitOfWork) -> None:
    first, second = gateway(), gateway("gw_2", address="0x02")
    async with uow.write() as tx:
        await tx.parties.add_account(ADA)
        await tx.parties.add_gateway(first)
        await tx.parties.add_gateway(second)
        for taken in (gateway("gw_3", address=first.address.upper().replace("X", "x")), gateway(address="0x03")):
            with pytest.raises(Conflict):
                await tx.parties.add_gateway(taken)
    async with uow.read() as tx:
        assert await tx.parties.gateway("gw_1") == first
        assert await tx.parties.gateway_by_address(first.address.lower()) == first
        assert await tx.parties.gateway_by_address("0x09") is None
        assert await tx.parties.gateways_of("org_maker") == [first, second]


@pytest.mark.req(6)
async def test_a_revoked_token_stays_revoked(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        await tx.parties.revoke_token("jti-1", NOW + timedelta(days=7))
        await tx.parties.revoke_token("jti-1", NOW + timedelta(days=7))
    async with uow.read() as tx:
        assert await tx.parties.is_revoked("jti-1")
        assert not await tx.parties.is_revoked("jti-2")


@pytest.mark.req(6)
async def test_a_bearer_is_found_with_what_became_of_the_token(uow: SqlUnitOfWork) -> None:
    person = account(organisation=organisation())
    async with uow.write() as tx:
        await tx.parties.add_account(person)
        await tx.parties.revoke_token("jti-1", NOW + timedelta(days=7))
    async with uow.glance() as tx:
        assert await tx.parties.bearer(person.id, "jti-1") == (person, True)
        assert await tx.parties.bearer(person.id, "jti-2") == (person, False)
        assert await tx.parties.bearer("acc_nobody", "jti-1") == (None, False)


@pytest.mark.req(6)
async def test_of_many_who_ask_at_once_only_those_who_signed_out_are_refused(uow: SqlUnitOfWork) -> None:
    people = [account(f"acc_{number}", email=f"{number}@example.org") for number in range(6)]
    async with uow.write() as tx:
        for person in people:
            await tx.parties.add_account(person)
        for jti in ("jti-1", "jti-4", "jti-another"):
            await tx.parties.revoke_token(jti, NOW + timedelta(days=7))

    async def ask(number: int) -> tuple[Account | None, bool]:
        async with uow.glance() as tx:
            return await tx.parties.bearer(f"acc_{number}", f"jti-{number}")

    found = await asyncio.gather(*(ask(number) for number in range(7)))
    assert found == [*((person, number in (1, 4)) for number, person in enumerate(people)), (None, False)]


async def test_a_stranger_whose_id_no_database_keeps_spoils_nobody_elses_question(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        await tx.parties.add_account(account())

    async def ask(account_id: str) -> tuple[Account | None, bool]:
        async with uow.glance() as tx:
            return await tx.parties.bearer(account_id, "jti")

    asked = ("acc_customer", "\x00", "acc_customer")
    found = await asyncio.gather(*(ask(one) for one in asked), return_exceptions=True)
    assert found[0] == found[2] == (account(), False)
    assert isinstance(found[1], InvalidInput)


async def test_who_links_a_party_at_the_same_moment_as_another_is_told(uow: SqlUnitOfWork) -> None:
    """The second looks before the first has ended, so it finds the id free; the database knows better."""
    for number in (1, 2):
        own = organisation(f"org_{number}")
        person = account(f"acc_{number}", role=Role.MANUFACTURER, organisation=own)
        async with uow.write() as tx:
            await tx.parties.add_account(person)

    async def link(organisation_id: str) -> None:
        async with uow.write() as tx:
            await tx.parties.link(organisation_id, "foundry-4711")

    async with uow.write() as tx:
        await tx.parties.link("org_1", "foundry-4711")
        second = asyncio.create_task(link("org_2"))
        await asyncio.wait([second], timeout=0.3)
    with pytest.raises(Conflict, match=r"foundry-4711 (has just been|is) linked to"):
        await second
    async with uow.read() as tx:
        found = await tx.parties.organisation_in_registry("foundry-4711")
    assert found is not None
    assert found.id == "org_1"


@pytest.mark.parametrize("party_id", ["org_maker", "acc_customer"])
async def test_who_holds_a_party_is_alone_with_it(uow: SqlUnitOfWork, party_id: str) -> None:
    async with uow.write() as tx:
        for person in (account(), ADA):
            await tx.parties.add_account(person)
    done: list[str] = []
    released = asyncio.Event()

    async def hold(name: str) -> None:
        async with uow.write() as tx:
            await tx.parties.hold(party_id)
            done.append(name)
            if name == "first":
                await released.wait()

    async with asyncio.timeout(20), asyncio.TaskGroup() as together:
        together.create_task(hold("first"))
        while not done:  # noqa: ASYNC110 - the database wakes nobody
            await asyncio.sleep(0.01)
        together.create_task(hold("second"))
        await asyncio.sleep(0.2)
        assert done == ["first"]
        released.set()
    assert done == ["first", "second"]
