"""Somebody opens an invitation's link, asks for the code, and joins for the company.

Whatever is wrong with a link or a code is one answer, in the same words: who tries learns nothing of what there is.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from marketplace.application.context import Context
from marketplace.application.vat_ids import vat_id_of
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.errors import Conflict
from marketplace.domain.invitations import Invitation, masked
from marketplace.domain.parties import Account, Organisation, Role
from marketplace.ports.unit_of_work import Transaction

NOT_GOOD = "the link or the code is not good, or not any more"


@dataclass(frozen=True, slots=True)
class InvitationSeen:
    """What the invited person is shown: who asks, whom, until when, and where the code goes."""

    manufacturer: str
    company: str
    contact: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Company:
    """What the invited person states."""

    name: str
    country: str
    vat_id: str
    signatory: str


def digest_of(secret: str) -> str:
    """What is kept of a link's secret or of a code.

    The secret is 256 random bits and needs no slow hash; the code is short, and worth nothing without the secret.
    """
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


async def look(ctx: Context, link: str) -> InvitationSeen | None:
    """The invitation behind a link's secret, or None where it is not good, or not any more."""
    async with ctx.uow.read() as tx:
        found = await tx.invitations.by_link(digest_of(link))
        names = await tx.parties.names({found.invited_by} if found else set())
    if found is None or not found.is_good(ctx.clock.now()):
        return None
    return InvitationSeen(names.get(found.invited_by, ""), found.party_name, masked(found.email), found.expires_at)


async def ask_code(ctx: Context, link: str) -> None:
    """Send a code to the contact, if the link is good and the last code is not of this moment. Never says which."""
    now = ctx.clock.now()
    async with ctx.uow.write() as tx:
        found = await tx.invitations.by_link(digest_of(link))
        if found is None or not found.may_send_code(now):
            return
        asking = found.asking_code(now)
        await tx.invitations.save(asking)
        key = f"code:{asking.id}:{asking.codes}"
        await tx.outbox.add(asking.order_id, [Effect(EffectKind.SEND_CODE, key, asking.id, str(asking.codes))], now)


async def join(ctx: Context, *, link: str, code: str, company: Company, password_hash: str | None) -> Account | None:
    """The account that now acts for the company, or None: link or code are not good.

    Without a password it signs by links only. A wrong code is counted, which must be committed: so a refusal is given
    and not raised. Raises InvalidInput for what is no VAT id, Conflict where company or e-mail address have joined.
    """
    vat_id = vat_id_of(company.country, company.vat_id)
    now = ctx.clock.now()
    async with ctx.uow.write() as tx:
        found = await tx.invitations.by_link(digest_of(link))
        if found is None:
            return None
        if not found.fits(digest_of(code), now):
            await tx.invitations.save(found.tried())
            return None
        account = await _come_back(tx, found, password_hash)
        if account is None:
            account = _member(ctx, found, company, vat_id, password_hash)
            await tx.parties.add_account(account)
        await tx.invitations.save(found.used(account.id))
    return account


async def _come_back(tx: Transaction, invitation: Invitation, password_hash: str | None) -> Account | None:
    """The account that joined by an earlier link, with the password that it has now; None for a company that is new.

    Raises Conflict where somebody else has joined for the company.
    """
    here = await tx.parties.organisation_in_registry(invitation.registry_party_id)
    if here is None:
        return None
    account = await tx.parties.account_by_email(invitation.email)
    if account is None or account.party_id != here.id:
        raise Conflict(f"{here.name} has joined already: sign in, or ask the operator")
    if password_hash is not None:
        await tx.parties.set_password(account.id, password_hash)
        account = replace(account, password_hash=password_hash)
    return account


def _member(ctx: Context, invitation: Invitation, company: Company, vat_id: str, password_hash: str | None) -> Account:
    organisation = Organisation(
        id=f"org_{ctx.new_id()}",
        name=company.name,
        kind=Role.SUPPLIER,
        registry_party_id=invitation.registry_party_id,
        vat_id=vat_id,
    )
    return Account(
        id=f"acc_{ctx.new_id()}",
        email=invitation.email.lower(),
        display_name=company.signatory,
        role=Role.SUPPLIER,
        password_hash=password_hash or "",
        organisation=organisation,
    )
