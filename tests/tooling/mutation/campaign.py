"""Judges mutants one after the other."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.tooling.mutation.mutants import Family, Mutant
from tests.tooling.mutation.results import Result, Results, Verdict
from tests.tooling.mutation.runner import Outcome, Runner
from tests.tooling.mutation.solc import AGREEMENT, FACTORY, Code, DoesNotCompileError, Solc, Sources, write_artifacts

_SOON: Final = 0.25
"""Of the suite's time: most mistakes are noticed sooner. What is not, may be none: then the optimiser is asked."""
_BOTH: Final = (FACTORY, AGREEMENT)


class Campaign:
    """One compiler, one runner, one file of results."""

    def __init__(self, family: Family, solc: Solc, runner: Runner, results: Results, folder: Path) -> None:
        """Runs the suite once on the contracts as they are.

        Raises:
            RunnerError: a test fails on them.
        """
        self._family = family
        self._solc = solc
        self._runner = runner
        self._results = results
        self._folder = folder
        self._plain = self._codes(family.sources, _BOTH)
        self._optimised: dict[str, Code] = {}
        write_artifacts(folder / "plain", self._plain)
        self.seconds = runner.baseline(folder / "plain")
        self._killers: dict[str, list[str]] = defaultdict(list)
        for result in results:
            self._learn(result.place, result.killer)

    def judge_all(
        self, mutants: Sequence[Mutant], say: Callable[[int, Mutant, Result], object]
    ) -> dict[Mutant, Result]:
        """The verdict on each; `say` hears every one as it comes."""
        verdicts = {}
        for number, mutant in enumerate(mutants, 1):
            verdicts[mutant] = self.judge(mutant)
            say(number, mutant, verdicts[mutant])
        return verdicts

    def judge(self, mutant: Mutant) -> Result:
        """The verdict on one, from the file if it is known."""
        result = self._results.of(mutant.key)
        if result is None:
            result = replace(self._judge(mutant), place=mutant.place)
            self._results.add(result)
        self._learn(mutant.place, result.killer)
        return result

    def _judge(self, mutant: Mutant) -> Result:
        try:
            codes = {**self._plain, **self._codes(mutant.sources, self._family.contracts_with(mutant.file))}
        except DoesNotCompileError as error:
            return Result(mutant.key, "", Verdict.DISCARDED, "", message=str(error).splitlines()[0])
        code = _digest(codes)
        if code == _digest(self._plain):
            return Result(mutant.key, code, Verdict.EQUIVALENT, "", message="the same code")
        twin = self._results.of_code(code)
        if twin is not None:
            return Result(mutant.key, code, twin.verdict, twin.suite, twin.killer, twin.message)
        write_artifacts(self._folder / "mutant", codes)
        outcome = self._run(mutant)
        if outcome is None:
            return Result(mutant.key, code, Verdict.EQUIVALENT, "", message="the same code once optimised")
        verdict = Verdict.KILLED if outcome.killer else Verdict.SURVIVED
        if outcome.timed_out:
            verdict = Verdict.TIMED_OUT
        suite = self._results.digest(outcome.killer)
        message = outcome.message if outcome.killer else ""
        return Result(mutant.key, code, verdict, suite, outcome.killer, message, round(outcome.seconds, 2))

    def _run(self, mutant: Mutant) -> Outcome | None:
        """What the tests say; None if the optimiser makes the code of no mistake of it."""
        with self._runner.started(self._folder / "mutant", self._order(mutant)) as child:
            outcome = child.wait(_SOON * sum(self.seconds.values()))
            if outcome is None and self._is_optimised_away(mutant):
                return None
            return outcome or child.wait() or Outcome(None, child.seconds, timed_out=True)

    def _is_optimised_away(self, mutant: Mutant) -> bool:
        names = self._family.contracts_with(mutant.file)
        for name in names:
            if name not in self._optimised:
                self._optimised |= self._codes(self._family.sources, (name,), optimised=True)
        return self._codes(mutant.sources, names, optimised=True) == {name: self._optimised[name] for name in names}

    def _codes(self, sources: Sources, names: tuple[str, ...], *, optimised: bool = False) -> dict[str, Code]:
        return self._solc.codes(self._family.needed(sources, names), names, optimised=optimised)

    def _order(self, mutant: Mutant) -> list[str]:
        """Tests that killed nearby before, the latest first; then the quickest."""
        before = self._results.killer_before(mutant.key)
        nearby = self._killers[mutant.place][::-1]
        wanted = [*([before] if before else []), *nearby, *sorted(self._runner.tests, key=self.seconds.__getitem__)]
        return [test for test in dict.fromkeys(wanted) if test in self.seconds]

    def _learn(self, place: str, killer: str | None) -> None:
        if killer is not None:
            known = self._killers[place]
            if killer in known:
                known.remove(killer)
            known.append(killer)


def sample(mutants: Iterable[Mutant], size: int, seed: int) -> list[Mutant]:
    """So many of them, in the order of the sources: the same for the same seed and sources."""

    def lot(mutant: Mutant) -> str:
        return hashlib.sha256(f"{seed} {mutant.key}".encode()).hexdigest()

    pool = list(mutants)
    drawn = set(sorted(map(lot, pool))[:size])
    return [mutant for mutant in pool if lot(mutant) in drawn]


def _digest(codes: Mapping[str, Code]) -> str:
    return hashlib.sha256("".join(codes[name].creation for name in _BOTH).encode()).hexdigest()[:32]
