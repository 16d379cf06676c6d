"""The letters of an invitation: whom they go to, what is in them, and what becomes of them when something is away."""

from datetime import timedelta

import pytest

from marketplace.application.invite_supplier import (
    invitations,
    invite,
    revoke_invitation,
)
from marketplace.application.join_by_link import ask_code, digest_of, look
from marketplace.domain.order import Status
from marketplace.ports.mail import MailUnavailable
from marketplace.ports.supplier_directory import DirectoryUnavailable
from tests.application.faults import Faults, first_time, restarting
from tests.application.inviting import (
    CONTACT,
    ORIGIN,
    PARTY,
    code_for,
    invited,
    joined,
    leave_drilling_to,
    link_in,
    send,
    waiting,
)
from tests.application.world import World

pytestmark = pytest.mark.req(1, 61, 68)


async def test_secrets_are_in_the_letters_and_nowhere_else(world: World) -> None:
    _, link = await invited(world)
    code = await code_for(world, link)
    tables = ["invitations", "outbox", "order_events", "inbox_messages", "log_records"]
    kept = "".join([str(await world.rows(f"SELECT * FROM {table}")) for table in tables])  # noqa: S608
    assert link not in kept
    assert f"'{code}'" not in kept
    assert digest_of(link) in kept  # negative control: the rows are those
    assert [letter.to for letter in world.mail.sent] == [CONTACT, CONTACT]
    assert f"{ORIGIN}/#/join/{link}" in world.mail.sent[0].text
    assert link not in world.mail.sent[1].text


async def test_a_contact_that_changed_gets_no_code_and_the_old_one_neither(world: World) -> None:
    order_id, link = await invited(world)
    leave_drilling_to(world, contact="new@bahia.example")
    await ask_code(world.ctx, link)
    await world.work()
    assert len(world.mail.sent) == 1
    (kept,) = await invitations(world.ctx, world["maker"], order_id)
    assert (kept.status, kept.note) == ("revoked", "the registry does not name this contact any more")
    assert await look(world.ctx, link) is None


async def test_a_registry_that_is_silent_delays_the_code(world: World) -> None:
    _, link = await invited(world)
    world.directory.fail(DirectoryUnavailable("no answer"))
    await ask_code(world.ctx, link)
    await world.work()
    assert len(world.mail.sent) == 1
    world.directory.heal()
    world.pass_time(seconds=60)
    await world.work()
    assert len(world.mail.sent) == 2


async def test_half_a_federation_ends_no_invitation(world: World) -> None:
    order_id, link = await invited(world)
    world.directory.listings.pop()
    world.directory.fall_silent("elsewhere")
    await ask_code(world.ctx, link)
    await world.work()
    (kept,) = await invitations(world.ctx, world["maker"], order_id)
    assert kept.status == "sent"


async def test_a_mail_server_that_is_away_delays_the_link(world: World) -> None:
    order_id = await waiting(world)
    world.mail.fail_next(MailUnavailable("no answer"))
    await send(world, order_id)
    assert world.mail.sent == []
    (kept,) = await invitations(world.ctx, world["maker"], order_id)
    assert kept.status == "sent"  # as far as we know: its secret was made
    world.pass_time(seconds=60)
    await world.work()
    assert await look(world.ctx, link_in(world)) is not None


async def test_a_mailbox_that_refuses_ends_the_invitation_and_the_manufacturer_reads_why(world: World) -> None:
    order_id = await waiting(world)
    world.mail.refuse(CONTACT)
    await send(world, order_id)
    (kept,) = await invitations(world.ctx, world["maker"], order_id)
    assert (kept.status, kept.note) == ("revoked", "the contact's mail server takes no letters")
    assert await world.parked() == []


async def test_a_code_that_was_delayed_too_long_is_not_sent(world: World) -> None:
    _, link = await invited(world)
    world.mail.fail_next(MailUnavailable("no answer"))
    await ask_code(world.ctx, link)
    await world.work()
    world.pass_time(hours=1)
    await world.work()
    assert len(world.mail.sent) == 1


async def test_an_invitation_that_ended_before_it_was_sent_is_not_sent(world: World) -> None:
    order_id = await waiting(world)
    made = await invite(world.ctx, world["maker"], order_id, PARTY, origin=ORIGIN)
    await revoke_invitation(world.ctx, world["maker"], made.id)
    await world.work()
    assert world.mail.sent == []


async def test_a_strangers_name_stays_on_its_line(world: World) -> None:
    order_id = await waiting(world)
    leave_drilling_to(world, supplier_name="Bahia\r\nBcc: eve@example.org\u202e" + "x" * 300)
    await send(world, order_id)
    (letter,) = world.mail.sent
    assert "\r" not in letter.text
    assert "\u202e" not in letter.text
    assert not any(line.startswith("Bcc") for line in letter.text.splitlines())
    assert max(map(len, letter.text.splitlines())) < 300


async def test_an_early_stop_leaves_a_link_that_is_sent_again(world: World) -> None:
    """Killed between the letter and its note: the second letter's link is good, the first one's is not."""
    order_id = await waiting(world)
    await send(world, order_id)
    first = link_in(world)
    async with world.database._engines.write.begin() as connection:
        from sqlalchemy import text  # noqa: PLC0415

        await connection.execute(text("UPDATE outbox SET status = 'waiting' WHERE kind = 'send_invitation'"))
    world.pass_time(seconds=timedelta(minutes=2).total_seconds())
    await world.work()
    assert await look(world.ctx, first) is None
    assert await look(world.ctx, link_in(world)) is not None


@pytest.mark.req(54)
async def test_a_worker_that_dies_anywhere_sends_a_link_and_a_code_that_are_good(world: World) -> None:
    """Every point at which it may die, once each: the last letters count, and the price is firm in the end."""
    links, codes = Faults(first_time("")), Faults(first_time(""))
    restarting(world, links)
    order_id, link = await invited(world)
    restarting(world, codes)
    await joined(world, link)
    await world.work()
    await world.sign_open("bahia", "amp", "maker")
    assert await world.status(order_id) is Status.QUOTED
    assert await world.parked() == []
    for faults in (links, codes):
        assert {"before mail.send", "after mail.send", "before commit", "after commit"} <= set(faults.crashes)
    assert len(world.mail.sent) >= 4  # a letter that may not have gone was sent again
