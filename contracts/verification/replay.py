"""Plays an agreement's logs, move by move, as the rules of `docs/agreements.md` let it move, and only when they do."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contracts.bindings.agreement import CONTESTED, Party, Reason, State
from contracts.events import (
    NO_MILESTONE,
    Claimed,
    Contested,
    Credited,
    Delivered,
    Disputed,
    FromAgreement,
    Replaced,
    Withdrawn,
)
from contracts.terms import ZERO_ADDRESS, Terms, part
from contracts.verification.journal import Journal, Payment
from contracts.verification.ledger import Credit
from contracts.verification.reader import Transaction, same
from contracts.verification.verdict import Check, Notes, Voucher
from contracts.verification.wording import Money, moment

NOTHING: Final = Credit(0, 0, 0)


class Name(StrEnum):
    """Moves, by the contract's names; those that one log does not tell apart share one."""

    CLAIM = "claim"
    CONTEST = "contest"
    APPROVE = "approve"
    DELIVERED = "delivered"
    SETTLE = "settle"
    RELEASE = "release"
    REFUND = "refund"
    REVOKE = "revoke"
    CANCEL = "cancel"
    DISPUTE = "dispute"
    RESOLVE = "resolve"
    TIMEOUT = "timeout"
    SPLIT = "split"
    SUCCEED = "succeed"
    WITHDRAW = "withdraw"


@dataclass(frozen=True)
class Move:
    """One move of an agreement, from the state `before`: `rest` is what it divided, `credit` how. `payload` is a
    claim's hash."""

    name: Name
    transaction: Transaction
    before: State = State.OPEN
    milestone: int = NO_MILESTONE
    party: Party = Party.PAYER
    rest: int = 0
    credit: Credit = NOTHING
    payload: bytes = b""


