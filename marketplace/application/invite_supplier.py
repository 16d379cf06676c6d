"""A manufacturer, or the operator, invites a supplier that a registry names and that has not joined yet."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from marketplace.application.access import received_order
from marketplace.application.context import Context
from marketplace.application.named_suppliers import Named, named_by, offers_for
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.errors import Conflict, InvalidInput, NotFound
from marketplace.domain.invitations import LIFETIME, MOST_MAILS_A_DAY, Invitation, InvitationStatus, masked
from marketplace.domain.order import Order
from marketplace.domain.parties import Account
from marketplace.domain.reactions import REPEATED
from marketplace.ports.unit_of_work import Transaction


@dataclass(frozen=True, slots=True)
class AbsentSupplier:
    """A supplier who could deliver for an order and cannot sign here; `why_not` where it cannot be invited."""

    registry_party_id: str
    name: str
    why_not: str | None


@dataclass(frozen=True, slots=True)
class InvitationView:
    """An invitation as the manufacturer sees it; status is sending, sent, used, revoked or lapsed."""

    id: str
    order_id: str
    registry_party_id: str
    name: str
    contact: str
    status: str
    created_at: datetime
    expires_at: datetime
    note: str | None


async def absent_suppliers(ctx: Context, caller: Account, order_id: str) -> tuple[AbsentSupplier, ...]:
    """Who offers something for an order that the caller makes, and has not joined.

    Raises NotFound, DirectoryUnavailable, DirectoryMisconfigured.
    """
    async with ctx.uow.read() as tx:
        order = await received_order(tx, caller, order_id)
    found = await offers_for(ctx, order)
    async with ctx.uow.read() as tx:
        named = await named_by(tx, found.offers)
    return tuple(AbsentSupplier(one.party_id, one.name, one.why_not) for one in named.values() if not one.is_here)


async def invite(
    ctx: Context, caller: Account | None, order_id: str, registry_party_id: str, *, origin: str
) -> InvitationView:
    """Send an invitation to the contact that the registry names; an earlier one for this order is taken back.

    `caller` makes the order, or is None for the operator at the command line; `origin` is where the app is found.
    Raises NotFound, InvalidInput for somebody who is not wanted, Conflict where it cannot be written to, and
    DirectoryUnavailable, DirectoryMisconfigured.
    """
    async with ctx.uow.read() as tx:
        order = await _order(tx, caller, order_id)
    found = await offers_for(ctx, order)
    now = ctx.clock.now()
    async with ctx.uow.read() as tx:
        named = (await named_by(tx, found.offers)).get(registry_party_id)
        contact = await _contact(tx, named)
    async with ctx.uow.write() as tx:
        if await tx.invitations.sent_to(contact, now - timedelta(days=1)) >= MOST_MAILS_A_DAY:
            raise Conflict("this contact was written to often enough for a day: call, or try tomorrow")
        for earlier in await tx.invitations.of_order(order.id):
            if earlier.registry_party_id == registry_party_id and earlier.status is InvitationStatus.OPEN:
                await tx.invitations.save(earlier.revoked("a newer one was sent"))
        invitation = Invitation(
            id=f"inv_{ctx.new_id()}",
            order_id=order.id,
            invited_by=order.manufacturer_id,
            registry_party_id=registry_party_id,
            party_name=named.name if named else "",
            email=contact,
            origin=origin,
            created_at=now,
            expires_at=now + LIFETIME,
        )
        await tx.invitations.add(invitation)
        effect = Effect(EffectKind.SEND_INVITATION, f"invite:{invitation.id}", invitation.id)
        await tx.outbox.add(order.id, [effect], now)
    return _view(invitation, now)


async def invitations(ctx: Context, caller: Account, order_id: str) -> tuple[InvitationView, ...]:
    """The invitations for an order that the caller makes, newest first. Raises NotFound."""
    async with ctx.uow.read() as tx:
        order = await received_order(tx, caller, order_id)
        found = await tx.invitations.of_order(order.id)
    return tuple(_view(one, ctx.clock.now()) for one in found)


async def revoke_invitation(ctx: Context, caller: Account, invitation_id: str) -> None:
    """Take an invitation back; a repeat is harmless. Raises NotFound, Conflict where it was used."""
    async with ctx.uow.write() as tx:
        found = await tx.invitations.get(invitation_id)
        if found is None or found.invited_by != caller.party_id:
            raise NotFound("invitation")
        if found.status is not InvitationStatus.REVOKED:
            await tx.invitations.save(found.revoked("the manufacturer took it back"))


async def _order(tx: Transaction, caller: Account | None, order_id: str) -> Order:
    """Raises NotFound, Conflict for an order that looks for nobody."""
    if caller is not None:
        order = await received_order(tx, caller, order_id)
    else:
        found = await tx.orders.get(order_id)
        if found is None:
            raise NotFound("order")
        order = found
    if order.status not in REPEATED:
        raise Conflict("this order looks for no suppliers any more")
    return order


async def _contact(tx: Transaction, named: Named | None) -> str:
    """To whom the invitation goes. Raises InvalidInput, Conflict."""
    if named is None:
        raise InvalidInput("registry_party_id", "names nobody who offers something for this order")
    if named.is_here and not await _needs_links(tx, named):
        raise InvalidInput("registry_party_id", "has joined already, and signs in with its password")
    if named.contact is None or named.why_not is not None:
        raise Conflict(f"{named.name} cannot be invited: {named.why_not}")
    return named.contact


async def _needs_links(tx: Transaction, named: Named) -> bool:
    """Whether its contact joined without a password, so that only another link brings it back."""
    account = await tx.parties.account_by_email(named.contact or "")
    mine = account is not None and account.party_id == (named.organisation.id if named.organisation else None)
    return account is not None and mine and not account.password_hash


def _view(invitation: Invitation, now: datetime) -> InvitationView:
    if invitation.status is not InvitationStatus.OPEN:
        status = invitation.status.value
    elif not invitation.is_good(now):
        status = "lapsed"
    else:
        status = "sent" if invitation.token_hash else "sending"
    return InvitationView(
        invitation.id,
        invitation.order_id,
        invitation.registry_party_id,
        invitation.party_name,
        masked(invitation.email),
        status,
        invitation.created_at,
        invitation.expires_at,
        invitation.note,
    )
