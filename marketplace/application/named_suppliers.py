"""Suppliers as registries name them: who they are here, and how those who are not here can be reached."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from marketplace.application.context import Context
from marketplace.application.drafting import lines_of
from marketplace.domain.invitations import is_email
from marketplace.domain.order import Order
from marketplace.domain.parties import Organisation
from marketplace.ports.supplier_directory import Offer, Offers
from marketplace.ports.unit_of_work import Transaction


@dataclass(frozen=True, slots=True)
class Named:
    """A supplier that offers something: its organisation here, its contact, and why it cannot be written to."""

    party_id: str
    name: str
    contact: str | None
    why_not: str | None
    organisation: Organisation | None

    @property
    def is_here(self) -> bool:
        """Whether it can be asked to sign."""
        return self.organisation is not None and self.organisation.address is not None


async def offers_for(ctx: Context, order: Order) -> Offers:
    """What registries offer for the order now. Raises DirectoryUnavailable, DirectoryMisconfigured."""
    async with ctx.uow.read() as tx:
        maker = await tx.parties.organisation(order.manufacturer_id)
    buyer = (maker.registry_party_id if maker else None) or ""
    return await ctx.directory.search(await lines_of(ctx, order), buyer=buyer)


async def named_by(tx: Transaction, offers: Iterable[Offer]) -> Mapping[str, Named]:
    """The suppliers behind these offers, by the ids that registries give them."""
    grouped: dict[str, list[Offer]] = defaultdict(list)
    for offer in offers:
        grouped[offer.supplier_id].append(offer)
    return {party_id: await _named(tx, party_id, some) for party_id, some in sorted(grouped.items())}


async def who_is(tx: Transaction, supplier_id: str, signer: str | None) -> Organisation | None:
    """Whose key the registry names; where it names none, whom an operator, or an invitation, linked with the id."""
    if signer is not None:
        return await tx.parties.organisation_signing(signer)
    return await tx.parties.organisation_in_registry(supplier_id)


async def _named(tx: Transaction, party_id: str, offers: list[Offer]) -> Named:
    signers = {offer.signer for offer in offers} - {None}
    contacts = {offer.contact for offer in offers if offer.contact}
    contact = min(contacts) if len(contacts) == 1 else None
    why_not = None
    if signers:
        why_not = "its registry names the key with which it signs: it joins with that, and needs no invitation"
    elif not contacts:
        why_not = "its registry names no e-mail address"
    elif contact is None:
        why_not = "registries name different e-mail addresses for it"
    elif not is_email(contact):
        why_not = "what its registry names is no e-mail address that we write to"
    organisation = await who_is(tx, party_id, min(filter(None, signers), default=None))
    return Named(party_id, offers[0].supplier_name, contact, why_not, organisation)
