"""An agreement's life as its logs tell it: where it stands, who is owed and was paid what, what it must still hold.

A ledger of its own: every amount comes from the logs and the signed terms, none from the database.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from bootstrap.doctor.abi import (
    ADVANCE,
    ENDED,
    NO_MILESTONE,
    PARTIES,
    PAYS_A_MILESTONE,
    RETENTION,
    STATES,
    Fact,
)
from bootstrap.doctor.failures import NodeSilent, Unreadable
from bootstrap.doctor.terms import Terms, read_terms

DIRECT: Final = frozenset({"supply", "successor"})
"""Parties of payouts that are agreements themselves."""


@dataclass(frozen=True, slots=True)
class Due:
    """What the chain credited, in token units."""

    party: str
    address: str
    units: int


@dataclass
class Life:
    """What happened to one agreement up to a block."""

    id: str
    terms: Terms
    clone: str
    openings: list[Fact]
    facts: list[Fact]
    status: str = "open"
    milestones: dict[int, tuple[str, int]] = field(default_factory=dict)
    dues: list[Due] = field(default_factory=list)
    arrived: Counter[str] = field(default_factory=Counter)
    """Token units that reached each party, directly or out of the contract."""
    strangers: list[Fact] = field(default_factory=list)
    delivered: bool = False
    passed_by: int = 0
    """Of the advance: never in the contract."""
    gone: int = 0
    """Out of the contract."""

    @property
    def unit(self) -> int:
        """Token units in a cent."""
        return int(self.terms["unit"])

    @property
    def left(self) -> int:
        """What no party has earned yet, in token units."""
        return int(self.terms["amount"]) - sum(due.units for due in self.dues)

    @property
    def holds(self) -> int:
        """The contract's balance, in token units, if nobody sent it anything else."""
        return int(self.terms["amount"]) - self.passed_by - self.gone

    @property
    def ended(self) -> bool:
        """Whether nothing but dues can leave it any more."""
        return self.status in ENDED

    @property
    def is_whole(self) -> bool:
        """Whether it has ended and every cent has arrived."""
        return self.ended and sum(self.arrived.values()) == int(self.terms["amount"])

    def owed(self) -> Counter[str]:
        """Token units credited to each party."""
        found: Counter[str] = Counter()
        for due in self.dues:
            found[due.party] += due.units
        return found


Where = Callable[[str], str | None]
"""Where an agreement is, by its id."""


def live(agreement: str, facts: list[Fact], fee_receiver: str, where: Where) -> Life | None:
    """The life that these logs tell, None without an opening. Raises NodeSilent for logs that cannot be."""
    openings = [fact for fact in facts if fact.name == "Opened"]
    if not openings:
        return None
    try:
        terms = read_terms(openings[0].fields["terms"])
        if not terms["unit"]:
            raise Unreadable("terms.unit", "number above zero")
    except Unreadable as error:
        raise NodeSilent(f"the node tells terms that no contract takes: {error}") from error
    life = Life(agreement, terms, str(openings[0].fields["agreement"]), openings, facts)
    parties = {"payee": str(terms["payee"]), "payer": str(terms["payer"]), "fee": fee_receiver.lower()}
    if terms.lane_of(ADVANCE) == 0:
        life.milestones[0] = ("paid", 0)
    for fact in facts:
        _MONEY.get(fact.name, _nothing)(life, fact, parties, where)
        _WORK.get(fact.name, _no_work)(life, fact)
    return life


def cents(life: Life, units: int) -> int:
    """Whole cents of token units."""
    return units // life.unit


def _party(fact: Fact) -> str:
    number = int(fact.fields["party"])
    if number >= len(PARTIES):
        raise NodeSilent(f"the node tells a party {number}, which no contract knows")
    return PARTIES[number]


def _credit(life: Life, parties: dict[str, str], amounts: Iterable[tuple[str, int]]) -> None:
    life.dues += [Due(party, parties[party], units) for party, units in amounts if units]


def _nothing(life: Life, fact: Fact, parties: dict[str, str], where: Where) -> None:
    """Most logs move no money."""


def _no_work(life: Life, fact: Fact) -> None:
    """Most logs move nothing else."""


def _credited(life: Life, fact: Fact, parties: dict[str, str], where: Where) -> None:
    amounts = fact.fields
    shares = (("payee", amounts["toPayee"]), ("fee", amounts["fee"]), ("payer", amounts["toPayer"]))
    _credit(life, parties, shares)


def _advanced_to_payee(life: Life, fact: Fact, parties: dict[str, str], where: Where) -> None:
    amount = int(fact.fields["amount"])
    _credit(life, parties, (("payee", amount), ("fee", fact.fields["fee"])))
    life.arrived["payee"] += amount
    life.passed_by += amount
    if fact.fields["to"] != parties["payee"]:
        life.strangers.append(fact)


def _advanced_to_supply(life: Life, fact: Fact, parties: dict[str, str], where: Where) -> None:
    amount = int(fact.fields["amount"])
    life.dues.append(Due("supply", where(str(fact.fields["supply"])) or "", amount))
    life.arrived["supply"] += amount
    life.passed_by += amount


def _withdrawn(life: Life, fact: Fact, parties: dict[str, str], where: Where) -> None:
    party, amount = _party(fact), int(fact.fields["amount"])
    life.arrived[party] += amount
    life.gone += amount
    if fact.fields["to"] != parties[party]:
        life.strangers.append(fact)


def _replaced(life: Life, fact: Fact, parties: dict[str, str], where: Where) -> None:
    amount = int(fact.fields["carried"])
    life.dues.append(Due("successor", where(str(fact.fields["successor"])) or "", amount))
    life.arrived["successor"] += amount
    life.gone += amount


_MONEY: Final = {
    "Credited": _credited,
    "AdvanceToPayee": _advanced_to_payee,
    "AdvanceToSupply": _advanced_to_supply,
    "Withdrawn": _withdrawn,
    "Replaced": _replaced,
}


def _mark(life: Life, lane: int | None, state: str, at_ms: int | None = None) -> None:
    """A milestone moves on; its instant stays where the log names none."""
    if lane is not None:
        before = life.milestones.get(lane, ("", 0))[1]
        life.milestones[lane] = (state, before if at_ms is None else at_ms)


def _state_changed(life: Life, fact: Fact) -> None:
    number = int(fact.fields["after"])
    if number >= len(STATES):
        raise NodeSilent(f"the node tells a state {number}, which no contract knows")
    life.status = STATES[number]
    if life.status == "settled":
        _mark(life, life.terms.lane_of(RETENTION), "paid")


def _claimed(life: Life, fact: Fact) -> None:
    proved_at = int(fact.fields["maturesAfter"]) - int(life.terms["contestWindow"])
    _mark(life, int(fact.fields["milestone"]), "proved", proved_at * 1000)


def _contested(life: Life, fact: Fact) -> None:
    _mark(life, int(fact.fields["milestone"]), "contested")


def _paid(life: Life, fact: Fact) -> None:
    lane = int(fact.fields["milestone"])
    if fact.fields["reason"] in PAYS_A_MILESTONE and lane != NO_MILESTONE:
        _mark(life, lane, "paid")


def _delivered(life: Life, fact: Fact) -> None:
    life.delivered = True
    _mark(life, life.terms.lane_of(RETENTION), "waiting", int(fact.fields["at"]) * 1000)


_WORK: Final = {
    "StateChanged": _state_changed,
    "Claimed": _claimed,
    "Contested": _contested,
    "Credited": _paid,
    "Delivered": _delivered,
}
