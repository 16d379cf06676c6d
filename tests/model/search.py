"""Breadth-first search over all scenes of a setting, and what can be reached from each of them without whom."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from heapq import heappop, heappush

from marketplace.domain.agreement import OnChain
from tests.model.scenes import Refusal, Scene, Setting, first, is_over, next_instant, tries

Row = tuple[OnChain, str, frozenset[str], OnChain]
"""(state, move, whose consent, state after it)."""
No = tuple[OnChain, str, str]
"""(state, move, error of the refusal)."""
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Edge:
    """One way from a scene to another: a move with the words it needs, or time that passes (no move)."""

    source: int
    move: str
    words: frozenset[str]


@dataclass
class Graph:
    """All scenes that can be reached in a setting. `into[n]` are the ways into scene n."""

    setting: Setting
    scenes: list[Scene] = field(default_factory=list)
    into: list[list[Edge]] = field(default_factory=list)
    rows: set[Row] = field(default_factory=set)
    noes: set[No] = field(default_factory=set)
    free: set[tuple[OnChain, str, OnChain]] = field(default_factory=set)
    """(state, move, state after it) of what anybody can do without a word of anybody."""

    @property
    def transitions(self) -> int:
        """How many ways there are."""
        return sum(map(len, self.into))

    def ends(self) -> list[int]:
        """Scenes in which all money is out."""
        return [number for number, scene in enumerate(self.scenes) if is_over(self.setting, scene)]

    def soonest(self, silent: Collection[str], removed: Collection[str] = ()) -> dict[int, int]:
        """Scene → the second in which all money can be out with these parties silent for ever, where there is one."""
        found: dict[int, int] = {}
        queue = [(self.scenes[number].now, number) for number in self.ends()]
        queue.sort()
        mute = frozenset(silent)
        while queue:
            at, number = heappop(queue)
            if number in found:
                continue
            found[number] = at
            for edge in self.into[number]:
                if edge.source not in found and not edge.words & mute and edge.move not in removed:
                    heappush(queue, (at, edge.source))
        return found

    def stuck(self, silent: Collection[str], removed: Collection[str] = ()) -> list[Scene]:
        """Scenes from which the money never comes out with these parties silent."""
        found = self.soonest(silent, removed)
        return [scene for number, scene in enumerate(self.scenes) if number not in found]


def explore(setting: Setting) -> Graph:
    """Every scene that the parties, strangers and time can bring about."""
    graph = Graph(setting)
    numbers: dict[Scene, int] = {}
    queue: deque[Scene] = deque()

    def arrive(scene: Scene, edge: Edge | None) -> None:
        number = numbers.get(scene)
        if number is None:
            number = numbers[scene] = len(graph.scenes)
            graph.scenes.append(scene)
            graph.into.append([])
            queue.append(scene)
        if edge is not None:
            graph.into[number].append(edge)

    arrive(first(setting), None)
    while queue:
        scene = queue.popleft()
        source = numbers[scene]
        for step in tries(setting, scene):
            if isinstance(step, Refusal):
                graph.noes.add((step.before, step.move, step.error))
                continue
            graph.rows.add((step.before, step.move, step.consents, step.after))
            if not step.words:
                graph.free.add((step.before, step.move, step.after))
            if step.scene != scene:
                arrive(step.scene, Edge(source, step.move, step.words))
        following = next_instant(setting, scene)
        if following is not None and not is_over(setting, scene):
            arrive(Scene(scene.books, following), Edge(source, "", NOBODY))
    return graph


@cache
def explored(setting: Setting) -> Graph:
    """The same, once a process."""
    return explore(setting)
