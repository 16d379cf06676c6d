"""A supplier that a registry names, and that has no account, is invited, joins, signs, and the price is firm."""

import asyncio
from dataclasses import replace

import pytest

from marketplace.application.gather_signatures import requests
from marketplace.application.invite_supplier import (
    absent_suppliers,
    invitations,
    invite,
    revoke_invitation,
)
from marketplace.application.join_by_link import ask_code, join, look
from marketplace.application.match_order import NOT_JOINED
from marketplace.application.sign_in import credentials
from marketplace.application.view_timeline import timeline
from marketplace.domain.errors import Conflict, InvalidInput, NotFound
from marketplace.domain.invitations import CODE_EVERY, LIFETIME, MOST_CODES, MOST_MAILS_A_DAY, MOST_TRIES
from marketplace.domain.order import Status
from marketplace.domain.parties import Role
from tests.application.inviting import (
    BAHIA,
    CONTACT,
    ORIGIN,
    PARTY,
    code_for,
    code_in,
    invited,
    joined,
    leave_drilling_to,
    link_in,
    send,
    waiting,
)
from tests.application.world import World

pytestmark = pytest.mark.req(1, 61, 68)


async def test_the_whole_way_from_no_account_to_a_firm_quote(world: World) -> None:
    order_id = await waiting(world)
    assert await world.status(order_id) is Status.PLACED
    said = [one.detail for one in await timeline(world.ctx, world["maker"], order_id)]
    assert NOT_JOINED in said
    assert [one.registry_party_id for one in await absent_suppliers(world.ctx, world["maker"], order_id)] == [PARTY]
    await send(world, order_id)
    account = await joined(world, link_in(world))
    assert account.organisation is not None
    assert (account.organisation.name, account.organisation.vat_id) == ("Bahia Drills", "PT501964843")
    assert (account.email, account.display_name, account.role) == (CONTACT, "Rui Costa", Role.SUPPLIER)
    await world.work()  # nobody waits for the next search: the key began one
    (asked,) = await requests(world.ctx, account, open_only=True)
    assert asked.order_id == order_id
    await world.sign_open("bahia", "amp", "maker")
    assert await world.status(order_id) is Status.QUOTED
    assert await world.parked() == []
    (kept,) = await invitations(world.ctx, world["maker"], order_id)
    assert (kept.status, kept.contact) == ("used", "r•••@bahia.example")


async def test_without_a_contact_nobody_waits_for_a_supplier_who_has_not_joined(world: World) -> None:
    """Negative control: what was so before."""
    leave_drilling_to(world, contact=None)
    order_id = (await world.place()).id
    await world.work()
    assert await world.status(order_id) is Status.REJECTED


async def test_a_link_is_used_once(world: World) -> None:
    _, link = await invited(world)
    await joined(world, link)
    world.pass_time(seconds=CODE_EVERY.total_seconds())
    letters = len(world.mail.sent)
    await ask_code(world.ctx, link)
    await world.work()
    assert len(world.mail.sent) == letters
    assert await look(world.ctx, link) is None
    assert await join(world.ctx, link=link, code=code_in(world), company=BAHIA, password_hash=None) is None


async def test_of_two_who_use_a_link_at_once_one_joins(world: World) -> None:
    _, link = await invited(world)
    code = await code_for(world, link)
    both = await asyncio.gather(
        *(join(world.ctx, link=link, code=code, company=BAHIA, password_hash=None) for _ in range(2))
    )
    assert sorted(one is None for one in both) == [False, True]


async def test_a_link_lapses(world: World) -> None:
    order_id, link = await invited(world)
    code = await code_for(world, link)
    world.pass_time(seconds=LIFETIME.total_seconds())
    assert await look(world.ctx, link) is None
    assert await join(world.ctx, link=link, code=code, company=BAHIA, password_hash=None) is None
    (kept,) = await invitations(world.ctx, world["maker"], order_id)
    assert kept.status == "lapsed"


