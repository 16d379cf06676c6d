"""An agreement: who pays whom how much for what, and which proof releases which part.

The delivery agreement binds customer and manufacturer, a supply agreement manufacturer and supplier. What the chain
says of it (`OnChain`) is never decided here: it is read from the chain's events.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum

from marketplace.domain.evidence import EventCode, Witness
from marketplace.domain.money import share

ZERO_ADDRESS = "0x" + "00" * 20
ZERO_HASH = "0x" + "00" * 32
NEVER = 255
"""`cancel_until` of an agreement that the payer cannot cancel."""


class AgreementKind(IntEnum):
    """The numbers are the contract's."""

    DELIVERY = 1
    SUPPLY = 2


class OnChain(IntEnum):
    """States of an agreement contract; a test compares them with the Solidity enum."""

    OPEN = 0
    DELIVERED = 1
    RETAINED = 2
    DISPUTED = 3
    SETTLED = 4
    REFUNDED = 5
    RESOLVED = 6


class AgreementStatus(StrEnum):
    """What people read: the chain's state, and what comes before there is one."""

    DRAFTED = "drafted"
    SIGNED = "signed"
    OPEN = "open"
    DELIVERED = "delivered"
    RETAINED = "retained"
    DISPUTED = "disputed"
    SETTLED = "settled"
    REFUNDED = "refunded"
    RESOLVED = "resolved"
    VOID = "void"


ENDED = frozenset({AgreementStatus.SETTLED, AgreementStatus.REFUNDED, AgreementStatus.RESOLVED})
"""States that no money leaves any more except as dues already credited."""


class ActionKind(IntEnum):
    """What a party may sign about a running agreement. The numbers are the contract's."""

    ACCEPT = 1
    CONTEST = 2
    APPROVE = 3
    CANCEL = 4
    DISPUTE = 5
    DELIVERED = 6
    REVOKE = 7
    RESOLVE = 8
    NOVATE = 9


@dataclass(frozen=True, slots=True)
class Milestone:
    """`bps` of the amount, released by an event of `code` that `who` has signed."""

    bps: int
    code: EventCode
    who: Witness = Witness.ATTESTOR


@dataclass(frozen=True, slots=True)
class Terms:
    """What both parties sign (EIP-712 struct `Terms`). Amounts are token units, instants and windows are seconds."""

    kind: AgreementKind
    supply_count: int
    payer: str
    payee: str
    attestor: str
    witness: str
    carrier: str
    arbiter: str
    token: str
    unit: int
    amount: int
    milestones: tuple[Milestone, ...]
    fund_by: int
    deliver_by: int
    grace: int
    contest_window: int
    accept_window: int
    retention_window: int
    arbiter_window: int
    penalty_bps_per_day: int
    penalty_cap_bps: int
    fee_bps: int
    cancel_bps: int
    cancel_until: int
    timeout_bps: int
    handover: str
    parent: str
    replaces: str
    spec_hash: str
    salt: str

    @property
    def amount_minor(self) -> int:
        """The amount in cents."""
        return self.amount // self.unit

    def milestone_minor(self, index: int) -> int:
        """What milestone `index` releases, in cents, the fee inside."""
        return share(self.amount_minor, self.milestones[index].bps)

    def milestone_for(self, code: int) -> int | None:
        """The index of the milestone that `code` releases, or None."""
        return next((index for index, milestone in enumerate(self.milestones) if milestone.code == code), None)


@dataclass(frozen=True, slots=True)
class Payout:
    """Money that left an agreement's books; `paid` once it reached `address`.

    `party` is payee, payer, fee, supply (which the advance funds) or successor (which takes over what is left).
    """

    party: str
    address: str
    amount_minor: int
    paid: bool = False


def arrived(payouts: Sequence[Payout], party: str, amount_minor: int) -> tuple[Payout, ...]:
    """The payouts once `amount_minor` has reached `party`: of those that were not paid yet the newest come first.

    A move pays what it credits itself, while what could not be paid before goes on waiting.
    """
    rest, found = amount_minor, list(payouts)
    for index in reversed(range(len(found))):
        payout = found[index]
        if payout.party == party and not payout.paid and payout.amount_minor <= rest:
            rest -= payout.amount_minor
            found[index] = replace(payout, paid=True)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Agreement:
    """An agreement and what is known of it. `milestone_states` maps an index to (state, instant in ms).

    `specification` is the text (RFC 8785) that the terms carry the hash of; None where it was not kept.
    """

    id: str
    order_id: str
    kind: AgreementKind
    address: str
    terms: Terms
    payer_id: str
    payee_id: str
    description: str
    lines: tuple[str, ...] = ()
    status: AgreementStatus = AgreementStatus.DRAFTED
    payer_signature: str | None = None
    payee_signature: str | None = None
    permit: Mapping[str, str | int] | None = None
    milestone_states: Mapping[int, tuple[str, int]] = field(default_factory=dict)
    payouts: tuple[Payout, ...] = ()
    specification: str | None = None
