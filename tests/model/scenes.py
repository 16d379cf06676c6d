"""Terms to explore, who can do what in a scene, and the instants at which doing it makes a difference.

A scene is the books of an agreement and, after a novation, of its successor, at one second. The rules are the fake
chain's own (`marketplace/ports/fakes/chain_moves.py`); whose word a move needs is what it asks for, not a list here.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from marketplace.domain.agreement import (
    NEVER,
    ZERO_ADDRESS,
    ZERO_HASH,
    ActionKind,
    AgreementKind,
    Milestone,
    OnChain,
    Terms,
)
from marketplace.domain.evidence import EventCode, Witness
from marketplace.ports.chain import ChainRefused
from marketplace.ports.fakes.chain_books import CONTESTED, DAY_S, EVIDENCE, SECRET, Books, opened
from marketplace.ports.fakes.chain_moves import Move
from marketplace.ports.fakes.chain_rules import check_successor, require, self_attested

START = 1_000_000
UNIT = 100
PARTIES = ("payer", "payee", "attestor", "witness", "carrier", "recipient", "arbiter")
"""Everybody whose word some move needs. The platform is not among them: its relayer is a stranger like any other."""
DUES = ("payee", "payer", "fee")
SHARES = (0, 3_333, 10_000)
"""What arbiter and parties may think fair, in basis points for the payee."""
ENDED = frozenset({OnChain.SETTLED, OnChain.REFUNDED, OnChain.RESOLVED})
LATE = 3_600
FEES = "0xfe"
SUCCESSOR = "the successor"

ADVANCE = Milestone(2_000, EventCode.OPENED)
MACHINE = Milestone(1_000, EventCode.PRODUCTION_FINISHED, Witness.ATTESTOR)
TESTED = Milestone(1_500, EventCode.INSPECTION_PASSED, Witness.BOTH)
HOUSE = Milestone(2_500, EventCode.OPERATION_FINISHED, Witness.WITNESS)
CHECKED = Milestone(500, EventCode.SHIPPED, Witness.PAYER)
RETENTION = Milestone(500, EventCode.RETAINED)


def terms(*milestones: Milestone, **changes: object) -> Terms:
    """A delivery of 999.97 €, due after two hours, with an hour of grace; every clock is another number of seconds."""
    base = Terms(
        kind=AgreementKind.DELIVERY,
        supply_count=0,
        payer="0xca",
        payee="0x3a",
        attestor="0xa1",
        witness="0xb1",
        carrier="0xcc",
        arbiter="0xaa",
        token="0xee",
        unit=UNIT,
        amount=99_997 * UNIT,
        milestones=milestones,
        fund_by=START,
        deliver_by=START + 7_200,
        grace=LATE,
        contest_window=1_000,
        accept_window=1_700,
        retention_window=2_300 if RETENTION in milestones else 0,
        arbiter_window=2_900,
        penalty_bps_per_day=100,
        penalty_cap_bps=250,
        fee_bps=250,
        cancel_bps=1_000,
        cancel_until=NEVER,
        timeout_bps=10_000,
        handover="0x" + "51" * 32,
        parent=ZERO_HASH,
        replaces=ZERO_HASH,
        spec_hash=ZERO_HASH,
        salt=ZERO_HASH,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Setting:
    """What is explored: terms, perhaps a successor, and parties to whom the token refuses to move anything.

    It refuses until the second `thaws`, for ever where that is None. Moves are tried when they could make a difference,
    and with a `beat` every so many seconds in between.
    """

    name: str
    terms: Terms
    successor: Terms | None = None
    frozen: frozenset[str] = frozenset()
    thaws: int | None = None
    beat: int = 0

    @property
    def horizon(self) -> int:
        """The second in which anybody can have had everything paid out, whatever was done before."""
        ends = [_horizon(one) for one in (self.terms, self.successor) if one is not None]
        return max(*ends, self.thaws or 0)

    def frozen_at(self, now: int) -> frozenset[str]:
        """To whom the token refuses to move anything in that second."""
        return self.frozen if self.thaws is None or now < self.thaws else frozenset()


def _horizon(terms_: Terms) -> int:
    # Delivered in the last second, disputed in the last second of the window after it, and the arbiter stays silent.
    after = max(terms_.accept_window, terms_.retention_window)
    return terms_.deliver_by + terms_.grace + after + terms_.arbiter_window + 1


class Scene(NamedTuple):
    """The books of the agreement, and of its successor once there is one, in the second `now`."""

    books: tuple[Books, ...]
    now: int

    @property
    def state(self) -> str:
        """The states, as people name them."""
        return " and ".join(one.state.name.capitalize() for one in self.books)


class Step(NamedTuple):
    """A move that works: on which books of the scene, whose words it needs, what leaves for whom, what is so then."""

    number: int
    move: str
    arguments: tuple[int | str, ...]
    before: OnChain
    after: OnChain
    words: frozenset[str]
    consents: frozenset[str]
    paid: tuple[tuple[str, int], ...]
    scene: Scene


class Refusal(NamedTuple):
    """A move that the rules refuse, though nobody's word is missing."""

    number: int
    move: str
    arguments: tuple[int | str, ...]
    before: OnChain
    error: str


