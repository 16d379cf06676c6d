"""The books of one agreement, and what every move on them shares: mature claims, money, clocks. Plain values.

`Books` is what an agreement remembers, frozen and hashable. Nothing here knows a node, a signature or a balance, so the
same code is the fake chain's and the model that `tests/model` walks exhaustively.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from marketplace.domain.agreement import ActionKind, OnChain, Terms
from marketplace.domain.evidence import EventCode
from marketplace.ports.fakes.chain_rules import LANES, milestone_of, part, require

DAY_S = 86_400
CONTESTED = 2**32 - 1
"""Takes the place of a claim's second once the payer refused it: no window ends that late."""
FOR_EVER = 2**64
SPLIT, EVIDENCE, SECRET = "split", "evidence", "secret"

Ask = Callable[[str, ActionKind | str, int], None]
"""(who, what, number): the word that a move needs. Raises ChainRefused where it was not given.

`who` is payer, payee, carrier, arbiter, attestor or witness, or anyone for the secret; `what` an action, SPLIT,
EVIDENCE or SECRET; `number` what the action names, a share in basis points, or the milestone that is proved.
"""
Said = tuple[str, str, Mapping[str, Any]]
"""(agreement id, name, fields) of an event."""


@dataclass(frozen=True, slots=True)
class Books:
    """One agreement. Amounts are token units, instants seconds; `claimed` has a second, 0 or CONTESTED for each lane.

    `fees` have accrued and are paid when the agreement ends; the dues are what the token refused to move. `disputed_at`
    and `disputed_in` count in DISPUTED.
    """

    id: str
    terms: Terms = field(compare=False, repr=False)
    fee_receiver: str = field(compare=False, repr=False)
    left: int
    fees: int = 0
    released: frozenset[int] = frozenset()
    state: OnChain = OnChain.OPEN
    claimed: tuple[int, ...] = (0,) * LANES
    delivered_at: int = 0
    payee_due: int = 0
    payer_due: int = 0
    fee_due: int = 0
    disputed_at: int = 0
    disputed_in: OnChain = OnChain.OPEN

    @property
    def held(self) -> int:
        """All token units that have not left yet."""
        return self.left + self.fees + self.payee_due + self.payer_due + self.fee_due

    def due(self, party: str) -> int:
        """What the token refused to move to payee, payer or fee receiver ("fee")."""
        return {"payee": self.payee_due, "payer": self.payer_due, "fee": self.fee_due}[party]

    def owing(self, party: str, units: int) -> "Books":
        """The same books with another due of one party."""
        match party:
            case "payee":
                return replace(self, payee_due=units)
            case "payer":
                return replace(self, payer_due=units)
            case _:
                return replace(self, fee_due=units)

    @property
    def last_delivery(self) -> int:
        """The last second in which a delivery counts."""
        return self.terms.deliver_by + self.terms.grace

    @property
    def last_decision(self) -> int:
        """The arbiter's last second."""
        return self.disputed_at + self.terms.arbiter_window


def advance(terms: Terms) -> tuple[int | None, int, int]:
    """The advance: its milestone, what it takes out of the price, the fee in it; (None, 0, 0) where there is none."""
    index = milestone_of(terms, EventCode.OPENED)
    if index is None:
        return None, 0, 0
    gross = part(terms.amount, terms.milestones[index].bps, terms.unit)
    return index, gross, part(gross, terms.fee_bps, terms.unit)


def opened(identity: str, terms: Terms, fee_receiver: str) -> Books:
    """The books of an agreement that has just been funded: its advance is paid already, the fee of it has accrued."""
    index, gross, fee = advance(terms)
    released = frozenset() if index is None else frozenset({index})
    return Books(identity, terms, fee_receiver, terms.amount - gross, fee, released)


