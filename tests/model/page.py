"""`docs/agreements.md` as data: its tables, its diagram, and what they say about moves."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from marketplace.domain.agreement import OnChain
from tests.model.search import Row

PATH = Path(__file__).parents[2] / "docs" / "agreements.md"
STATES = {one.name.capitalize(): one for one in OnChain}
MOVES = "state → after"
ALL_STATES = "any"
_ERROR = re.compile(r"`([A-Z]\w+)`")
_EDGE = re.compile(r"^ +(\w+) --> (\w+): ([\w, ]+)$", re.MULTILINE)
_GROUP = re.compile(r"(\w+): (\w+(?:, \w+)*)")


@dataclass(frozen=True)
class Page:
    """The page's text, read as tables."""

    text: str

    @classmethod
    def read(cls) -> "Page":
        """As it is on the disk."""
        return cls(PATH.read_text("utf-8"))

    def table(self, first: str) -> list[dict[str, str]]:
        """The rows of the table whose first column is called that."""
        lines = self.text.splitlines()
        [start] = [number for number, line in enumerate(lines) if line.startswith(f"| {first} |")]
        names = _cells(lines[start])
        found = []
        for line in lines[start + 2 :]:
            if not line.startswith("|"):
                break
            cells = _cells(line)
            assert len(cells) == len(names), line
            found.append(dict(zip(names, cells, strict=True)))
        return found

    def section(self, title: str) -> str:
        """What stands under a heading of the second level."""
        return self.text.split(f"\n## {title}\n")[1].split("\n## ")[0]

    def moves(self) -> list[str]:
        """The names in the table of moves, one for each row."""
        return [row["move"] for row in self.table(MOVES)]

    def errors(self) -> dict[str, set[str]]:
        """The errors that the rows of a move name, without those said once for all."""
        found: dict[str, set[str]] = {}
        for row in self.table(MOVES):
            found.setdefault(row["move"], set()).update(_ERROR.findall(row["refused with"]))
        return found

    def exits(self) -> set[tuple[OnChain, str, OnChain]]:
        """What time alone does, by the table of states."""
        return {
            (STATES[row["state"]], move, STATES[after])
            for row in self.table("state")
            for move, afters in re.findall(r": (\w+) → ([\w, ]+)$", row["time alone, by anybody's call"])
            for after in afters.split(", ")
        }

    def movers(self) -> set[tuple[OnChain, str, str]]:
        """(state, whose word, move) by the table of states; what time lets happen is anyone's."""
        said = {
            (STATES[row["state"]], who, move)
            for row in self.table("state")
            for who, moves in _GROUP.findall(row["who can move it"])
            for move in moves.split(", ")
        }
        return said | {(state, "anyone", move) for state, move, _ in self.exits()}

    def edges(self) -> set[tuple[OnChain, str, OnChain]]:
        """The arrows between states in the diagram."""
        return {
            (STATES[before], move, STATES[after])
            for before, after, moves in _EDGE.findall(self.text)
            for move in moves.split(", ")
        }


def rows_of(page: Page) -> frozenset[Row]:
    """The table of moves as the exploration finds them: without the doors and what only the factory calls."""
    return frozenset(found for row in page.table(MOVES) for found in _rows(row))


def _rows(row: dict[str, str]) -> Iterator[Row]:
    if row[MOVES].startswith("–"):
        return
    before, after = row[MOVES].split(" → ")
    states = list(OnChain) if before == ALL_STATES else [STATES[name] for name in before.split(", ")]
    for state, consents in product(states, _consents(row["whose consent"])):
        ends = [state] if after == "the same" else [STATES[name] for name in after.split(" or ")]
        for end in ends:
            yield state, row["move"], consents, end


def _consents(cell: str) -> list[frozenset[str]]:
    """`payer or payee` are two ways, `payer and payee` is one; what follows says what they name or who sends it."""
    words = re.split(r"[;,]", cell)[0]
    if words == "nobody's":
        return [frozenset()]
    return [frozenset(way.split(" and ")) for way in words.split(" or ")]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]