class Replay(Journal):
    """One agreement, from its opening on. `successors` gives terms and address of what replaced one, by id."""

    def __init__(
        self,
        agreement_id: bytes,
        terms: Terms,
        address: str,
        *,
        fee_receiver: str,
        successors: Mapping[bytes, tuple[Terms, str]],
        money: Money,
        notes: Notes,
    ) -> None:
        super().__init__(agreement_id, terms, address, fee_receiver=fee_receiver, money=money, notes=notes)
        self.moves: list[Move] = []
        self.carried = 0
        self.replaced_in = State.OPEN
        self._successors = successors

    def play(self, transaction: Transaction, logs: Sequence[FromAgreement]) -> tuple[list[Move], list[Payment]]:
        """The moves and payments of one transaction. Raises Discrepancy."""
        self._notes.agreement = self.id
        self._logs = deque(logs)
        moves, before = [], len(self.payments)
        for log in logs:
            self._notes.require(log.id == self.id, Check.LOGS, f"{self.address} logged for another agreement")
        while self._logs:
            moves.append(self._move(transaction))
        self.moves += moves
        return moves, self.payments[before:]

    def _move(self, transaction: Transaction) -> Move:
        now = transaction.time
        swept = self.books.mature(now)
        for milestone in swept:
            self._credited(Reason.CLAIM, milestone, self.books.release(milestone))
        if not self._logs:
            raise self._notes.wrong(Check.STATE, f"a move in {transaction.hash} left no log of its own")
        log = self._logs[0]
        move = self._told(log, transaction)
        self._pay_out()
        return move

    def _told(self, log: FromAgreement, transaction: Transaction) -> Move:
        match log:
            case Claimed():
                return self._claim(log, transaction)
            case Contested():
                return self._contest(log, transaction)
            case Delivered():
                return self._deliver(transaction)
            case Disputed():
                return self._dispute(log, transaction)
            case Replaced():
                return self._succeed(log, transaction)
            case Withdrawn():
                return self._withdraw(log, transaction)
            case Credited():
                return self._divide(log, transaction)
            case _:
                raise self._notes.wrong(Check.STATE, f"{type(log).__name__} in {transaction.hash} belongs to no move")

    # ── the work ─────────────────────────────────────────────────────────────────────────────────

    def _claim(self, log: Claimed, transaction: Transaction) -> Move:
        index, now = log.milestone, transaction.time
        self._in_state(State.OPEN)
        self._not_after(self.books.last_delivery, now)
        fresh = self.books.is_earned(index) and not self.books.is_released(index) and not self.books.claims[index]
        self._notes.require(fresh, Check.STATE, f"milestone {index} could not be claimed")
        self.books.claims[index] = now
        self._take(Claimed, milestone=index, matures_after=now + self.terms.contest_window)
        return Move(Name.CLAIM, transaction, milestone=index, payload=log.payload_hash)

    def _contest(self, log: Contested, transaction: Transaction) -> Move:
        index = log.milestone
        if self.books.state is not State.DELIVERED:
            self._in_state(State.OPEN)
        waits = self.books.is_earned(index) and self.books.is_pending(index)
        self._notes.require(waits, Check.STATE, f"there was no claim of milestone {index} to contest")
        self._not_after(self.books.claims[index] + self.terms.contest_window, transaction.time)
        self.books.claims[index] = CONTESTED
        self._take(Contested, milestone=index)
        self._notes.note(Check.STATE, f"milestone {index} was contested in time", Voucher.CLOCK)
        return Move(Name.CONTEST, transaction, milestone=index)

    def _deliver(self, transaction: Transaction) -> Move:
        books, now = self.books, transaction.time
        self._not_after(books.last_delivery, now)
        disputed = books.state is State.DISPUTED and books.disputed_in is State.OPEN
        if disputed:
            self._not_after(books.disputed_at + self.terms.arbiter_window, now)
        else:
            self._in_state(State.OPEN)
        books.delivered_at = now
        self._take(Delivered, at=now, penalty=books.full_penalty)
        late = f"{books.late_days} started days late" if books.late_days else "on time"
        costs = f"; lateness costs {self._money(books.full_penalty)} at most" if books.full_penalty else ""
        self._notes.note(Check.LATENESS, f"delivered {moment(now)}, {late}{costs}", Voucher.CLOCK)
        if disputed:
            self._asked(ZERO_ADDRESS, State.DELIVERED, now)
        else:
            self._become(State.DELIVERED)
        return Move(Name.DELIVERED, transaction)

    # ── the ends ─────────────────────────────────────────────────────────────────────────────────

    def _divide(self, log: Credited, transaction: Transaction) -> Move:
        """Moves that begin with a credit; the log's reason tells them apart."""
        match log.reason:
            case Reason.APPROVAL:
                return self._approve(log, transaction)
            case Reason.ACCEPTANCE:
                return self._settle(transaction)
            case Reason.RETENTION:
                return self._let_go(transaction)
            case Reason.REFUND | Reason.REVOCATION | Reason.CANCELLATION | Reason.CLAIM:
                return self._give_up(log, transaction)
            case Reason.RESOLUTION | Reason.SPLIT | Reason.TIMEOUT:
                return self._decide(log, transaction)
            case Reason.REPLACEMENT:
                raise self._notes.wrong(Check.LINEAGE, "it was replaced, and no log says by what")
            case _:
                raise self._notes.wrong(Check.CREDIT, f"nothing credits for the reason {log.reason.name.lower()}")

    def _approve(self, log: Credited, transaction: Transaction) -> Move:
        index = log.milestone
        self._in_state(State.OPEN)
        self._not_after(self.books.last_delivery, transaction.time)
        fresh = self.books.is_earned(index) and not self.books.is_released(index)
        self._notes.require(fresh, Check.STATE, f"milestone {index} could not be approved")
        self._credited(Reason.APPROVAL, index, self.books.release(index))
        return Move(Name.APPROVE, transaction, milestone=index)

    def _settle(self, transaction: Transaction) -> Move:
        self._in_state(State.DELIVERED)
        books = self.books
        rest, penalty, kept = books.left, books.penalty, books.kept_back
        credit = books.divide(rest - penalty - kept, penalty)
        self._credited(Reason.ACCEPTANCE, NO_MILESTONE, credit)
        self._become(State.RETAINED if kept else State.SETTLED)
        return Move(Name.SETTLE, transaction, rest=rest, credit=credit)

    def _let_go(self, transaction: Transaction) -> Move:
        self._in_state(State.RETAINED)
        self._after(self.books.delivered_at + self.terms.retention_window, transaction.time)
        rest = self.books.left
        self._credited(Reason.RETENTION, NO_MILESTONE, self.books.divide(rest, 0))
        self._become(State.SETTLED)
        return Move(Name.RELEASE, transaction, rest=rest)

    def _give_up(self, log: Credited, transaction: Transaction) -> Move:
        """Refund, revocation and cancellation; the last pays every claim that nobody contested."""
        books, last = self.books, self.books.last_delivery
        self._in_state(State.OPEN)
        name = {Reason.REFUND: Name.REFUND, Reason.REVOCATION: Name.REVOKE}.get(log.reason, Name.CANCEL)
        if name is Name.REFUND:
            self._after(last, transaction.time)
        else:
            self._not_after(last, transaction.time)
        bps = 0
        if name is Name.CANCEL:
            self._notes.require(books.cancellable, Check.STATE, "the payer could no longer cancel")
            for milestone in range(len(books.claims)):
                if books.is_pending(milestone):
                    self._credited(Reason.CLAIM, milestone, books.release(milestone))
            bps = self.terms.cancel_bps
        reason = {Name.REFUND: Reason.REFUND, Name.REVOKE: Reason.REVOCATION}.get(name, Reason.CANCELLATION)
        rest = books.left
        earned = part(rest, bps, self.terms.unit)
        credit = books.divide(earned, rest - earned)
        self._credited(reason, NO_MILESTONE, credit)
        self._become(State.REFUNDED)
        return Move(name, transaction, rest=rest, credit=credit)

    def _decide(self, log: Credited, transaction: Transaction) -> Move:
        """Resolution and split: the share is in the signed call; here it must divide all that is left."""
        books, rest = self.books, self.books.left
        if log.reason is Reason.SPLIT:
            live = books.state in (State.OPEN, State.DELIVERED, State.RETAINED, State.DISPUTED)
            self._notes.require(live, Check.STATE, f"nothing was left to split: {books.state.name.lower()}")
        else:
            self._in_state(State.DISPUTED)
        end = books.disputed_at + self.terms.arbiter_window
        if log.reason is Reason.TIMEOUT:
            self._after(end, transaction.time)
            earned = self._by_silence()
        else:
            if log.reason is Reason.RESOLUTION:
                self._not_after(end, transaction.time)
            earned = log.to_payee + log.fee
            self._notes.require(0 <= earned <= rest, Check.CREDIT, f"{self._money(earned)} of {self._money(rest)}")
        credit = books.divide(earned, rest - earned)
        self._credited(log.reason, NO_MILESTONE, credit)
        self._become(State.RESOLVED)
        name = {Reason.TIMEOUT: Name.TIMEOUT, Reason.SPLIT: Name.SPLIT}.get(log.reason, Name.RESOLVE)
        return Move(name, transaction, rest=rest, credit=credit)

    def _by_silence(self) -> int:
        """What the payee earns where the arbiter said nothing."""
        books = self.books
        if books.disputed_in is State.OPEN:
            return 0
        penalty = books.penalty if books.disputed_in is State.DELIVERED else 0
        return part(books.left - penalty, self.terms.timeout_bps, self.terms.unit)

    def _dispute(self, log: Disputed, transaction: Transaction) -> Move:
        books, now, state = self.books, transaction.time, self.books.state
        until = {
            State.OPEN: books.last_delivery,
            State.DELIVERED: books.delivered_at + self.terms.accept_window,
            State.RETAINED: books.delivered_at + self.terms.retention_window,
        }.get(state)
        if until is None:
            raise self._notes.wrong(Check.STATE, f"nothing could be disputed: {state.name.lower()}")
        self._not_after(until, now)
        by_payee = state is State.OPEN and same(log.by, self.terms.payee)
        self._asked(self.terms.payee if by_payee else self.terms.payer, state, now)
        self._become(State.DISPUTED)
        return Move(Name.DISPUTE, transaction, state, party=Party.PAYEE if by_payee else Party.PAYER)

    def _asked(self, by: str, state: State, now: int) -> None:
        self.books.disputed_at, self.books.disputed_in = now, state
        self._take(Disputed, by=by, before=state, decide_by=now + self.terms.arbiter_window)

    def _succeed(self, log: Replaced, transaction: Transaction) -> Move:
        terms, address = self._successors.get(log.successor, (None, ""))
        if terms is None or terms.replaces != self.id:
            raise self._notes.wrong(Check.LINEAGE, "what replaced it does not name it")
        live = self.books.state in (State.OPEN, State.DELIVERED, State.RETAINED, State.DISPUTED)
        self._notes.require(live, Check.STATE, f"nothing was left to replace: {self.books.state.name.lower()}")
        self.replaced_in, self.carried = self.books.state, min(self.books.left, terms.amount)
        self.books.left -= self.carried
        self._take(Replaced, successor=log.successor, carried=self.carried)
        rest = self.books.left
        self._credited(Reason.REPLACEMENT, NO_MILESTONE, self.books.divide(0, rest))
        self._become(State.RESOLVED)
        if self.carried:
            self.payments.append(Payment(self.address, address, self.carried))
        return Move(Name.SUCCEED, transaction)

    def _withdraw(self, log: Withdrawn, transaction: Transaction) -> Move:
        amount, self.books.kept[log.party] = self.books.kept[log.party], 0
        if log.party is Party.PAYEE:
            amount, self._due[Party.PAYEE] = amount + self._due[Party.PAYEE], 0
        self._notes.require(amount > 0, Check.PAYOUT, f"nothing was due to the {log.party.name.lower()}")
        self._paid(log.party, amount)
        return Move(Name.WITHDRAW, transaction, party=log.party)