async def test_a_revoked_link_opens_nothing(world: World) -> None:
    order_id, link = await invited(world)
    code = await code_for(world, link)
    (sent,) = await invitations(world.ctx, world["maker"], order_id)
    for _ in range(2):
        await revoke_invitation(world.ctx, world["maker"], sent.id)
    assert await look(world.ctx, link) is None
    assert await join(world.ctx, link=link, code=code, company=BAHIA, password_hash=None) is None


async def test_a_used_invitation_cannot_be_revoked_and_a_strangers_is_none(world: World) -> None:
    order_id, link = await invited(world)
    (sent,) = await invitations(world.ctx, world["maker"], order_id)
    await world.join("rival", Role.MANUFACTURER, "Rival Works")
    for caller in (world["rival"], world["amp"]):
        with pytest.raises(NotFound):
            await revoke_invitation(world.ctx, caller, sent.id)
    await joined(world, link)
    with pytest.raises(Conflict, match="has joined"):
        await revoke_invitation(world.ctx, world["maker"], sent.id)


async def test_only_who_makes_the_order_invites_for_it(world: World) -> None:
    order_id = await waiting(world)
    await world.join("rival", Role.MANUFACTURER, "Rival Works")
    for question in (
        invite(world.ctx, world["rival"], order_id, PARTY, origin=ORIGIN),
        invite(world.ctx, world["maker"], "ord_nowhere", PARTY, origin=ORIGIN),
        invite(world.ctx, None, "ord_nowhere", PARTY, origin=ORIGIN),
        invitations(world.ctx, world["rival"], order_id),
        absent_suppliers(world.ctx, world["rival"], order_id),
    ):
        with pytest.raises(NotFound, match="no such order"):
            await question
    assert (await invite(world.ctx, None, order_id, PARTY, origin=ORIGIN)).registry_party_id == PARTY


@pytest.mark.parametrize("party", ["nobody", "", "amp", "\ud800", "x" * 512])
async def test_who_offers_nothing_or_is_here_is_not_invited(world: World, party: str) -> None:
    order_id = await waiting(world)
    with pytest.raises(InvalidInput) as refused:
        await invite(world.ctx, world["maker"], order_id, party, origin=ORIGIN)
    assert refused.value.field == "registry_party_id"
    assert world.mail.sent == []


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ({"contact": "no address"}, "no e-mail address that we write to"),
        ({"contact": "rui@bahia.example\r\nBcc: eve@example.org"}, "no e-mail address that we write to"),
        ({"contact": None}, "names no e-mail address"),
        ({"signer": "0x" + "ab" * 20}, "names the key"),
    ],
)
async def test_who_cannot_be_written_to_is_named_with_the_reason(
    world: World, named: dict[str, str | None], why: str
) -> None:
    order_id = await waiting(world)
    leave_drilling_to(world, **named)  # type: ignore[arg-type]
    (absent,) = await absent_suppliers(world.ctx, world["maker"], order_id)
    assert why in (absent.why_not or "")
    with pytest.raises(Conflict, match=why):
        await invite(world.ctx, world["maker"], order_id, PARTY, origin=ORIGIN)


async def test_where_registries_name_two_contacts_neither_is_written_to(world: World) -> None:
    order_id = await waiting(world)
    other = replace(world.directory.listings[-1], id="again", contact="eve@example.org")
    world.directory.listings.append(other)
    with pytest.raises(Conflict, match="different e-mail addresses"):
        await invite(world.ctx, world["maker"], order_id, PARTY, origin=ORIGIN)


async def test_a_newer_link_ends_the_one_before(world: World) -> None:
    order_id, first = await invited(world)
    await send(world, order_id)
    assert link_in(world) != first
    assert await look(world.ctx, first) is None
    assert await look(world.ctx, link_in(world)) is not None


async def test_nobodys_mailbox_is_flooded(world: World) -> None:
    order_id = await waiting(world)
    for _ in range(MOST_MAILS_A_DAY):
        await send(world, order_id)
    with pytest.raises(Conflict, match="often enough"):
        await send(world, order_id)
    assert len(world.mail.sent) == MOST_MAILS_A_DAY


