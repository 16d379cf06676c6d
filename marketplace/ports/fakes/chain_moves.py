"""The moves of an agreement: each reads who may, when, what happens. `docs/agreements.md` has a row for every one.

A move first pays the claims that nobody contested in time, then checks, in the contracts' order, and raises
ChainRefused with the name of the contracts' error; at last it pays what it has credited. Whose word it needs it asks
for itself (`Ask`), so nobody else has to know who may do what.
"""

from dataclasses import replace

from marketplace.domain.agreement import ZERO_ADDRESS, ZERO_HASH, ActionKind, OnChain
from marketplace.domain.evidence import EventCode, Witness
from marketplace.domain.money import BPS
from marketplace.ports.chain import resolution
from marketplace.ports.fakes.chain_books import CONTESTED, EVIDENCE, SECRET, SPLIT, Frame
from marketplace.ports.fakes.chain_rules import LANES, RESERVED, milestone_of, part, require, self_attested


class Move(Frame):
    """One call to an agreement; make a new one for each, call one method, keep its `books`."""

    # ── the work ─────────────────────────────────────────────────────────────────────────────────

    def claim(self, milestone: int, proofs: int = 1) -> None:
        """Somebody shows the evidence of whom the milestone names, in so many `proofs`."""
        self._require_state(OnChain.OPEN)
        self._require_not_after(self.books.last_delivery)
        who = self._earned(milestone)
        require(milestone not in self.books.released and not self.books.claimed[milestone], "AlreadyClaimed")
        require(who is not Witness.PAYER, "WrongMilestone")
        signers = {Witness.BOTH: ("attestor", "witness"), Witness.WITNESS: ("witness",)}.get(who, ("attestor",))
        require(proofs == len(signers), "WrongEvidenceCount")
        for signer in signers:
            self._ask(signer, EVIDENCE, milestone)
        self._set_claim(milestone, self._now)
        self._say("claimed", milestone=milestone, matures_at=self._now + self._terms.contest_window + 1)
        self._leave()

    def contest(self, milestone: int) -> None:
        """The payer refuses a pending claim."""
        if self.books.state is not OnChain.DELIVERED:
            self._require_state(OnChain.OPEN)
        self._ask("payer", ActionKind.CONTEST, milestone)
        self._earned(milestone)
        require(self._is_pending(milestone), "NothingToContest")
        self._require_not_after(self.books.claimed[milestone] + self._terms.contest_window)
        self._set_claim(milestone, CONTESTED)
        self._say("contested", milestone=milestone)
        self._leave()

    def approve(self, milestone: int) -> None:
        """The payer releases a milestone, proved or not, contested or not."""
        self._require_state(OnChain.OPEN)
        self._require_not_after(self.books.last_delivery)
        self._ask("payer", ActionKind.APPROVE, milestone)
        self._earned(milestone)
        require(milestone not in self.books.released, "AlreadyClaimed")
        self._release(milestone)
        self._leave()

    # ── the handover ─────────────────────────────────────────────────────────────────────────────

    def delivered_by_secret(self) -> None:
        """Anyone who knows the recipient's secret proves the handover, disputed or not."""
        require(self._terms.handover != ZERO_HASH, "WrongSecret")
        self._ask("anyone", SECRET, 0)
        self._deliver()

    def delivered_by_carrier(self) -> None:
        """The carrier's signature proves the handover, disputed or not."""
        self._ask("carrier", ActionKind.DELIVERED, 0)
        self._deliver()

    def accept(self) -> None:
        """The payer is content."""
        self._require_state(OnChain.DELIVERED)
        self._ask("payer", ActionKind.ACCEPT, 0)
        self._settle()

    def finalise(self) -> None:
        """The acceptance window has passed in silence."""
        self._require_state(OnChain.DELIVERED)
        self._require_after(self.books.delivered_at + self._terms.accept_window)
        self._settle()

    def release(self) -> None:
        """The retention's window has passed."""
        self._require_state(OnChain.RETAINED)
        self._require_after(self.books.delivered_at + self._terms.retention_window)
        self._divide(self.books.left, 0)
        self._end(OnChain.SETTLED)

    # ── the ways out ─────────────────────────────────────────────────────────────────────────────

    def refund(self) -> None:
        """Date and grace are over: the rest goes back."""
        self._require_state(OnChain.OPEN)
        self._require_after(self.books.last_delivery)
        self._divide_rest(0)
        self._end(OnChain.REFUNDED)

    def revoke(self) -> None:
        """The payee gives up: the rest goes back."""
        self._require_state(OnChain.OPEN)
        self._require_not_after(self.books.last_delivery)
        self._ask("payee", ActionKind.REVOKE, 0)
        self._divide_rest(0)
        self._end(OnChain.REFUNDED)

    def cancel(self, most: int) -> None:
        """The payer cancels, if that leaves the payee and the fee at most `most` token units of the whole price."""
        self._require_state(OnChain.OPEN)
        self._require_not_after(self.books.last_delivery)
        self._ask("payer", ActionKind.CANCEL, most)
        until = self._terms.cancel_until
        open_still = until < LANES and until not in self.books.released and not self.books.claimed[until]
        require(open_still, "NotCancellable")
        for milestone in filter(self._is_pending, range(LANES)):
            self._release(milestone)
        self._divide_rest(self._terms.cancel_bps)
        require(self._terms.amount - self._credit["payer"] <= most, "CostsMore")
        self._end(OnChain.REFUNDED)

    # ── disputes ─────────────────────────────────────────────────────────────────────────────────

    def dispute(self, by: str) -> None:
        """A party asks the arbiter: either one before the delivery, the payer alone after it."""
        since = self.books.state
        self._require_not_after(self._last_dispute())
        who = "payee" if by == "payee" and since is OnChain.OPEN else "payer"
        self._ask(who, ActionKind.DISPUTE, int(since))
        self._dispute(self._address(who), since)
        self._become(OnChain.DISPUTED)
        self._leave()

    def resolve(self, payee_bps: int) -> None:
        """The arbiter divides what is left, as an answer to this dispute and no other."""
        self._require_state(OnChain.DISPUTED)
        self._require_not_after(self.books.last_decision)
        require(payee_bps <= BPS, "RateTooHigh")
        self._ask("arbiter", ActionKind.RESOLVE, resolution(self.books.disputed_at, payee_bps))
        self._divide_rest(payee_bps, "verdict")
        self._end(OnChain.RESOLVED)

    def timeout(self) -> None:
        """The arbiter stayed silent: nothing delivered, all to the payer; else lateness first, then `timeout_bps`."""
        self._require_state(OnChain.DISPUTED)
        self._require_after(self.books.last_decision)
        penalty = self._penalty() if self.books.disputed_in is OnChain.DELIVERED else 0
        payee_bps = 0 if self.books.disputed_in is OnChain.OPEN else self._terms.timeout_bps
        gross = part(self.books.left - penalty, payee_bps, self._terms.unit)
        self._divide(gross, self.books.left - gross, why="silence")
        self._end(OnChain.RESOLVED)

    # ── both parties ─────────────────────────────────────────────────────────────────────────────

    def split(self, payee_bps: int) -> None:
        """Both divide what is left."""
        require(self.books.state <= OnChain.DISPUTED, "WrongState")
        require(payee_bps <= BPS, "RateTooHigh")
        self._ask("payer", SPLIT, payee_bps)
        self._ask("payee", SPLIT, payee_bps)
        self._divide_rest(payee_bps, "share")
        self._end(OnChain.RESOLVED)

    def succeed(self, successor: str, wanted: int) -> tuple[int, int]:
        """The factory, which has asked for the consents, hands up to `wanted` of what is left to `successor`.

        The rest goes back. Gives what was carried, and what the attestor alone could still have released (token units).
        """
        require(self.books.state <= OnChain.DISPUTED, "WrongState")
        allowed = self_attested(self._terms, self.books.released)
        carried = min(self.books.left, wanted)
        self.books = replace(self.books, left=self.books.left - carried)
        self._say("replaced", successor_id=successor, amount_minor=self._cents(carried))
        self._divide_rest(0)
        self._end(OnChain.RESOLVED)
        return carried, allowed

    def withdraw(self, party: str) -> None:
        """Push to payee, payer or fee receiver ("fee") what the token refused to move before."""
        amount = self.books.due(party)
        if party == "payee":
            amount, self._credit["payee"] = amount + self._credit["payee"], 0
        require(amount > 0, "NothingDue")
        self.books = self.books.owing(party, 0)
        require(self._address(party) not in self._frozen, "SafeERC20FailedOperation")
        self._pay(party, amount)
        self._leave()

    # ── what several moves do ─────────────────────────────────────────────────────────────────────

    def _deliver(self) -> None:
        """In a dispute about undelivered goods the handover changes the question: the arbiter's time starts again."""
        self._require_not_after(self.books.last_delivery)
        disputed = self.books.state is OnChain.DISPUTED and self.books.disputed_in is OnChain.OPEN
        if disputed:
            self._require_not_after(self.books.last_decision)
        else:
            self._require_state(OnChain.OPEN)
        self.books = replace(self.books, delivered_at=self._now)
        self._say("delivered", at=self._now, penalty_minor=self._cents(self._lateness()))
        if disputed:
            self._dispute(ZERO_ADDRESS, OnChain.DELIVERED)
        else:
            self._become(OnChain.DELIVERED)
        self._leave()

    def _dispute(self, by: str, since: OnChain) -> None:
        """Put the question to the arbiter, whose time begins now."""
        self.books = replace(self.books, disputed_at=self._now, disputed_in=since)
        self._say("disputed", by=by, decide_by=self.books.last_decision)

    def _settle(self) -> None:
        """Lateness first, then the retention, and all the rest to the payee, dust of the shares with it."""
        penalty = self._penalty()
        index = milestone_of(self._terms, EventCode.RETAINED)
        kept = 0 if index is None else min(self._share(index), self.books.left - penalty)
        self._divide(self.books.left - penalty - kept, penalty)
        if kept:
            self._become(OnChain.RETAINED)
            self._leave()
        else:
            self._end(OnChain.SETTLED)

    def _last_dispute(self) -> int:
        windows = {
            OnChain.OPEN: self.books.last_delivery,
            OnChain.DELIVERED: self.books.delivered_at + self._terms.accept_window,
            OnChain.RETAINED: self.books.delivered_at + self._terms.retention_window,
        }
        require(self.books.state in windows, "WrongState")
        return windows[self.books.state]

    def _is_pending(self, milestone: int) -> bool:
        return self.books.claimed[milestone] not in {0, CONTESTED} and milestone not in self.books.released

    def _earned(self, milestone: int) -> Witness:
        """Who proves this milestone, which evidence or the payer can release."""
        lanes = self._terms.milestones
        require(0 <= milestone < len(lanes) and lanes[milestone].code not in RESERVED, "WrongMilestone")
        return lanes[milestone].who

    def _set_claim(self, milestone: int, at: int) -> None:
        claimed = self.books.claimed
        self.books = replace(self.books, claimed=(*claimed[:milestone], at, *claimed[milestone + 1 :]))
