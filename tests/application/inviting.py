"""A drilling shop that a registry names, with its contact, and that has not joined; what its mailbox holds."""

import re
from dataclasses import replace

from marketplace.application.invite_supplier import InvitationView, invite
from marketplace.application.join_by_link import Company, ask_code, join
from marketplace.application.signing_key import proof_to_sign, set_signing_key
from marketplace.domain.parties import Account
from tests.application.example import DRILLING
from tests.application.world import World

PARTY, CONTACT, ORIGIN = "bahia-drills", "rui@bahia.example", "https://shop.example"
BAHIA = Company("Bahia Drills", "PT", "PT 501 964 843", "Rui Costa")
_LINK = re.compile(r"^(https?://\S+)/#/join/([0-9a-f]{64})$", re.MULTILINE)
_CODE = re.compile(r"^ {4}([0-9]{6})$", re.MULTILINE)


def leave_drilling_to(world: World, party: str = PARTY, contact: str | None = CONTACT, **more: object) -> None:
    """From now on nobody else drills."""
    rest = [one for one in world.directory.listings if one.category != DRILLING]
    drills = next(one for one in world.directory.listings if one.category == DRILLING)
    named = {"id": f"{party}-d", "supplier_id": party, "supplier_name": "Bahia Drills", "contact": contact} | more
    world.directory.listings = [*rest, replace(drills, **named)]  # type: ignore[arg-type]


async def waiting(world: World) -> str:
    """An order that waits for the drilling shop; its id."""
    leave_drilling_to(world)
    order_id = (await world.place()).id
    await world.work()
    return order_id


async def invited(world: World) -> tuple[str, str]:
    """An order that waits, and the secret of the link that its supplier got."""
    order_id = await waiting(world)
    await send(world, order_id)
    return order_id, link_in(world)


async def send(world: World, order_id: str, party: str = PARTY) -> InvitationView:
    """The manufacturer invites; the worker sends it."""
    made = await invite(world.ctx, world["maker"], order_id, party, origin=ORIGIN)
    await world.work()
    return made


def link_in(world: World) -> str:
    """The secret of the last link in the mail."""
    return next(found[2] for letter in reversed(world.mail.sent) if (found := _LINK.search(letter.text)))


async def code_for(world: World, link: str) -> str:
    """The code that comes when it is asked for."""
    await ask_code(world.ctx, link)
    await world.work()
    return code_in(world)


def code_in(world: World) -> str:
    """The last code in the mail."""
    return next(found[1] for letter in reversed(world.mail.sent) if (found := _CODE.search(letter.text)))


async def joined(world: World, link: str, *, password_hash: str | None = None) -> Account:
    """Somebody who has the link and the mail joins, and registers a key."""
    code = await code_for(world, link)
    account = await join(world.ctx, link=link, code=code, company=BAHIA, password_hash=password_hash)
    assert account is not None
    address = world.address("bahia")
    proof = world.signed_by("bahia", proof_to_sign(account.id, address))
    await set_signing_key(world.ctx, account, address=address, signature=proof)
    world.people["bahia"] = await world._account(account.id)
    return world["bahia"]
