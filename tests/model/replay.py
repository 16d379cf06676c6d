"""Walks a graph of scenes on the contracts' own code, and compares what every move does there with the model."""

from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any

from contracts.errors import Reverted
from marketplace.domain.agreement import OnChain
from marketplace.ports.fakes.chain_books import CONTESTED, Books
from tests.model.real import Stage
from tests.model.scenes import Refusal, Scene, Step, essence, next_instant, tries
from tests.model.search import Graph, Row


class Depth(Enum):
    """How much of a graph is walked."""

    KINDS = "kinds"
    FINE = "fine kinds"
    ALL = "all"


@dataclass
class Replay:
    """Compares moves, all of them or one of each kind, and refusals, one of each kind.

    A kind is a move with its arguments, what the dispute is about, what has become of the milestone that it names (of
    all milestones in FINE), whether the delivery was late, who waits for what the token refused, and what comes of it.
    """

    stage: Stage
    graph: Graph
    depth: Depth = Depth.KINDS
    rows: set[Row] = field(default_factory=set)
    moves: int = 0
    refusals: int = 0
    wordless: int = 0

    def run(self) -> "Replay":
        """Raises AssertionError at the first difference."""
        self._numbers = {scene: number for number, scene in enumerate(self.graph.scenes)}
        self._wanted: dict[int, set[int]] = {}
        self._needed: set[int] = set()
        self._arrived: set[int] = {0}
        self._plan()
        self.stage.bench.undone(lambda: self._visit(0))
        assert self._arrived >= self._needed
        return self

    def _plan(self) -> None:
        known: set[Any] = set()
        for number, scene in enumerate(self.graph.scenes):
            for position, found in enumerate(tries(self.graph.setting, scene)):
                is_kind = self.depth is not Depth.ALL or isinstance(found, Refusal)
                what = _kind(scene, found, self.depth) if is_kind else (number, position)
                if what not in known:
                    known.add(what)
                    self._wanted.setdefault(number, set()).add(position)
        for number in self._wanted:
            self._need(number)

    def _need(self, number: int) -> None:
        """To get there, all scenes on the shortest way are needed, too."""
        while number not in self._needed:
            self._needed.add(number)
            if number == 0:
                return
            number = self.graph.into[number][0].source

    def _visit(self, number: int) -> None:
        scene, wanted = self.graph.scenes[number], self._wanted.get(number, set())
        for position, found in enumerate(tries(self.graph.setting, scene)):
            if isinstance(found, Refusal):
                if position in wanted:
                    self._refuse(scene, found)
                continue
            after = self._numbers[found.scene]
            leads_on = self._leads(number, after)
            if position in wanted or leads_on:
                self.stage.bench.undone(partial(self._move, scene, found, after, on=leads_on))
        for after in self._later(number):
            self._arrived.add(after)
            self._visit(after)

    def _leads(self, number: int, after: int) -> bool:
        return after in self._needed - self._arrived and self.graph.into[after][0].source == number

    def _later(self, number: int) -> list[int]:
        """The scene that time alone makes of this one, if the way on leads there."""
        here = self.graph.scenes[number]
        at = next_instant(self.graph.setting, here)
        after = None if at is None else self._numbers.get(Scene(here.books, at))
        return [after] if after is not None and self._leads(number, after) else []

    def _move(self, scene: Scene, step: Step, after: int, *, on: bool) -> None:
        row = (step.before, step.move, step.consents, step.after)
        if row not in self.rows and step.consents:
            self._without_consent(scene, step)
        paid = self._paid(scene, step)
        assert paid == sorted(one for one in step.paid if one[1]), (scene, step, paid)
        for index in {step.number, len(step.scene.books) - 1}:
            expected = step.scene.books[index]
            found = essence(self.graph.setting, self.stage.books(index, expected))
            assert found == expected, (scene, step, found)
            assert self.stage.held(index) == expected.held, (scene, step)
        self.rows.add(row)
        self.moves += 1
        if on:
            self._arrived.add(after)
            self._visit(after)

    def _paid(self, scene: Scene, step: Step) -> list[tuple[str, int]]:
        try:
            return self.stage.move(step, scene.now)
        except Reverted as refused:
            raise AssertionError(("the contracts refuse it", scene, step)) from refused

    def _refuse(self, scene: Scene, refusal: Refusal) -> None:
        error = self._error(refusal, scene.now, wordless=False)
        assert error == refusal.error, ("refused for another reason, or not at all", scene, refusal, error)
        self.refusals += 1

    def _without_consent(self, scene: Scene, step: Step) -> None:
        error = self._error(step, scene.now, wordless=True)
        assert error == "Unauthorised", ("the contracts ask nobody", scene, step, error)
        self.wordless += 1

    def _error(self, step: Step | Refusal, now: int, *, wordless: bool) -> str | None:
        """The name of the contracts' error; None where they allow it."""
        try:
            self.stage.bench.undone(lambda: self.stage.move(step, now, wordless=wordless))
        except Reverted as refused:
            return refused.name
        return None


def _kind(scene: Scene, found: Step | Refusal, depth: Depth) -> Any:
    books = scene.books[found.number]
    about = books.disputed_in if books.state is OnChain.DISPUTED else None
    if isinstance(found, Refusal):
        return found, about, () if depth is Depth.KINDS else (_claims(books, scene.now), _late(books))
    claims = _claims(books, scene.now)
    if depth is Depth.KINDS:
        lane = found.arguments[0] if found.move in {"claim", "contest", "approve"} else None
        claims = ("mature",) * claims.count("mature") if lane is None else (claims[int(lane)],)
    return found[:4], found.after, about, claims, _late(books), _dues(books)


def _claims(books: Books, now: int) -> tuple[str, ...]:
    """What has become of each milestone."""
    return tuple(
        "paid" if lane in books.released else _claim(at, at + books.terms.contest_window >= now)
        for lane, at in enumerate(books.claimed)
    )


def _claim(at: int, is_young: bool) -> str:
    if at in {0, CONTESTED}:
        return "contested" if at else ""
    return "young" if is_young else "mature"


def _late(books: Books) -> bool:
    return books.delivered_at > books.terms.deliver_by


def _dues(books: Books) -> tuple[bool, ...]:
    return tuple(books.due(party) > 0 for party in ("payee", "payer", "fee"))
