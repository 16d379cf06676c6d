"""An agreement's books kept a second time, from the rules of `docs/agreements.md`. Token units, seconds since 1970."""

from dataclasses import dataclass, field
from typing import Final

from contracts.bindings.agreement import CONTESTED, Party, State
from contracts.terms import NEVER, OPENED, RETAINED, Milestone, Terms, Witnessed, part, unpack_milestones

DAY_S: Final = 86_400
ENDS: Final = frozenset({State.SETTLED, State.REFUNDED, State.RESOLVED})
SWEPT_IN: Final = frozenset({State.OPEN, State.DELIVERED})
"""States in which every move first pays the claims that nobody contested in time."""


@dataclass(frozen=True)
class Credit:
    """How money was divided: `fee` lies inside what the payee earned."""

    to_payee: int
    fee: int
    to_payer: int

    @property
    def earned(self) -> int:
        """The payee's part with the fee inside."""
        return self.to_payee + self.fee


@dataclass
class Ledger:
    """The books of one agreement after each of its moves.

    `fees` are paid when it ends; `kept` is what the token refused to move to its owners.
    """

    terms: Terms
    lanes: tuple[Milestone | None, ...]
    left: int
    fees: int
    released: int
    state: State = State.OPEN
    delivered_at: int = 0
    kept: dict[Party, int] = field(default_factory=lambda: dict.fromkeys(Party, 0))
    disputed_at: int = 0
    disputed_in: State = State.OPEN
    claims: list[int] = field(default_factory=lambda: [0] * 8)

    @classmethod
    def opened(cls, terms: Terms) -> "Ledger":
        """The books of an agreement that has just been opened: its advance is paid."""
        ledger = cls(terms, unpack_milestones(terms.milestones), terms.amount, 0, 0)
        advance = ledger.lane_of(OPENED)
        if advance is not None:
            gross = ledger.share(advance)
            ledger.left -= gross
            ledger.fees = ledger.fee(gross)
            ledger.released = 1 << advance
        return ledger

    # ── parts ────────────────────────────────────────────────────────────────────────────────────

    def lane_of(self, code: int) -> int | None:
        """The milestone that an event code releases."""
        return next((index for index, lane in enumerate(self.lanes) if lane and lane.event_code == code), None)

    def share(self, milestone: int) -> int:
        """What a milestone releases."""
        lane = self.lanes[milestone]
        return 0 if lane is None else part(self.terms.amount, lane.bps, self.terms.unit)

    def fee(self, earned: int) -> int:
        """The fee inside what the payee earned."""
        return part(earned, self.terms.fee_bps, self.terms.unit)

    @property
    def advance(self) -> Credit:
        """What the opening paid at once."""
        index = self.lane_of(OPENED)
        gross = 0 if index is None else self.share(index)
        return Credit(gross - self.fee(gross), self.fee(gross), 0)

    @property
    def last_delivery(self) -> int:
        """The last second of a delivery."""
        return self.terms.deliver_by + self.terms.grace

    @property
    def late_days(self) -> int:
        """Started days between the promised and the actual delivery."""
        return max(0, -(-(self.delivered_at - self.terms.deliver_by) // DAY_S))

    @property
    def full_penalty(self) -> int:
        """What lateness costs at most."""
        bps = min(self.late_days * self.terms.penalty_bps_per_day, self.terms.penalty_cap_bps)
        return part(self.terms.amount, bps, self.terms.unit)

    @property
    def penalty(self) -> int:
        """What lateness costs, never more than is left."""
        return min(self.full_penalty, self.left)

    @property
    def kept_back(self) -> int:
        """What acceptance keeps back for the retention."""
        index = self.lane_of(RETAINED)
        return 0 if index is None else min(self.share(index), self.left - self.penalty)

    def self_attested(self) -> int:
        """What the attestor's word alone can still release."""
        return sum(
            self.share(index)
            for index, lane in enumerate(self.lanes)
            if lane and self.is_earned(index) and not self.is_released(index) and lane.witnessed is Witnessed.ATTESTOR
        )

    # ── milestones ───────────────────────────────────────────────────────────────────────────────

    def is_earned(self, milestone: int) -> bool:
        """Whether evidence or approval can release the milestone at all."""
        lane = self.lanes[milestone] if 0 <= milestone < len(self.lanes) else None
        return lane is not None and lane.event_code not in (OPENED, RETAINED)

    def is_released(self, milestone: int) -> bool:
        """Whether it is paid."""
        return bool(self.released >> milestone & 1)

    def is_pending(self, milestone: int) -> bool:
        """Whether a claim waits that nobody contested."""
        return self.claims[milestone] not in (0, CONTESTED) and not self.is_released(milestone)

    def mature(self, now: int) -> list[int]:
        """The claims that the next move pays: before the delivery only those whose window ends in time for it."""
        if self.state not in SWEPT_IN:
            return []
        window = self.terms.contest_window
        return [
            index
            for index, time in enumerate(self.claims)
            if self.is_pending(index)
            and time + window < now
            and (self.state is State.DELIVERED or time + window <= self.last_delivery)
        ]

    @property
    def cancellable(self) -> bool:
        """Whether the milestone that ends the payer's right to cancel is still ahead."""
        until = self.terms.cancel_until
        return until != NEVER and not self.is_released(until) and self.claims[until] == 0

    # ── changes ──────────────────────────────────────────────────────────────────────────────────

    def divide(self, earned: int, to_payer: int) -> Credit:
        """Takes both out of what is left; the fee is the fee receiver's when the agreement ends."""
        fee = self.fee(earned)
        self.left -= earned + to_payer
        self.fees += fee
        return Credit(earned - fee, fee, to_payer)

    def release(self, milestone: int) -> Credit:
        """Pays a milestone."""
        self.released |= 1 << milestone
        return self.divide(self.share(milestone), 0)

    @property
    def holds(self) -> int:
        """What the agreement must have."""
        return self.left + self.fees + sum(self.kept.values())
