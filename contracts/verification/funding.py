"""Where the money of an opening must have gone, computed from the terms alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from contracts.verification.family import Member
from contracts.verification.journal import Payment
from contracts.verification.ledger import Ledger


@dataclass
class Plan:
    """What an opening moves: `into_supplies` maps a supply to what the delivery's advance put into it, `to_payees` an
    agreement to its advance after fee and supplies, and the fee."""

    payments: list[Payment] = field(default_factory=list)
    into_supplies: dict[bytes, int] = field(default_factory=dict)
    to_payees: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def fund(self, member: Member, *, sponsor: str = "", sponsored: int = 0, spent: int = 0) -> None:
        """The clone gets the price less the advance, the payee the advance less what it spent on supplies.

        `sponsored` of it comes from `sponsor`, the customer who owes the advance.
        """
        terms, advance = member.terms, Ledger.opened(member.terms).advance
        rest = terms.amount - advance.to_payee
        into_clone = min(sponsored, rest)
        self._pay(sponsor, member.address, into_clone)
        self._pay(terms.payer, member.address, rest - into_clone)
        if advance.to_payee:
            self._pay(sponsor, terms.payee, sponsored - into_clone)
            self._pay(terms.payer, terms.payee, advance.to_payee - spent - (sponsored - into_clone))
            self.to_payees[member.id] = (advance.to_payee - spent, advance.fee)

    def fund_supplies(self, supplies: Sequence[Member], sponsor: str, available: int) -> int:
        """The delivery's advance pays the supplies in their order; gives what it spent."""
        spent = 0
        for supply in supplies:
            sponsored = min(available - spent, supply.terms.amount)
            if sponsored:
                self.into_supplies[supply.id] = sponsored
            spent += sponsored
            self.fund(supply, sponsor=sponsor, sponsored=sponsored)
        return spent

    def top_up(self, successor: Member, brought: int) -> None:
        """What the payer adds to what the old agreement brought."""
        self._pay(successor.terms.payer, successor.address, successor.terms.amount - brought)

    def _pay(self, sender: str, to: str, amount: int) -> None:
        if amount:
            self.payments.append(Payment(sender, to, amount))


@dataclass(frozen=True)
class Group:
    """Agreements that opened together: a delivery or a successor with its supplies, or one supply alone."""

    head: Member
    supplies: tuple[Member, ...]

    @property
    def members(self) -> tuple[Member, ...]:
        """In the order of opening."""
        return (self.head, *self.supplies)

    @property
    def replaces(self) -> bool:
        """Whether it succeeds another."""
        return self.head.terms.replaces != bytes(32)

    @property
    def joins(self) -> bool:
        """Whether it is one more supply of a delivery that was open already."""
        return self.head.terms.parent != bytes(32) and not self.replaces

    def plan(self, brought: int) -> Plan:
        """Where its money must have gone; `brought` comes from the agreement that it replaces."""
        plan = Plan()
        if self.replaces:
            plan.fund_supplies(self.supplies, "", 0)
            plan.top_up(self.head, brought)
            return plan
        customer, advance = self.head.terms.payer, Ledger.opened(self.head.terms).advance.to_payee
        spent = plan.fund_supplies(self.supplies, customer, advance)
        plan.fund(self.head, spent=spent)
        return plan


def groups(members: Sequence[Member]) -> Iterator[Group]:
    """The agreements of one transaction, as they belong together."""
    waiting = list(members)
    while waiting:
        head = waiting.pop(0)
        count = head.terms.supply_count
        supplies = [one for one in waiting if one.terms.parent == head.id and one.terms.replaces == bytes(32)][:count]
        waiting = [one for one in waiting if one not in supplies]
        yield Group(head, tuple(supplies))
