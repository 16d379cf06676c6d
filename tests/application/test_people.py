"""People, keys, gateways and inboxes."""

from datetime import timedelta

import pytest

from marketplace.application import inbox, sign_in
from marketplace.application.chain_info import chain_info
from marketplace.application.register import register
from marketplace.application.register_gateway import gateway, register_gateway
from marketplace.application.remembered import NameTaken, OneTransaction, find
from marketplace.application.signing_key import proof_to_sign, set_signing_key
from marketplace.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from marketplace.domain.parties import Role
from marketplace.ports.fakes.chain_messages import sign
from marketplace.ports.unit_of_work import StoredAnswer
from tests.application.example import address_of
from tests.application.world import World

NEW = {
    "email": " New@Example.ORG ",
    "password_hash": "$argon2id$",
    "display_name": "New",
    "role": Role.CUSTOMER,
    "organisation_name": None,
    "registry_party_id": None,
}


@pytest.mark.req(1, 2, 60)
async def test_an_account_is_found_by_its_address_whatever_its_case(world: World) -> None:
    made = await register(world.ctx, **NEW)  # type: ignore[arg-type]
    assert made.email == "new@example.org"
    found = await sign_in.credentials(world.ctx, "NEW@example.org")
    assert found is not None
    assert sign_in.view(found) == made
    assert await sign_in.credentials(world.ctx, "nobody@example.org") is None
    assert await sign_in.account(world.ctx, "acc_none") is None


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"email": "customer@example.org"}, Conflict),
        ({"role": Role.OPERATOR}, InvalidInput),
        ({"role": Role.SUPPLIER}, InvalidInput),
        ({"role": Role.MANUFACTURER, "organisation_name": ""}, InvalidInput),
        ({"role": Role.SUPPLIER, "organisation_name": "AMP"}, Conflict),
        ({"role": Role.SUPPLIER, "organisation_name": "Other", "registry_party_id": "amp"}, Conflict),
    ],
)
async def test_who_may_not_join(world: World, changes: dict[str, object], error: type[Exception]) -> None:
    before = await world.rows("SELECT 1 FROM accounts")
    with pytest.raises(error):
        await register(world.ctx, **(NEW | changes))  # type: ignore[arg-type]
    assert await world.rows("SELECT 1 FROM accounts") == before


async def test_a_key_is_registered_by_whoever_holds_it(world: World) -> None:
    customer, address = world["customer"], "0x" + "Ab" * 20
    proof = proof_to_sign(customer.id, address)
    for wrong in (
        sign(address_of("amp"), proof),
        sign(address, proof_to_sign(world["maker"].id, address)),
        "0x",
    ):
        with pytest.raises(InvalidInput, match="signature"):
            await set_signing_key(world.ctx, customer, address=address, signature=wrong)
    changed = await set_signing_key(world.ctx, customer, address=address, signature=sign(address, proof))
    assert changed.address == address.lower()


async def test_an_organisations_key_is_everybodys_there(world: World) -> None:
    address = "0x" + "cd" * 20
    maker = world["maker"]
    await set_signing_key(world.ctx, maker, address=address, signature=sign(address, proof_to_sign(maker.id, address)))
    again = await sign_in.account(world.ctx, maker.id)
    assert again is not None
    assert again.organisation is not None
    assert again.address == again.organisation.address == address


@pytest.mark.req(6)
async def test_a_token_that_was_signed_out_stays_so(world: World) -> None:
    assert not await sign_in.is_revoked(world.ctx, "jti-1")
    for _ in range(2):
        await sign_in.revoke(world.ctx, "jti-1", world.clock.now() + timedelta(days=7))
    assert await sign_in.is_revoked(world.ctx, "jti-1")
    assert not await sign_in.is_revoked(world.ctx, "jti-2")


@pytest.mark.req(13)
async def test_only_makers_have_gateways_and_an_address_has_one(world: World) -> None:
    given = {"name": "cell", "address": "0x" + "EF" * 20, "secret": "shown once", "secret_hash": "h"}
    made = await register_gateway(world.ctx, world["amp"], **given)
    assert made.secret == "shown once"
    stored = await gateway(world.ctx, made.id)
    assert stored is not None
    assert (stored.address, stored.secret_hash) == ("0x" + "ef" * 20, "h")
    with pytest.raises(Conflict):
        await register_gateway(world.ctx, world["maker"], **given)
    for name in ("customer", "carrier"):
        with pytest.raises(Forbidden):
            await register_gateway(world.ctx, world[name], **(given | {"address": "0x" + "aa" * 20}))
    assert await gateway(world.ctx, "gw_none") is None


@pytest.mark.req(90)
async def test_an_inbox_is_its_owners(world: World) -> None:
    await world.quoted()
    await world.work()
    shown = await inbox.messages(world.ctx, world["customer"])
    assert shown.unread == len(shown.items) == 1
    with pytest.raises(NotFound):
        await inbox.mark_read(world.ctx, world["maker"], shown.items[0].id)
    for _ in range(2):
        await inbox.mark_read(world.ctx, world["customer"], shown.items[0].id)
    assert (await inbox.messages(world.ctx, world["customer"])).unread == 0
    with pytest.raises(NotFound):
        await inbox.mark_read(world.ctx, world["customer"], "none")


async def test_the_first_answer_is_kept(world: World) -> None:
    first = StoredAnswer("hash", 201, "application/json", b"{}")
    place = ("acc_1", "POST /v1/orders", "key-1")
    assert await find(world.ctx, place) is None
    async with OneTransaction(world.ctx.uow) as unit:
        await unit.keep(place, first, world.ctx)
    with pytest.raises(NameTaken):
        async with OneTransaction(world.ctx.uow) as unit:
            await unit.keep(place, StoredAnswer("other", 500, "text/plain", b""), world.ctx)
    assert await find(world.ctx, place) == first
    assert await find(world.ctx, ("acc_2", *place[1:])) is None


async def test_where_the_agreements_live_is_told_to_everybody(world: World) -> None:
    shown, known = await chain_info(world.ctx), await world.chain.parameters()
    assert (shown.chain_id, shown.factory, shown.token.address) == (known.chain_id, known.factory, known.token)
    assert shown.unit == str(known.unit)
