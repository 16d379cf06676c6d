"""An agreement's logs read one after the other beside its books: the next one must be what the rules give."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

from contracts.bindings.agreement import Party, Reason, State
from contracts.events import (
    NO_MILESTONE,
    Claimed,
    Credited,
    Delivered,
    Disputed,
    FromAgreement,
    Kept,
    Replaced,
    StateChanged,
    Withdrawn,
)
from contracts.terms import Terms
from contracts.verification.ledger import ENDS, Credit, Ledger
from contracts.verification.verdict import Check, Notes, Voucher
from contracts.verification.wording import Money, moment

_ABOUT: Final[Mapping[type, Check]] = {
    Claimed: Check.CLAIM_EVENT,
    Credited: Check.CREDIT,
    Delivered: Check.LATENESS,
    Disputed: Check.STATE,
    Kept: Check.PAYOUT,
    Replaced: Check.LINEAGE,
    StateChanged: Check.STATE,
    Withdrawn: Check.PAYOUT,
}
"""What is wrong where a log of this kind is missing or says something else."""

Wanted = TypeVar("Wanted", bound=FromAgreement)


@dataclass(frozen=True)
class Payment:
    """What a log says left an agreement; the token's own log must agree."""

    sender: str
    to: str
    amount: int


class Journal:
    """Books, logs, and what is due to leave. Moves are read by `replay.Replay`."""

    def __init__(
        self, agreement_id: bytes, terms: Terms, address: str, *, fee_receiver: str, money: Money, notes: Notes
    ) -> None:
        self.id = agreement_id
        self.terms = terms
        self.address = address
        self.books = Ledger.opened(terms)
        self.payments: list[Payment] = []
        self.paid: Counter[Party] = Counter()
        self._owners = {Party.PAYEE: terms.payee, Party.PAYER: terms.payer, Party.FEE_RECEIVER: fee_receiver}
        self._money = money
        self._notes = notes
        self._logs: deque[FromAgreement] = deque()
        self._due = dict.fromkeys(Party, 0)

    # ── money ────────────────────────────────────────────────────────────────────────────────────

    def _credited(self, reason: Reason, milestone: int, credit: Credit) -> None:
        self._take(
            Credited,
            reason=reason,
            milestone=milestone,
            to_payee=credit.to_payee,
            fee=credit.fee,
            to_payer=credit.to_payer,
        )
        self._due[Party.PAYEE] += credit.to_payee
        self._due[Party.PAYER] += credit.to_payer
        what = reason.name.lower() + (f" of milestone {milestone}" if milestone != NO_MILESTONE else "")
        shares = f"{self._money(credit.to_payee)} to the payee, fee {self._money(credit.fee)}"
        back = f", {self._money(credit.to_payer)} to the payer" if credit.to_payer else ""
        self._notes.note(Check.CREDIT, f"{what}: {shares}{back}", Voucher.ARITHMETIC)

    def _pay_out(self) -> None:
        """What a move credited goes to its owners at once, or is kept where the token refuses."""
        for party, amount in self._due.items():
            if amount and self._logs and isinstance(self._logs[0], Kept):
                self._take(Kept, party=party, amount=amount)
                self.books.kept[party] += amount
            elif amount:
                self._paid(party, amount)
        self._due = dict.fromkeys(Party, 0)

    def _paid(self, party: Party, amount: int) -> None:
        owner = self._owners[party]
        self._take(Withdrawn, party=party, to=owner, amount=amount)
        self.payments.append(Payment(self.address, owner, amount))
        self.paid[party] += amount

    # ── comparing ────────────────────────────────────────────────────────────────────────────────

    def _take(self, kind: type[Wanted], **expected: Any) -> None:
        """The next log must be this one."""
        about = _ABOUT.get(kind, Check.STATE)
        if not self._logs or not isinstance(self._logs[0], kind):
            found = type(self._logs[0]).__name__ if self._logs else "nothing"
            raise self._notes.wrong(about, f"{kind.__name__}({_shown(expected)}) is missing; the chain logged {found}")
        log = self._logs.popleft()
        said = {field.name: getattr(log, field.name) for field in fields(log) if field.name in expected}
        if said != expected:
            raise self._notes.wrong(about, f"{kind.__name__} says {_shown(said)}, the rules give {_shown(expected)}")

    def _become(self, state: State) -> None:
        self._take(StateChanged, before=self.books.state, after=state)
        self.books.state = state
        if state in ENDS:
            self._due[Party.FEE_RECEIVER], self.books.fees = self.books.fees, 0

    def _in_state(self, wanted: State) -> None:
        state = self.books.state
        self._notes.require(
            state is wanted, Check.STATE, f"a move of {wanted.name.lower()} happened in {state.name.lower()}"
        )

    def _after(self, end: int, now: int) -> None:
        self._notes.require(now > end, Check.CLOCK, f"a move at {moment(now)} had to wait for {moment(end)}")

    def _not_after(self, end: int, now: int) -> None:
        self._notes.require(now <= end, Check.CLOCK, f"a move at {moment(now)} came after {moment(end)}")


def _shown(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_word(value)}" for name, value in values.items())


def _word(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return value.name.lower() if hasattr(value, "name") else str(value)
