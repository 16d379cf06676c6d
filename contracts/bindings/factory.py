"""AgreementFactory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from eth_utils.address import to_checksum_address

from contracts.bindings.agreement import SENT_BY_PARTY, Authorisation
from contracts.bindings.call import Call, build, read
from contracts.rpc import Rpc
from contracts.terms import Terms

CONTRACT: Final = "AgreementFactory"


@dataclass(frozen=True)
class Permit:
    """An EIP-2612 permit for the factory; `signature` is 65 bytes."""

    value: int
    deadline: int
    signature: bytes

    def as_tuple(self) -> tuple[int, int, int, bytes, bytes]:
        """As eth-abi encodes it."""
        return (self.value, self.deadline, self.signature[64], self.signature[:32], self.signature[32:64])


@dataclass(frozen=True)
class Entry:
    """One agreement of a batch. A signature may stay empty where its party sends the transaction."""

    terms: Terms
    payer_signature: bytes = b""
    payee_signature: bytes = b""
    permit: Permit | None = None

    def as_tuple(self) -> tuple[object, ...]:
        """As eth-abi encodes it."""
        permit = (0, 0, 0, bytes(32), bytes(32)) if self.permit is None else self.permit.as_tuple()
        return (self.terms.as_tuple(), self.payer_signature, self.payee_signature, permit)


@dataclass(frozen=True)
class FactorySettings:
    """What the factory was deployed with."""

    delivery_implementation: str
    supply_implementation: str
    fee_receiver: str
    fee_ceiling_bps: int
    self_attested_bps: int


def open_one(factory: str, entry: Entry) -> Call:
    """Opens a delivery without supplies."""
    return build(CONTRACT, factory, "open", [entry.as_tuple()])


def open_batch(factory: str, entries: Sequence[Entry]) -> Call:
    """Opens the delivery (first) and its supplies, or nothing."""
    return build(CONTRACT, factory, "openBatch", [[entry.as_tuple() for entry in entries]])


def open_supply(factory: str, entry: Entry, lineage: Sequence[Terms]) -> Call:
    """Opens one more supply; `lineage` leads from the delivery that it names to the one that is open now."""
    return build(CONTRACT, factory, "openSupply", [entry.as_tuple(), [terms.as_tuple() for terms in lineage]])


def novate(
    factory: str,
    old: Terms,
    entries: Sequence[Entry],
    carried: int,
    payer: Authorisation = SENT_BY_PARTY,
    payee: Authorisation = SENT_BY_PARTY,
) -> Call:
    """Replaces `old` by the first entry, opened with the others as its new supplies.

    `carried` token units are the least that the old agreement must bring along: the payer consents to it. The payee
    consents to the state in which the old agreement stands, unless that is OPEN.
    """
    successors = [entry.as_tuple() for entry in entries]
    consents = [(consent.deadline, consent.signature) for consent in (payer, payee)]
    return build(CONTRACT, factory, "novate", [old.as_tuple(), successors, carried, *consents])


async def settings(rpc: Rpc, factory: str) -> FactorySettings:
    """Reads them from the chain."""
    return FactorySettings(
        to_checksum_address(await read(rpc, CONTRACT, factory, "deliveryImplementation")),
        to_checksum_address(await read(rpc, CONTRACT, factory, "supplyImplementation")),
        to_checksum_address(await read(rpc, CONTRACT, factory, "feeReceiver")),
        int(await read(rpc, CONTRACT, factory, "feeCeilingBps")),
        int(await read(rpc, CONTRACT, factory, "selfAttestedBps")),
    )


async def id_of(rpc: Rpc, factory: str, terms: Terms) -> bytes:
    """The agreement's id as the chain computes it."""
    return bytes(await read(rpc, CONTRACT, factory, "idOf", [terms.as_tuple()]))


async def address_of(rpc: Rpc, factory: str, terms: Terms) -> str:
    """The agreement's address as the chain computes it."""
    return str(to_checksum_address(await read(rpc, CONTRACT, factory, "addressOf", [terms.as_tuple()])))


async def is_listed(rpc: Rpc, factory: str, token: str) -> bool:
    """Whether agreements may count in this token."""
    return bool(await read(rpc, CONTRACT, factory, "isListed", [token]))