@dataclass
class Words:
    """An `Ask` that says yes to everything but for those who do not exist, and notes what it was asked for."""

    terms: Terms
    all: set[str] = field(default_factory=set)
    consents: set[str] = field(default_factory=set)

    def __call__(self, who: str, what: ActionKind | str, number: int) -> None:
        del number
        if who == "carrier" and self.terms.carrier == ZERO_ADDRESS:
            raise ChainRefused("Unauthorised")
        self.all.add("recipient" if what == SECRET else who)
        if what not in {EVIDENCE, SECRET}:
            self.consents.add(who)


Call = tuple[str, tuple[int | str, ...], Callable[[Move], None]]
"""(name, arguments, how it is done)."""


def first(setting: Setting) -> Scene:
    """The agreement has just opened."""
    return Scene((opened("first", setting.terms, FEES),), START)


def tries(setting: Setting, scene: Scene) -> Iterator[Step | Refusal]:
    """Everything that anybody could try now, and what comes of it."""
    for index, books in enumerate(scene.books):
        for call in _calls(books):
            yield _tried(setting, scene, index, call)
    if setting.successor is not None and len(scene.books) == 1:
        yield _novated(setting, scene, setting.successor)


def steps(setting: Setting, scene: Scene) -> Iterator[Step]:
    """Everything that anybody can do now."""
    return (found for found in tries(setting, scene) if isinstance(found, Step))


def _calls(books: Books) -> Iterable[Call]:
    lanes = range(len(books.terms.milestones))
    proofs = [1 + (lane.who is Witness.BOTH) for lane in books.terms.milestones]
    yield from (("claim", (lane,), lambda move, lane=lane: move.claim(lane, proofs[lane])) for lane in lanes)
    yield from (("contest", (lane,), lambda move, lane=lane: move.contest(lane)) for lane in lanes)
    yield from (("approve", (lane,), lambda move, lane=lane: move.approve(lane)) for lane in lanes)
    yield from (("cancel", (), lambda move: move.cancel(books.terms.amount)),)
    yield from (("dispute", (by,), lambda move, by=by: move.dispute(by)) for by in ("payer", "payee"))
    yield from (("resolve", (bps,), lambda move, bps=bps: move.resolve(bps)) for bps in SHARES)
    yield from (("split", (bps,), lambda move, bps=bps: move.split(bps)) for bps in SHARES)
    yield from (("withdraw", (party,), lambda move, party=party: move.withdraw(party)) for party in DUES)
    yield from PLAIN


PLAIN: tuple[Call, ...] = (
    ("deliveredBySecret", (), Move.delivered_by_secret),
    ("deliveredByCarrier", (), Move.delivered_by_carrier),
    ("accept", (), Move.accept),
    ("finalise", (), Move.finalise),
    ("release", (), Move.release),
    ("refund", (), Move.refund),
    ("revoke", (), Move.revoke),
    ("timeout", (), Move.timeout),
)


def _tried(setting: Setting, scene: Scene, index: int, call: Call) -> Step | Refusal:
    name, arguments, do = call
    before = scene.books[index]
    words = Words(before.terms)
    try:
        move = Move(before, scene.now, words, setting.frozen_at(scene.now))
        do(move)
    except ChainRefused as refused:
        if refused.reason == "Panic":
            # Solidity's own arithmetic would have stopped it: the rules must never get there.
            raise
        return Refusal(index, name, arguments, before.state, refused.reason)
    after = move.books
    check_money(before, after, move.paid)
    books = (*scene.books[:index], essence(setting, after), *scene.books[index + 1 :])
    said = frozenset(words.all), frozenset(words.consents)
    paid = tuple(sorted(move.paid))
    return Step(index, name, arguments, before.state, after.state, *said, paid, Scene(books, scene.now))


