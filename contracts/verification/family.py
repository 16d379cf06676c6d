"""All agreements of an order: the delivery, what replaced it, and the supplies of each, found by their logs alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from eth_hash.auto import keccak

from contracts.abi import fragments
from contracts.events import Event, Opened, Replaced, decode
from contracts.terms import ZERO_WORD, Kind, Terms, terms_id
from contracts.verification.deployment import Deployment, clone_code
from contracts.verification.reader import Log, Reader, same
from contracts.verification.verdict import Check, Discrepancy, Notes, Voucher
from contracts.verification.wording import title

_EVENTS: Final = {
    fragment.name: "0x" + fragment.hash.hex()
    for contract in ("AgreementFactory", "DeliveryAgreement")
    for fragment in fragments(contract, "event")
}
MOST: Final = 1_000
"""More agreements than any order has: a longer chain of successors is somebody's joke."""


@dataclass(frozen=True)
class Member:
    """An agreement that was opened."""

    id: bytes
    terms: Terms
    address: str
    opened: Opened

    @property
    def transaction(self) -> str:
        """In which it was opened."""
        return self.opened.place.tx_hash


def understood(log: Log) -> Event | None:
    """The event of a log; None where it is none of ours. Raises Discrepancy."""
    try:
        return decode(log.raw)
    except Exception as error:  # whatever a log of our name that is not ours does to the decoder
        raise Discrepancy(Check.LOGS, f"log {log.index} of {log.transaction} cannot be read") from error


async def find_family(reader: Reader, deployment: Deployment, agreement_id: bytes, notes: Notes) -> list[Member]:
    """Everything that belongs to the order of an agreement, in the order of opening.

    Raises:
        Discrepancy: no such agreement was opened, or a log of an opening contradicts itself.
    """
    search = _Search(reader, deployment, notes)
    first = await search.first(await search.one(agreement_id))
    members = await search.below(first)
    notes.agreement = agreement_id
    notes.require(agreement_id in members, Check.LINEAGE, "the delivery that it names does not lead to it")
    found = sorted(
        members.values(), key=lambda member: (member.opened.place.block_number, member.opened.place.log_index)
    )
    for member in found:
        notes.agreement = member.id
        await _check_clone(reader, deployment, member, notes)
    return found


@dataclass
class _Search:
    reader: Reader
    deployment: Deployment
    notes: Notes

    async def one(self, agreement_id: bytes) -> Member:
        """By id."""
        self.notes.agreement = agreement_id
        found = await self._opened(["0x" + agreement_id.hex()])
        self.notes.require(len(found) == 1, Check.AGREEMENT_UNKNOWN, "the factory opened no such agreement")
        return found[0]

    async def first(self, member: Member) -> Member:
        """The delivery with which the order began."""
        for _ in range(MOST):
            above = member.terms.parent if member.terms.kind is Kind.SUPPLY else member.terms.replaces
            if above == ZERO_WORD:
                return member
            member = await self.one(above)
        raise Discrepancy(Check.LINEAGE, f"more than {MOST} agreements replaced one another", member.id)

    async def below(self, first: Member) -> dict[bytes, Member]:
        """The delivery, its successors, and all supplies that name one of them."""
        members, delivery = {first.id: first}, first
        while True:
            for supply in await self._opened([None, None, "0x" + delivery.id.hex()]):
                members[supply.id] = supply
            successor = await self._successor(delivery)
            if successor is None:
                return members
            unseen = successor.id not in members and len(members) < MOST
            self.notes.require(unseen, Check.LINEAGE, "agreements replaced one another in a circle")
            members[successor.id] = delivery = successor

    async def _successor(self, member: Member) -> Member | None:
        for log in await self.reader.logs(member.address, [_EVENTS["Replaced"]]):
            event = understood(log)
            if isinstance(event, Replaced):
                return await self.one(event.successor)
        return None

    async def _opened(self, topics: Sequence[object]) -> list[Member]:
        logs = await self.reader.logs(self.deployment.factory, [_EVENTS["Opened"], *topics])
        return [self._member(event) for log in logs if isinstance(event := understood(log), Opened)]

    def _member(self, event: Opened) -> Member:
        self.notes.agreement = event.id
        own = terms_id(event.terms, self.deployment.chain_id, self.deployment.factory)
        self.notes.require(own == event.id, Check.TERMS_HASH, "the logged terms are not those of the id")
        self.notes.require(event.parent == event.terms.parent, Check.TERMS_HASH, "the log names another parent")
        address = self.deployment.address_of(event.id, event.terms.kind)
        right = same(address, event.agreement)
        self.notes.require(
            right, Check.AGREEMENT_ADDRESS, f"the id belongs at {address}, the log says {event.agreement}"
        )
        return Member(event.id, event.terms, address, event)


async def _check_clone(reader: Reader, deployment: Deployment, member: Member, notes: Notes) -> None:
    wanted = clone_code(deployment.implementation(member.terms.kind), member.id)
    code = await reader.code(member.address)
    notes.require(
        code == wanted, Check.CLONE_CODE, f"the code at {member.address} is not a clone of our {title(member.terms)}"
    )
    notes.note(Check.TERMS_HASH, "the terms give the id, the id gives the address", Voucher.ARITHMETIC)
    notes.note(
        Check.CLONE_CODE,
        f"{member.address} is a clone of that code with this id, code hash 0x{keccak(code).hex()}",
        Voucher.CHAIN,
    )
