"""The letters of an invitation: the link, and the code. Their secrets are made when they are sent, and kept as digests.

A letter that may not have gone is sent again with a new secret: the last one counts.
"""

from dataclasses import replace

from marketplace.application.context import Context
from marketplace.application.join_by_link import digest_of
from marketplace.application.named_suppliers import named_by, offers_for
from marketplace.domain.effects import Effect
from marketplace.domain.invitations import CODE_DIGITS, CODE_LIFETIME, Invitation
from marketplace.ports.mail import Letter, MailRefused
from marketplace.ports.supplier_directory import DirectoryUnavailable

LONGEST_NAME = 80
LINK = """Hello,

{maker} would like to buy from {company} and invites you to Lot Size One, the marketplace where it orders.
Open this link to read what it asks for. You need no account:

{origin}/#/join/{secret}

The link is good once, until {until}. When you open it we send a code to this address, to be sure that it is you.

You get this letter because a supplier registry names this address for {company}. If it is not for you, do nothing.
"""
CODE = """Hello,

your code for Lot Size One is

    {code}

It is good for {minutes} minutes. Whoever has it can join for {company}: give it to nobody, we never ask for it.
If you did not open our invitation, do nothing.
"""


async def send_invitation(ctx: Context, order_id: str, effect: Effect) -> None:
    """Send the link. Raises MailUnavailable."""
    del order_id
    now, secret = ctx.clock.now(), ctx.random_hash().removeprefix("0x")
    async with ctx.uow.write() as tx:
        found = await tx.invitations.get(effect.subject)
        if found is None or not found.is_good(now):
            return
        await tx.invitations.save(replace(found, token_hash=digest_of(secret)))
        names = await tx.parties.names({found.invited_by})
    maker, company = _line(names.get(found.invited_by, "")), _line(found.party_name)
    until = f"{found.expires_at:%-d %B %Y, %H:%M} UTC"
    text = LINK.format(maker=maker, company=company, origin=found.origin, secret=secret, until=until)
    await _send(ctx, found, Letter(f"{effect.key}:{secret[:8]}", found.email, f"{maker} wants to order from you", text))


async def send_code(ctx: Context, order_id: str, effect: Effect) -> None:
    """Send the code that was asked for, if the registry still names this contact; else the invitation ends.

    Raises MailUnavailable, DirectoryUnavailable, DirectoryMisconfigured.
    """
    async with ctx.uow.read() as tx:
        found = await tx.invitations.get(effect.subject)
        order = await tx.orders.get(order_id)
    if found is None or order is None or not _still_wanted(ctx, found, effect):
        return
    offers = await offers_for(ctx, order)
    async with ctx.uow.read() as tx:
        named = (await named_by(tx, offers.offers)).get(found.registry_party_id)
    if named is None and offers.partial:
        raise DirectoryUnavailable("not every registry was heard")
    if named is None or named.why_not is not None or named.contact != found.email:
        await _end(ctx, found, "the registry does not name this contact any more")
        return
    code = f"{int(ctx.random_hash(), 16) % 10**CODE_DIGITS:0{CODE_DIGITS}d}"
    async with ctx.uow.write() as tx:
        found = await tx.invitations.get(effect.subject)
        if found is None or not _still_wanted(ctx, found, effect):
            return
        await tx.invitations.save(found.with_code(digest_of(code), ctx.clock.now()))
    minutes = int(CODE_LIFETIME.total_seconds()) // 60
    text = CODE.format(code=code, minutes=minutes, company=_line(found.party_name))
    await _send(ctx, found, Letter(f"{effect.key}:{ctx.random_hash()[2:10]}", found.email, "Your code", text))


def _still_wanted(ctx: Context, invitation: Invitation, effect: Effect) -> bool:
    """Whether this is the last code that was asked for, a short while ago."""
    now, asked = ctx.clock.now(), invitation.code_asked_at
    recent = asked is not None and now - asked < CODE_LIFETIME
    return invitation.is_good(now) and recent and effect.detail == str(invitation.codes)


async def _send(ctx: Context, invitation: Invitation, letter: Letter) -> None:
    try:
        await ctx.mail.send(letter)
    except MailRefused:
        await _end(ctx, invitation, "the contact's mail server takes no letters")


async def _end(ctx: Context, invitation: Invitation, why: str) -> None:
    async with ctx.uow.write() as tx:
        current = await tx.invitations.get(invitation.id)
        if current is not None and current.is_good(ctx.clock.now()):
            await tx.invitations.save(current.revoked(why))


def _line(text: str) -> str:
    """A stranger's name in a letter of ours: on one line, without what moves a cursor, and not too long."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain if len(plain) <= LONGEST_NAME else plain[: LONGEST_NAME - 1] + "…"