class Frame:
    """One call to an agreement in a block of second `now`: what every move of `chain_moves.Move` begins and ends with.

    `books` are those after it, `said` its events, `paid` the token units that left and for which address, in order. The
    token refuses to move anything to the addresses in `frozen`. A call that was refused is thrown away, as by a revert.
    """

    def __init__(self, books: Books, now: int, ask: Ask, frozen: Collection[str] = ()) -> None:
        self.books = books
        self.said: list[Said] = []
        self.paid: list[tuple[str, int]] = []
        self._terms = books.terms
        self._now = now
        self._ask = ask
        self._frozen = frozen
        self._credit = {"payee": 0, "payer": 0, "fee": 0}
        self._sweep()

    # ── money ────────────────────────────────────────────────────────────────────────────────────

    def _sweep(self) -> None:
        """Before the delivery a claim counts only if its window ends by the last second of a delivery."""
        if self.books.state not in {OnChain.OPEN, OnChain.DELIVERED}:
            return
        last = self.books.last_delivery if self.books.state is OnChain.OPEN else FOR_EVER
        for milestone, at in enumerate(self.books.claimed):
            end = at + self._terms.contest_window
            if at and milestone not in self.books.released and end < self._now and end <= last:
                self._release(milestone)

    def _release(self, milestone: int) -> None:
        self.books = replace(self.books, released=self.books.released | {milestone})
        self._divide(self._share(milestone), 0, milestone)

    def _divide_rest(self, payee_bps: int, why: str = "") -> None:
        gross = part(self.books.left, payee_bps, self._terms.unit)
        self._divide(gross, self.books.left - gross, why=why)

    def _divide(self, gross: int, to_payer: int, milestone: int | None = None, why: str = "") -> None:
        """Take both out of what is left; the fee lies inside what the payee earns. `why` is told of a division."""
        fee = part(gross, self._terms.fee_bps, self._terms.unit)
        left = self.books.left - gross - to_payer
        require(left >= 0, "Panic")
        self.books = replace(self.books, left=left, fees=self.books.fees + fee)
        self._credit["payee"] += gross - fee
        self._credit["payer"] += to_payer
        if milestone is not None:
            self._say("paid_milestone", milestone=milestone)
        if why:
            amounts = {"payee_minor": gross - fee, "fee_minor": fee, "payer_minor": to_payer}
            self._say("divided", why=why, **{name: self._cents(units) for name, units in amounts.items()})
        for party, units in (("payee", gross - fee), ("fee", fee), ("payer", to_payer)):
            if units:
                self._say("credited", party=party, amount_minor=self._cents(units))

    def _end(self, state: OnChain) -> None:
        """Nothing is left: the fees of the whole life are paid, too."""
        self._credit["fee"] = self.books.fees
        self.books = replace(self.books, fees=0)
        self._become(state)
        self._leave()

    def _become(self, state: OnChain) -> None:
        self.books = replace(self.books, state=state)
        self._say("state", state=int(state))

    def _leave(self) -> None:
        """A token that refuses one party must not hold up the others: its due waits for `withdraw`."""
        for party, amount in self._credit.items():
            if not amount:
                continue
            if self._address(party) in self._frozen:
                self.books = self.books.owing(party, self.books.due(party) + amount)
                self._say("kept", party=party, amount_minor=self._cents(amount))
            else:
                self._pay(party, amount)

    def _pay(self, party: str, amount: int) -> None:
        address = self._address(party)
        self.paid.append((address, amount))
        self._say("withdrawn", party=party, address=address, amount_minor=self._cents(amount))

    # ── checks and figures ───────────────────────────────────────────────────────────────────────

    def _lateness(self) -> int:
        """What the delivery's lateness costs: every started day counts."""
        late_s = max(self.books.delivered_at - self._terms.deliver_by, 0)
        bps = min(-(-late_s // DAY_S) * self._terms.penalty_bps_per_day, self._terms.penalty_cap_bps)
        return part(self._terms.amount, bps, self._terms.unit)

    def _penalty(self) -> int:
        """The same, and never more than what is left."""
        return min(self._lateness(), self.books.left)

    def _share(self, milestone: int) -> int:
        return part(self._terms.amount, self._terms.milestones[milestone].bps, self._terms.unit)

    def _address(self, party: str) -> str:
        return {
            "payee": self._terms.payee,
            "payer": self._terms.payer,
            "fee": self.books.fee_receiver,
        }[party].lower()

    def _require_state(self, wanted: OnChain) -> None:
        require(self.books.state is wanted, "WrongState")

    def _require_after(self, moment: int) -> None:
        require(self._now > moment, "TooEarly")

    def _require_not_after(self, moment: int) -> None:
        require(self._now <= moment, "TooLate")

    def _cents(self, units: int) -> int:
        return units // self._terms.unit

    def _say(self, name: str, **fields: Any) -> None:
        self.said.append((self.books.id, name, fields))