async def test_a_code_is_guessed_a_few_times_and_no_more(world: World) -> None:
    _, link = await invited(world)
    code = await code_for(world, link)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for _ in range(MOST_TRIES):
        assert await join(world.ctx, link=link, code=wrong, company=BAHIA, password_hash=None) is None
    assert await join(world.ctx, link=link, code=code, company=BAHIA, password_hash=None) is None
    world.pass_time(seconds=CODE_EVERY.total_seconds())
    assert await join(
        world.ctx, link=link, code=await code_for(world, link), company=BAHIA, password_hash=None
    )  # another code, another five tries


async def test_codes_are_sent_with_a_pause_and_not_without_end(world: World) -> None:
    _, link = await invited(world)
    for _ in range(MOST_CODES + 3):
        await asyncio.gather(*(ask_code(world.ctx, link) for _ in range(3)))
        await world.work()
        world.pass_time(seconds=CODE_EVERY.total_seconds())
    assert len(world.mail.sent) == 1 + MOST_CODES


async def test_an_unknown_link_is_answered_as_every_other(world: World) -> None:
    unknown = "5e" * 32
    assert await look(world.ctx, unknown) is None
    await ask_code(world.ctx, unknown)
    assert await join(world.ctx, link=unknown, code="000000", company=BAHIA, password_hash=None) is None
    assert await world.rows("SELECT * FROM outbox WHERE kind = 'send_code'") == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"vat_id": "PT 501 964 844"}, "vat_id"),
        ({"vat_id": "\ud800"}, "vat_id"),
        ({"vat_id": "5" * 40}, "vat_id"),
        ({"vat_id": "ＰＴ501964843"}, "vat_id"),
        ({"country": "US"}, "country"),
        ({"country": "../"}, "country"),
        ({"country": "pt"}, "country"),
        ({"country": "DE"}, "vat_id"),
    ],
)
async def test_what_is_no_vat_id_is_said_before_the_code_is_looked_at(
    world: World, changes: dict[str, str], field: str
) -> None:
    _, link = await invited(world)
    code = await code_for(world, link)
    for given in (code, "000000"):
        with pytest.raises(InvalidInput) as refused:
            await join(world.ctx, link=link, code=given, company=replace(BAHIA, **changes), password_hash=None)
        assert refused.value.field == field
    assert await join(world.ctx, link=link, code=code, company=BAHIA, password_hash=None) is not None


async def test_a_name_that_is_taken_costs_neither_link_nor_code(world: World) -> None:
    _, link = await invited(world)
    code = await code_for(world, link)
    with pytest.raises(Conflict, match="registered already"):
        await join(world.ctx, link=link, code=code, company=replace(BAHIA, name="AMP"), password_hash=None)
    assert await join(world.ctx, link=link, code=code, company=BAHIA, password_hash=None) is not None


async def test_a_company_that_somebody_joined_for_is_not_joined_again(world: World) -> None:
    _, link = await invited(world)
    code = await code_for(world, link)
    await world.join("squatter", Role.SUPPLIER, "Squatter", PARTY)
    with pytest.raises(Conflict, match="has joined already"):
        await join(world.ctx, link=link, code=code, company=BAHIA, password_hash=None)


async def test_who_joined_without_a_password_comes_back_by_another_link_and_may_choose_one(world: World) -> None:
    order_id, link = await invited(world)
    account = await joined(world, link)
    assert await credentials(world.ctx, CONTACT) is None
    await world.work()
    await send(world, order_id)
    again = await join(
        world.ctx,
        link=link_in(world),
        code=await code_for(world, link_in(world)),
        company=replace(BAHIA, name="Another Name"),
        password_hash="$argon2id$",
    )
    assert again is not None
    assert (again.id, again.organisation) == (account.id, account.organisation)
    assert await credentials(world.ctx, CONTACT) is not None
    with pytest.raises(InvalidInput, match="signs in with its password"):
        await send(world, order_id)


async def test_an_order_that_looks_for_nobody_invites_nobody(world: World) -> None:
    order_id, link = await invited(world)
    await joined(world, link)
    await world.work()
    await world.sign_open("bahia", "amp", "maker")
    with pytest.raises(Conflict, match="looks for no suppliers"):
        await send(world, order_id)