def _novated(setting: Setting, scene: Scene, successor: Terms) -> Step | Refusal:
    """Both sign the successor; the payer adds what is missing, so its money is no matter of the books."""
    (before,) = scene.books
    check_successor(successor, before.terms)
    move = Move(before, scene.now, Words(before.terms), setting.frozen_at(scene.now))
    try:
        require(scene.now <= successor.fund_by, "FundingExpired")
        carried, allowed = move.succeed("second", successor.amount)
        require(self_attested(successor) <= allowed, "CapRestarted")
    except ChainRefused as refused:
        return Refusal(0, "novate", (), before.state, refused.reason)
    check_money(before, move.books, [*move.paid, (SUCCESSOR, carried)])
    both = frozenset({"payer", "payee"})
    after = Scene((essence(setting, move.books), opened("second", successor, FEES)), scene.now)
    paid = tuple(sorted([*move.paid, (SUCCESSOR, carried)]))
    return Step(0, "novate", (), before.state, move.books.state, both, both, paid, after)


def check_money(before: Books, after: Books, paid: Collection[tuple[str, int]]) -> None:
    """Nothing appears, nothing vanishes, nothing goes to others; an end leaves nothing behind but dues."""
    left, to = sum(amount for _, amount in paid), {address for address, _ in paid}
    assert before.held == after.held + left, (before, after, paid)
    assert min(after.left, after.fees, after.payee_due, after.payer_due, after.fee_due) >= 0, after
    assert to <= {before.terms.payer, before.terms.payee, before.fee_receiver, SUCCESSOR}, to
    assert after.state not in ENDED or after.left == after.fees == 0, after


def essence(setting: Setting, books: Books) -> Books:
    """The same books without what no later move looks at, so that scenes which differ in nothing else are one."""
    keeps_claims = books.state in {OnChain.OPEN, OnChain.DELIVERED}
    claimed = tuple(at if keeps_claims and lane not in books.released else 0 for lane, at in enumerate(books.claimed))
    if books.state in ENDED:
        return replace(
            books, claimed=claimed, released=frozenset(), delivered_at=0, disputed_at=0, disputed_in=OnChain.OPEN
        )
    # What was paid is looked at again by claims, by a cancellation, and by the cap of a successor.
    keeps_paid = keeps_claims or setting.successor is not None
    return replace(books, claimed=claimed, released=books.released if keeps_paid else frozenset())


def is_over(setting: Setting, scene: Scene) -> bool:
    """Whether all money is out, but for what the token refuses to move for ever."""
    waits = setting.frozen if setting.thaws is None else frozenset()
    return all(
        books.state in ENDED and all(books.due(party) == 0 or _address(books, party) in waits for party in DUES)
        for books in scene.books
    )


def _address(books: Books, party: str) -> str:
    return {"payee": books.terms.payee, "payer": books.terms.payer, "fee": books.fee_receiver}[party]


def next_instant(setting: Setting, scene: Scene) -> int | None:
    """The next second in which something is possible that was not, or no longer is; None where time has no say."""
    found = [at for books in scene.books for end in _ends(books) for at in (end, end + 1)]
    if setting.thaws is not None:
        found.append(setting.thaws)
    if setting.successor is not None and len(scene.books) == 1:
        found += [setting.successor.fund_by, setting.successor.fund_by + 1]
    following = min((at for at in found if at > scene.now), default=None)
    if setting.beat and following is not None:
        return min(following, scene.now - scene.now % setting.beat + setting.beat)
    return following


def _ends(books: Books) -> Iterator[int]:
    """The last second of every clock that runs."""
    terms_ = books.terms
    if books.state in ENDED:
        return
    if books.delivered_at == 0:
        yield terms_.deliver_by
        yield from range(terms_.deliver_by + DAY_S, books.last_delivery, DAY_S)
        yield books.last_delivery
    if books.state is OnChain.OPEN:
        # A claim after this second lapses, unless the goods are delivered.
        yield books.last_delivery - terms_.contest_window
    if books.state in {OnChain.OPEN, OnChain.DELIVERED}:
        yield from (at + terms_.contest_window for at in books.claimed if at not in {0, CONTESTED})
    if books.state is OnChain.DELIVERED:
        yield books.delivered_at + terms_.accept_window
    if books.state is OnChain.RETAINED:
        yield books.delivered_at + terms_.retention_window
    if books.state is OnChain.DISPUTED:
        yield books.last_decision
