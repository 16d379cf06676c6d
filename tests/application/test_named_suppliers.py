"""Who here is the supplier that a registry means: whoever holds the key it names, else whom an operator linked."""

import logging
from dataclasses import replace

import pytest

from marketplace.application.drafting import DraftingBlocked, supplier_side
from marketplace.application.register import register
from marketplace.domain.errors import Conflict, InvalidInput
from marketplace.domain.parties import Role
from tests.application.example import DRILLING, address_of
from tests.application.test_sourcing import asked
from tests.application.world import World


def name_keys(world: World, **signers: str) -> None:
    """From now on the registry names these suppliers' keys."""
    world.directory.listings = [
        replace(one, signer=address_of(signers[one.supplier_id]) if one.supplier_id in signers else None)
        for one in world.directory.listings
    ]


async def link(world: World, name: str, party: str | None) -> None:
    """An operator's word."""
    organisation = world[name].organisation
    assert organisation is not None
    async with world.ctx.uow.write() as tx:
        await tx.parties.link(organisation.id, party)


@pytest.mark.req(43, 61)
async def test_who_holds_the_key_that_a_registry_names_is_the_supplier(world: World) -> None:
    await link(world, "reconcavo", None)
    name_keys(world, reconcavo="reconcavo")
    order_id = (await world.place()).id
    await world.work()
    order = await world.order(order_id)
    drilled = next(choice for choice in order.choices if choice.supplier_id == "reconcavo")
    organisation = world["reconcavo"].organisation
    assert organisation is not None
    assert drilled.organisation_id == organisation.id
    assert await asked(world, "reconcavo")


async def test_a_link_gives_nobody_the_offers_of_another_key(world: World) -> None:
    """Squatting: somebody is linked with the id, and the registry names the key of somebody else."""
    await world.join("true", Role.SUPPLIER, "True Machining")
    name_keys(world, reconcavo="true")
    await world.place()
    await world.work()
    assert await asked(world, "true")
    assert not await asked(world, "reconcavo")


async def test_a_key_that_nobody_here_holds_is_not_asked(world: World) -> None:
    name_keys(world, reconcavo="nobody")
    order_id = (await world.place()).id
    await world.work()
    assert "reconcavo" not in {choice.supplier_id for choice in (await world.order(order_id)).choices}
    assert not await asked(world, "reconcavo")


async def test_where_registries_name_two_keys_neither_is_asked(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await world.join("other", Role.SUPPLIER, "Other Machining")
    name_keys(world, reconcavo="reconcavo")
    drilling = next(one for one in world.directory.listings if one.category == DRILLING)
    world.directory.listings.append(replace(drilling, id="rms-x", unit_minor=1, signer=address_of("other")))
    await world.place()
    with caplog.at_level(logging.WARNING):
        await world.work()
    assert "name different keys for reconcavo" in caplog.text
    assert not await asked(world, "reconcavo")
    assert not await asked(world, "other")


async def test_choices_of_before_are_found_by_what_an_operator_linked(world: World) -> None:
    order_id = (await world.place()).id
    await world.work()
    choice = (await world.order(order_id)).choices[0]
    async with world.ctx.uow.read() as tx:
        now = await supplier_side(tx, choice)
        assert await supplier_side(tx, replace(choice, organisation_id=None)) == now
    await link(world, "amp", None)
    await link(world, "tejo", None)
    async with world.ctx.uow.read() as tx:
        assert (await supplier_side(tx, choice)).organisation.id == now.organisation.id
        with pytest.raises(DraftingBlocked):
            await supplier_side(tx, replace(choice, organisation_id=None, supplier_id="amp"))


async def test_outside_development_nobody_says_for_themselves_who_they_are(world: World) -> None:
    real = replace(world.ctx, policy=replace(world.ctx.policy, development=False))
    joining = {
        "email": "eve@example.org",
        "password_hash": "$argon2id$",
        "display_name": "Eve",
        "role": Role.SUPPLIER,
        "organisation_name": "Eve Machining",
    }
    with pytest.raises(InvalidInput, match="not taken on your word") as refused:
        await register(real, **joining, registry_party_id="tejo-2")
    assert refused.value.field == "registry_party_id"
    await register(real, **joining, registry_party_id=None)


async def test_an_id_is_linked_with_one_organisation(world: World) -> None:
    with pytest.raises(Conflict, match="AMP"):
        await link(world, "tejo", "amp")
    await link(world, "amp", None)
    await link(world, "tejo", "amp")
