"""Terms to explore, who can do what in a scene, and the instants at which doing it makes a difference.

A scene is the books of an agreement and, after a novation, of its successor, at one second. The rules are the fake
chain's own (`marketplace/ports/fakes/chain_moves.py`); whose word a move needs is what it asks for, not a list here.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from marketplace.domain.agreement import NEVER, ZERO_HASH, ActionKind, AgreementKind, Milestone, OnChain, Terms
from marketplace.domain.evidence import EventCode, Witness
from marketplace.ports.chain import ChainRefused
from marketplace.ports.fakes.chain_books import CONTESTED, DAY_S, EVIDENCE, SECRET, Books, opened
from marketplace.ports.fakes.chain_moves import Move
from marketplace.ports.fakes.chain_rules import check_successor, self_attested

START = 1_000_000
UNIT = 100
PARTIES = ("payer", "payee", "attestor", "witness", "carrier", "recipient", "arbiter")
ENDED = frozenset({OnChain.SETTLED, OnChain.REFUNDED, OnChain.RESOLVED})
LATE = 3_600
FEES = "0xfe"

ADVANCE = Milestone(2_000, EventCode.OPENED)
MACHINE = Milestone(1_000, EventCode.PRODUCTION_FINISHED, Witness.ATTESTOR)
TESTED = Milestone(1_500, EventCode.INSPECTION_PASSED, Witness.BOTH)
HOUSE = Milestone(1_500, EventCode.INSPECTION_PASSED, Witness.WITNESS)
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
    """What is explored: terms, perhaps a successor, and parties to whom the token refuses to move anything."""

    name: str
    terms: Terms
    successor: Terms | None = None
    frozen: frozenset[str] = frozenset()

    @property
    def horizon(self) -> int:
        """The second in which anybody can have had everything paid out, whatever was done before."""
        return max(_horizon(one) for one in (self.terms, self.successor) if one is not None)


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
    """A move that works: on which books, whose words it needs, what leaves for whom."""

    move: str
    before: OnChain
    after: OnChain
    words: frozenset[str]
    consents: frozenset[str]
    scene: Scene


@dataclass
class Words:
    """An `Ask` that says yes to everything and notes what it was asked for."""

    all: set[str] = field(default_factory=set)
    consents: set[str] = field(default_factory=set)

    def __call__(self, who: str, what: ActionKind | str, number: int) -> None:
        del number
        self.all.add("recipient" if what == SECRET else who)
        if what not in {EVIDENCE, SECRET}:
            self.consents.add(who)


def first(setting: Setting) -> Scene:
    """The agreement has just opened."""
    return Scene((opened("first", setting.terms, FEES),), START)


def steps(setting: Setting, scene: Scene, removed: Collection[str] = ()) -> Iterator[Step]:
    """Everything that anybody can do now, but for the moves that are taken out of the contracts."""
    for index, books in enumerate(scene.books):
        for name, do in _calls(books):
            if name not in removed:
                yield from _tried(setting, scene, index, name, do)
    yield from _novation(setting, scene)


def _calls(books: Books) -> Iterable[tuple[str, Callable[[Move], None]]]:
    lanes = range(len(books.terms.milestones))
    both = [1 + (lane.who is Witness.BOTH) for lane in books.terms.milestones]
    yield from (("claim", lambda move, lane=lane: move.claim(lane, both[lane])) for lane in lanes)
    yield from (("contest", lambda move, lane=lane: move.contest(lane)) for lane in lanes)
    yield from (("approve", lambda move, lane=lane: move.approve(lane)) for lane in lanes)
    yield from (("cancel", lambda move: move.cancel(books.terms.amount)),)
    yield from (("dispute", lambda move, by=by: move.dispute(by)) for by in ("payer", "payee"))
    yield from (("resolve", lambda move, bps=bps: move.resolve(bps)) for bps in (0, 3_333, 10_000))
    yield from (("split", lambda move, bps=bps: move.split(bps)) for bps in (0, 3_333, 10_000))
    yield from (("withdraw", lambda move, party=party: move.withdraw(party)) for party in ("payee", "payer", "fee"))
    yield from PLAIN


PLAIN: tuple[tuple[str, Callable[[Move], None]], ...] = (
    ("deliveredBySecret", Move.delivered_by_secret),
    ("deliveredByCarrier", Move.delivered_by_carrier),
    ("accept", Move.accept),
    ("finalise", Move.finalise),
    ("release", Move.release),
    ("refund", Move.refund),
    ("revoke", Move.revoke),
    ("timeout", Move.timeout),
)


def _tried(setting: Setting, scene: Scene, index: int, name: str, do: Callable[[Move], None]) -> Iterator[Step]:
    before, words = scene.books[index], Words()
    move = Move(before, scene.now, words, setting.frozen)
    try:
        do(move)
    except ChainRefused as refused:
        if refused.reason == "Panic":
            raise
        return
    after = move.books
    _check_money(before, after, sum(amount for _, amount in move.paid), {address for address, _ in move.paid})
    books = (*scene.books[:index], _essence(setting, after), *scene.books[index + 1 :])
    yield Step(
        name, before.state, after.state, frozenset(words.all), frozenset(words.consents), Scene(books, scene.now)
    )


def _novation(setting: Setting, scene: Scene) -> Iterator[Step]:
    """Both sign the successor; the payer adds what is missing, so its money is no matter of the books."""
    if setting.successor is None or len(scene.books) > 1:
        return
    (before,) = scene.books
    check_successor(setting.successor, before.terms)
    move = Move(before, scene.now, Words(), setting.frozen)
    try:
        carried, allowed = move.succeed("second", setting.successor.amount)
    except ChainRefused:
        return
    if self_attested(setting.successor) > allowed:
        return
    paid = {address for address, _ in move.paid}
    _check_money(before, move.books, carried + sum(amount for _, amount in move.paid), paid)
    both = frozenset({"payer", "payee"})
    scenes = Scene((_essence(setting, move.books), opened("second", setting.successor, FEES)), scene.now)
    yield Step("novate", before.state, move.books.state, both, both, scenes)


def _check_money(before: Books, after: Books, left: int, to: set[str]) -> None:
    """Nothing appears, nothing vanishes, nothing goes to others."""
    assert before.held == after.held + left, (before, after, left)
    assert min(after.left, after.fees, after.payee_due, after.payer_due, after.fee_due) >= 0, after
    assert to <= {before.terms.payer, before.terms.payee, before.fee_receiver}, to
    assert after.state not in ENDED or after.left == after.fees == 0, after


def _essence(setting: Setting, books: Books) -> Books:
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
    """Whether all money is out, but for what the token itself refuses to move."""
    return all(
        books.state in ENDED
        and all(
            books.due(party) == 0 or _address(books, party) in setting.frozen for party in ("payee", "payer", "fee")
        )
        for books in scene.books
    )


def _address(books: Books, party: str) -> str:
    return {"payee": books.terms.payee, "payer": books.terms.payer, "fee": books.fee_receiver}[party]


def next_instant(scene: Scene) -> int | None:
    """The next second in which something is possible that was not, or no longer is; None where time has no say."""
    return min((at for books in scene.books for at in instants(books) if at > scene.now), default=None)


def instants(books: Books) -> Iterator[int]:
    """The last second of every clock that runs, and the one after it."""
    for end in _ends(books):
        yield end
        yield end + 1


def _ends(books: Books) -> Iterator[int]:
    terms_ = books.terms
    if books.state in ENDED:
        return
    if books.delivered_at == 0:
        yield terms_.deliver_by
        yield from range(terms_.deliver_by + DAY_S, books.last_delivery, DAY_S)
        yield books.last_delivery
    if books.state in {OnChain.OPEN, OnChain.DELIVERED}:
        yield from (at + terms_.contest_window for at in books.claimed if at not in {0, CONTESTED})
    if books.state is OnChain.DELIVERED:
        yield books.delivered_at + terms_.accept_window
    if books.state is OnChain.RETAINED:
        yield books.delivered_at + terms_.retention_window
    if books.state is OnChain.DISPUTED:
        yield books.last_decision
