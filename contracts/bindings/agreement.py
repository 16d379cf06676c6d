"""DeliveryAgreement and SupplyAgreement: the moves are the same, so the bindings are."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from contracts.bindings.call import Call, build, read
from contracts.rpc import Rpc
from contracts.terms import Terms

CONTRACT: Final = "DeliveryAgreement"


class State(IntEnum):
    """The contract's `State`."""

    OPEN = 0
    DELIVERED = 1
    RETAINED = 2
    DISPUTED = 3
    SETTLED = 4
    REFUNDED = 5
    RESOLVED = 6


class Party(IntEnum):
    """The contract's `Party`: whose due."""

    PAYEE = 0
    PAYER = 1
    FEE_RECEIVER = 2


class Reason(IntEnum):
    """The contract's `Reason`: why money moved inside the books."""

    ADVANCE = 0
    CLAIM = 1
    APPROVAL = 2
    ACCEPTANCE = 3
    RETENTION = 4
    REFUND = 5
    REVOCATION = 6
    CANCELLATION = 7
    RESOLUTION = 8
    TIMEOUT = 9
    SPLIT = 10
    REPLACEMENT = 11


@dataclass(frozen=True)
class Authorisation:
    """A party's consent; the default means that the party itself sends the transaction."""

    deadline: int = 0
    signature: bytes = b""


SENT_BY_PARTY: Final = Authorisation()


@dataclass(frozen=True)
class Evidence:
    """One leaf under a signed root; `at_ms` in milliseconds since 1970."""

    at_ms: int
    payload_hash: bytes
    proof: tuple[bytes, ...]
    root: bytes
    sequence: int
    previous: bytes
    signature: bytes

    def as_tuple(self) -> tuple[object, ...]:
        """As eth-abi encodes it."""
        return (
            self.at_ms,
            self.payload_hash,
            list(self.proof),
            self.root,
            self.sequence,
            self.previous,
            self.signature,
        )


CONTESTED: Final = 2**32 - 1
"""What `claimed_at` says of a claim that the payer refused."""


@dataclass(frozen=True)
class Books:
    """An agreement's books in token units: mature claims that no move has paid yet are still in `left`.

    `fee_due` is paid when the agreement ends. `payee_due` and `payer_due` are what the token refused to move;
    `disputed_at` and `disputed_in` count in DISPUTED.
    """

    state: State
    released: int
    delivered_at: int
    left: int
    fee_due: int
    payee_due: int
    payer_due: int
    disputed_at: int
    disputed_in: State


def claim(agreement: str, terms: Terms, milestone: int, evidence: Sequence[Evidence]) -> Call:
    """Claims a milestone; for `Witnessed.BOTH` the attestor's evidence first."""
    proofs = [one.as_tuple() for one in evidence]
    return build(CONTRACT, agreement, "claim", [terms.as_tuple(), milestone, proofs])


def contest(agreement: str, terms: Terms, milestone: int, consent: Authorisation = SENT_BY_PARTY) -> Call:
    """The payer refuses a pending claim."""
    return build(CONTRACT, agreement, "contest", [terms.as_tuple(), milestone, _consent(consent)])


def approve(agreement: str, terms: Terms, milestone: int, consent: Authorisation = SENT_BY_PARTY) -> Call:
    """The payer releases a milestone."""
    return build(CONTRACT, agreement, "approve", [terms.as_tuple(), milestone, _consent(consent)])


def delivered_by_secret(agreement: str, terms: Terms, secret: bytes) -> Call:
    """The recipient's secret proves the handover."""
    return build(CONTRACT, agreement, "deliveredBySecret", [terms.as_tuple(), secret])


def delivered_by_carrier(agreement: str, terms: Terms, consent: Authorisation = SENT_BY_PARTY) -> Call:
    """The carrier's signature proves the handover."""
    return build(CONTRACT, agreement, "deliveredByCarrier", [terms.as_tuple(), _consent(consent)])


