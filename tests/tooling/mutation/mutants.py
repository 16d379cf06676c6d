"""Mutants: the contracts with one mistake each, and which of them concern money."""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from tests.tooling.mutation.operators import Finder, Mistake
from tests.tooling.mutation.slim import slim
from tests.tooling.mutation.solc import AGREEMENT, FACTORY, Sources
from tests.tooling.mutation.syntax import OUTSIDE, Declarations, Function, Source, children, without_comments

_FOLDER: Final = Path(__file__).parent
MONEY_FILE: Final = _FOLDER / "money.toml"
EQUIVALENTS_FILE: Final = _FOLDER / "equivalents.toml"
STATEMENTS: Final = "statements"
_OURS: Final = "src/"
_NO_STATEMENT: Final = re.compile(r"unchecked {|(?!return )\w+(\[\])?( memory| calldata)? \w+;")
"""A line of code with nothing to get wrong: a variable that somebody else sets."""


@dataclass(frozen=True, eq=False)
class Mutant:
    """The contracts with one mistake.

    `before` and `after` are the lines that it changes; `line` is the first of them.
    """

    file: str
    function: str
    line: int
    operator: str
    money: bool
    before: str
    after: str
    sources: Sources = field(repr=False)

    @cached_property
    def key(self) -> str:
        """The same for the same code, whatever the comments say."""
        digest = hashlib.sha256()
        for name in sorted(self.sources):
            digest.update(f"{name}\n{without_comments(self.sources[name])}\n".encode())
        return digest.hexdigest()

    @property
    def place(self) -> str:
        """File and function, as the command line names them."""
        return f"{self.file}:{self.function}"

    @property
    def change(self) -> tuple[str, str, str, str]:
        """By what the list of equivalents names it."""
        return (self.file, self.function, self.before, self.after)

    def __str__(self) -> str:
        minus, plus = (text.replace("\n", "\n    ") for text in (self.before, self.after))
        return f"{self.file}:{self.line} {self.function} ({self.operator})\n  - {minus}\n  + {plus}"


class Family:
    """All mutants of one state of the sources."""

    def __init__(self, sources: Sources, trees: Mapping[str, Any], money: Mapping[str, Any] | None = None) -> None:
        """`money` is the list of `money.toml` unless another is given."""
        self.sources = slim(sources, trees)
        self._declarations = Declarations(trees)
        self._found: dict[str, set[str]] = {}
        self._imports = {name: _imported(tree) for name, tree in trees.items()}
        money = tomllib.loads(MONEY_FILE.read_text("utf-8")) if money is None else money
        self.files = {name: Source(name, sources[name], trees[name]) for name in sources if name.startswith(_OURS)}
        self._classes = {name: _Classes(source, money.get(name, {})) for name, source in self.files.items()}
        self._unknown = sorted(money.keys() - self.files.keys() - {STATEMENTS})
        self._statements: Sequence[str] = money.get(STATEMENTS, ())

    def stale(self) -> list[str]:
        """What the list of money names and the sources no longer have, or have and the list misses.

        A campaign goes on all the same: what the list misses counts as money until somebody has looked at it.
        """
        problems = [f"{name} does not exist" for name in self._unknown]
        problems += [problem for classes in self._classes.values() for problem in classes.problems()]
        for pattern in self._statements:
            places = self._places(pattern)
            problems += [] if places else [f"nothing matches {pattern}"]
            problems += [f"{name}:{line} moves money by {pattern}" for name, line in places - self.money_lines().keys()]
        return problems

    def mutants(self) -> Iterator[Mutant]:
        """Every mutant, in the order of the sources."""
        for name in self.reached():
            source = self.files[name]
            for mistake in Finder(source, self._declarations).find():
                yield self._mutant(source, mistake)

    def reached(self) -> list[str]:
        """Files of ours that one of the two contracts is made of."""
        return [name for name in self.files if self.contracts_with(name)]

    def contracts_with(self, name: str) -> tuple[str, ...]:
        """Which contracts a file is part of."""
        return tuple(one for one in (FACTORY, AGREEMENT) if name in self._parts(one))

    def needed(self, sources: Sources, contracts: Sequence[str]) -> Sources:
        """Of one state of the sources what these contracts are made of."""
        names = set().union(*map(self._parts, contracts))
        return {name: text for name, text in sources.items() if name in names}

    def money_lines(self) -> dict[tuple[str, int], str]:
        """(file, line) → text of each line of code in a section that moves money."""
        lines = {}
        for name, classes in self._classes.items():
            source = self.files[name]
            for start, end in classes.sections():
                for line in range(source.line(start), source.line(end - 1) + 1):
                    text = without_comments(source.line_text(line))
                    if any(letter.isalnum() for letter in text) and not _NO_STATEMENT.fullmatch(text):
                        lines[name, line] = source.line_text(line)
        return lines

    def _places(self, pattern: str) -> set[tuple[str, int]]:
        """Where the code in functions says so."""
        found = set()
        for name, source in self.files.items():
            for function in source.functions:
                for line in range(source.line(function.first), source.line(function.end - 1) + 1):
                    if re.search(pattern, without_comments(source.line_text(line))):
                        found.add((name, line))
        return found

    def _mutant(self, source: Source, mistake: Mistake) -> Mutant:
        function = source.function_at(mistake.start)
        text = source.replaced(mistake.start, mistake.end, mistake.words)
        first, last = source.line(mistake.start), source.line(max(mistake.start, mistake.end - 1))
        added = text.count("\n") - source.data.count(b"\n")
        return Mutant(
            file=source.name,
            function=OUTSIDE if function is None else function.name,
            line=first,
            operator=mistake.operator,
            money=self._classes[source.name].moves_money(function, mistake.start),
            before=_lines(source.data.decode("utf-8"), first, last),
            after=_lines(text, first, last + added),
            sources={**self.sources, source.name: text},
        )

    def _parts(self, contract: str) -> set[str]:
        if contract not in self._found:
            self._found[contract] = parts = set()
            waiting = [f"{_OURS}{contract}.sol"]
            while waiting:
                one = waiting.pop()
                if one not in parts:
                    parts.add(one)
                    waiting.extend(self._imports[one])
        return self._found[contract]


