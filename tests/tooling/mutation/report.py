"""Figures of a campaign, and the mutants that people have to look at."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from tests.tooling.mutation.mutants import Mutant
from tests.tooling.mutation.results import Result, Verdict

_COLUMNS: Final = tuple(Verdict)
_DEAD: Final = (Verdict.KILLED, Verdict.TIMED_OUT)


@dataclass(frozen=True)
class Report:
    """Verdicts, read once everything is judged.

    `listed` is the list of equivalents: change → reason; `stale` is what is wrong with the list of money.
    """

    verdicts: Mapping[Mutant, Result]
    listed: Mapping[tuple[str, str, str, str], str]
    money_lines: Mapping[tuple[str, int], str]
    stale: Sequence[str] = ()

    def verdict(self, mutant: Mutant) -> Verdict:
        """With the list of equivalents applied."""
        found = self.verdicts[mutant].verdict
        return Verdict.EQUIVALENT if found is Verdict.SURVIVED and mutant.change in self.listed else found

    @cached_property
    def survivors(self) -> list[Mutant]:
        """Mistakes that no test notices."""
        return [mutant for mutant in self.verdicts if self.verdict(mutant) is Verdict.SURVIVED]

    @property
    def mislabelled(self) -> list[Mutant]:
        """Listed as no mistakes, yet noticed by a test."""
        return [one for one in self.verdicts if one.change in self.listed and self.verdicts[one].verdict in _DEAD]

    def untouched_lines(self) -> list[str]:
        """Lines that move money and that no mutant touches: nothing shows that a test looks at them."""
        touched = set()
        for mutant in self.verdicts:
            if self.verdicts[mutant].verdict is not Verdict.DISCARDED:
                touched |= {(mutant.file, mutant.line + i) for i in range(mutant.before.count("\n") + 1)}
        return [
            f"{file}:{line} {text}" for (file, line), text in self.money_lines.items() if (file, line) not in touched
        ]

    def score(self, money: bool) -> tuple[int, int]:
        """(noticed, mistakes) among the mutants of one kind."""
        counts = Counter(self.verdict(mutant) for mutant in self.verdicts if mutant.money is money)
        dead = sum(counts[verdict] for verdict in _DEAD)
        return dead, dead + counts[Verdict.SURVIVED]

    def fails(self, enough: float) -> bool:
        """Whether a mistake that concerns money goes unnoticed, more of the others than may, or a list is stale."""
        dead, mistakes = self.score(money=False)
        unnoticed = any(mutant.money for mutant in self.survivors) or dead < enough * mistakes
        return unnoticed or bool(self.mislabelled or self.untouched_lines() or self.stale)

    def lines(self) -> Iterator[str]:
        """The whole report."""
        yield from self._table("file", lambda mutant: mutant.file.removeprefix("src/"))
        yield from self._table("operator", lambda mutant: mutant.operator)
        yield from self._summary()
        for title, found in (
            ("survivors", self.survivors),
            ("timed out", [one for one in self.verdicts if self.verdict(one) is Verdict.TIMED_OUT]),
            ("listed as equivalent, yet killed", self.mislabelled),
        ):
            yield f"{title}: {len(found)}"
            yield from map(str, found)
        yield from (f"stale: {problem}" for problem in self.stale)
        untouched = self.untouched_lines()
        yield f"lines that move money without a mutant: {len(untouched)}"
        yield from untouched

    def _summary(self) -> Iterator[str]:
        yield "| lines | mutants | discarded | equivalent | mistakes | noticed | % |"
        yield "|---|---|---|---|---|---|---|"
        for money, name in ((True, "money"), (False, "other")):
            counts = Counter(self.verdict(mutant) for mutant in self.verdicts if mutant.money is money)
            dead, mistakes = self.score(money)
            share = f"{dead / mistakes:.1%}" if mistakes else ""
            cells = (name, counts.total(), counts[Verdict.DISCARDED], counts[Verdict.EQUIVALENT], mistakes, dead, share)
            yield f"| {' | '.join(map(str, cells))} |"
        yield ""

    def _table(self, title: str, group: Callable[[Mutant], str]) -> Iterator[str]:
        groups = {(not mutant.money, group(mutant)): Counter[Verdict]() for mutant in self.verdicts}
        for mutant in self.verdicts:
            groups[not mutant.money, group(mutant)][self.verdict(mutant)] += 1
        yield f"| {title} | of | " + " | ".join(_COLUMNS) + " |"
        yield "|---" * (len(_COLUMNS) + 2) + "|"
        for (other, name), counts in sorted(groups.items()):
            cells = " | ".join(str(counts[column]) for column in _COLUMNS)
            yield f"| {name} | {'other' if other else 'money'} | {cells} |"
        yield ""