def accept(agreement: str, terms: Terms, consent: Authorisation = SENT_BY_PARTY) -> Call:
    """The payer accepts the delivery."""
    return build(CONTRACT, agreement, "accept", [terms.as_tuple(), _consent(consent)])


def finalise(agreement: str, terms: Terms) -> Call:
    """Settles after the acceptance window."""
    return build(CONTRACT, agreement, "finalise", [terms.as_tuple()])


def release(agreement: str, terms: Terms) -> Call:
    """Pays the retention after its window."""
    return build(CONTRACT, agreement, "release", [terms.as_tuple()])


def refund(agreement: str, terms: Terms) -> Call:
    """Returns the rest after delivery date and grace."""
    return build(CONTRACT, agreement, "refund", [terms.as_tuple()])


def revoke(agreement: str, terms: Terms, consent: Authorisation = SENT_BY_PARTY) -> Call:
    """The payee gives up: the rest returns to the payer."""
    return build(CONTRACT, agreement, "revoke", [terms.as_tuple(), _consent(consent)])


def cancel(agreement: str, terms: Terms, most: int, consent: Authorisation = SENT_BY_PARTY) -> Call:
    """The payer cancels, if that leaves the payee at most `most` token units of the whole price."""
    return build(CONTRACT, agreement, "cancel", [terms.as_tuple(), most, _consent(consent)])


def dispute(agreement: str, terms: Terms, party: Party, consent: Authorisation = SENT_BY_PARTY) -> Call:
    """Payer or payee asks the arbiter."""
    return build(CONTRACT, agreement, "dispute", [terms.as_tuple(), int(party), _consent(consent)])


def resolve(agreement: str, terms: Terms, payee_bps: int, consent: Authorisation = SENT_BY_PARTY) -> Call:
    """The arbiter divides what is disputed."""
    return build(CONTRACT, agreement, "resolve", [terms.as_tuple(), payee_bps, _consent(consent)])


def timeout(agreement: str, terms: Terms) -> Call:
    """Ends a dispute on which the arbiter stayed silent."""
    return build(CONTRACT, agreement, "timeout", [terms.as_tuple()])


def split(
    agreement: str,
    terms: Terms,
    payee_bps: int,
    payer: Authorisation = SENT_BY_PARTY,
    payee: Authorisation = SENT_BY_PARTY,
) -> Call:
    """Both parties divide what is left."""
    return build(CONTRACT, agreement, "split", [terms.as_tuple(), payee_bps, _consent(payer), _consent(payee)])


def withdraw(agreement: str, terms: Terms, party: Party) -> Call:
    """Pushes a due to its owner."""
    return build(CONTRACT, agreement, "withdraw", [terms.as_tuple(), int(party)])


async def books(rpc: Rpc, agreement: str, terms: Terms, *, block: int | None = None) -> Books:
    """The books after `block`, the head if None."""
    state, *numbers, disputed_in = await read(rpc, CONTRACT, agreement, "books", [terms.as_tuple()], block=block)
    released, delivered_at, left, fee_due, payee_due, payer_due, disputed_at = numbers
    return Books(
        state=State(state),
        released=released,
        delivered_at=delivered_at,
        left=left,
        fee_due=fee_due,
        payee_due=payee_due,
        payer_due=payer_due,
        disputed_at=disputed_at,
        disputed_in=State(disputed_in),
    )


async def claimed_at(rpc: Rpc, agreement: str, terms: Terms, *, block: int | None = None) -> tuple[int, ...]:
    """When each milestone was claimed, in seconds since 1970; 0 where it was not, CONTESTED where it was refused."""
    return tuple(await read(rpc, CONTRACT, agreement, "claimedAt", [terms.as_tuple()], block=block))


async def agreement_id(rpc: Rpc, agreement: str) -> bytes:
    """The id that the clone carries."""
    return bytes(await read(rpc, CONTRACT, agreement, "id"))


def _consent(consent: Authorisation) -> tuple[int, bytes]:
    return (consent.deadline, consent.signature)