class _Classes:
    """Which functions of one source move money, by the list: all of it, from `// Effect` on, or not at all.

    What is not listed does.
    """

    def __init__(self, source: Source, listed: Mapping[str, Sequence[str]]) -> None:
        self._source = source
        self._whole = set(listed.get("money", ()))
        self._effects = set(listed.get("effects", ()))
        self._other = set(listed.get("other", ()))

    def problems(self) -> list[str]:
        here = {function.name for function in self._source.functions}
        here |= {OUTSIDE} if here else set()
        listed = [*self._whole, *self._effects, *self._other]
        found = [f"{name} of {self._source.name} is not classified" for name in sorted(here - set(listed))]
        found += [f"{self._source.name} has no {name}" for name in sorted(set(listed) - here)]
        found += [f"{name} is listed twice" for name in sorted({name for name in listed if listed.count(name) > 1})]
        found += [
            f"{function.name} of {self._source.name} has no comment `// Effect`"
            for function in self._source.functions
            if function.name in self._effects and self._source.effect_start(function) is None
        ]
        return found

    def moves_money(self, function: Function | None, offset: int) -> bool:
        if function is None:
            return OUTSIDE not in self._other
        start = self._start(function)
        return start is not None and offset >= start

    def sections(self) -> Iterator[tuple[int, int]]:
        """Bodies, or what of them follows `// Effect`; constants are not looked at line by line."""
        for function in self._source.functions:
            start = self._start(function)
            if start is not None:
                yield max(start, function.first), function.end

    def _start(self, function: Function) -> int | None:
        if function.name in self._other:
            return None
        return self._source.effect_start(function) if function.name in self._effects else function.start


def listed_equivalents() -> dict[tuple[str, str, str, str], str]:
    """Mutants that people found to be no mistakes: change → reason."""
    listed = tomllib.loads(EQUIVALENTS_FILE.read_text("utf-8")).get("equivalent", [])
    return {(one["file"], one["function"], one["before"], one["after"]): one["reason"] for one in listed}


def _imported(tree: Mapping[str, Any]) -> list[str]:
    nodes = children(dict(tree))
    return [str(node["absolutePath"]) for node in nodes if node["nodeType"] == "ImportDirective"]


def _lines(text: str, first: int, last: int) -> str:
    return "\n".join(line.strip() for line in text.split("\n")[first - 1 : last])
