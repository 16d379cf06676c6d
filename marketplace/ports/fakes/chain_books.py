"""The books of one agreement on the fake chain: every move of the contracts that the port knows, in token units.

A move first pays the claims that nobody contested in time, then does its work or raises ChainRefused with the name
of the contract's error. The caller throws the books of a refused move away, as a revert would.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marketplace.domain.agreement import OnChain, Terms
from marketplace.domain.evidence import EventCode, Witness
from marketplace.ports.fakes.chain_rules import RESERVED, milestone_of, part, require

Said = tuple[str, str, Mapping[str, Any]]
"""(agreement id, name, fields) of an event."""
DAY_S = 86_400


@dataclass
class Books:
    """One agreement, which tells `said` what happens.

    `left` and `dues` (by payee, payer, fee) are token units; `claimed` maps a milestone to when.
    """

    id: str
    terms: Terms
    said: list[Said]
    state: OnChain = OnChain.OPEN
    left: int = 0
    dues: dict[str, int] = field(default_factory=lambda: {"payee": 0, "payer": 0, "fee": 0})
    claimed: dict[int, int] = field(default_factory=dict)
    released: set[int] = field(default_factory=set)
    delivered_at: int = 0

    def open(self, spent: int) -> None:
        """Funded; of the advance `spent` units went into supplies."""
        self.left = self.terms.amount
        index = milestone_of(self.terms, EventCode.OPENED)
        if index is not None:
            self._pay_milestone(index, spent)

    def claim(self, now: int, milestone: int) -> None:
        """A milestone is claimed; whether it is proved is for the caller to check, after `check_claim`."""
        self.claimed[milestone] = now
        self._say("claimed", milestone=milestone, matures_at=now + self.terms.contest_window + 1)

    def check_claim(self, now: int, milestone: int) -> None:
        """Whether this milestone may be claimed by one piece of evidence now."""
        self.sweep(now)
        self._require_state(OnChain.OPEN)
        require(now <= self._last_delivery(), "TooLate")
        lanes = self.terms.milestones
        require(0 <= milestone < len(lanes) and lanes[milestone].code not in RESERVED, "WrongMilestone")
        require(milestone not in self.released and milestone not in self.claimed, "AlreadyClaimed")
        require(lanes[milestone].who is not Witness.PAYER, "WrongMilestone")
        require(lanes[milestone].who is not Witness.BOTH, "WrongEvidenceCount")

    def deliver(self, now: int) -> None:
        """Handed over; lateness is fixed by this second."""
        self.sweep(now)
        self._require_state(OnChain.OPEN)
        require(now <= self._last_delivery(), "TooLate")
        self.delivered_at = now
        self._say("delivered", at=now, penalty_minor=self._cents(self._penalty()))
        self._become(OnChain.DELIVERED)

    def require_delivered(self, now: int) -> None:
        """What acceptance asks for before it looks at the signature."""
        self.sweep(now)
        self._require_state(OnChain.DELIVERED)

    def finalise(self, now: int) -> None:
        """The acceptance window is over."""
        self.require_delivered(now)
        require(now > self.delivered_at + self.terms.accept_window, "TooEarly")
        self.settle()

    def settle(self) -> None:
        """Lateness to the payer, the retention kept back, all the rest to the payee."""
        penalty = min(self._penalty(), self.left)
        self.left -= penalty
        self.dues["payer"] += penalty
        index = milestone_of(self.terms, EventCode.RETAINED)
        kept = 0 if index is None else min(self._share(index), self.left)
        gross = self.left - kept
        fee = self._credit_payee(gross)
        self._say_credits(payee=gross - fee, fee=fee, payer=penalty)
        self._become(OnChain.RETAINED if kept else OnChain.SETTLED)

    def refund(self, now: int) -> None:
        """Date and grace are over: the rest goes back."""
        self.sweep(now)
        self._require_state(OnChain.OPEN)
        require(now > self._last_delivery(), "TooEarly")
        rest, self.left = self.left, 0
        self.dues["payer"] += rest
        self._say_credits(payer=rest)
        self._become(OnChain.REFUNDED)

    def withdraw(self, now: int, party: str, address: str) -> int:
        """Token units that leave for `address`."""
        self.sweep(now)
        amount = self.dues[party]
        require(amount > 0, "NothingDue")
        self.dues[party] = 0
        self._say("withdrawn", party=party, address=address.lower(), amount_minor=self._cents(amount))
        return amount

    def sweep(self, now: int) -> None:
        """Pays the claims that have matured."""
        if self.state not in {OnChain.OPEN, OnChain.DELIVERED}:
            return
        for milestone, since in sorted(self.claimed.items()):
            if milestone not in self.released and now > since + self.terms.contest_window:
                self._pay_milestone(milestone)

    def _pay_milestone(self, milestone: int, spent: int = 0) -> None:
        gross = self._share(milestone)
        fee = self._credit_payee(gross)
        self.dues["payee"] -= spent
        self.released.add(milestone)
        self._say("paid_milestone", milestone=milestone)
        self._say_credits(payee=gross - fee - spent, fee=fee)

    def _credit_payee(self, gross: int) -> int:
        fee = part(gross, self.terms.fee_bps, self.terms.unit)
        self.left -= gross
        self.dues["fee"] += fee
        self.dues["payee"] += gross - fee
        return fee

    def _share(self, milestone: int) -> int:
        return part(self.terms.amount, self.terms.milestones[milestone].bps, self.terms.unit)

    def _penalty(self) -> int:
        late_s = max(self.delivered_at - self.terms.deliver_by, 0)
        bps = min(-(-late_s // DAY_S) * self.terms.penalty_bps_per_day, self.terms.penalty_cap_bps)
        return part(self.terms.amount, bps, self.terms.unit)

    def _last_delivery(self) -> int:
        return self.terms.deliver_by + self.terms.grace

    def _require_state(self, wanted: OnChain) -> None:
        require(self.state is wanted, "WrongState")

    def _become(self, state: OnChain) -> None:
        self.state = state
        self._say("state", state=int(state))

    def _cents(self, units: int) -> int:
        return units // self.terms.unit

    def _say_credits(self, **credited: int) -> None:
        for party, units in credited.items():
            if units:
                self._say("credited", party=party, amount_minor=self._cents(units))

    def _say(self, name: str, **fields: Any) -> None:
        self.said.append((self.id, name, fields))
