"""Plants small mistakes in the contracts, one at a time, and says which of them no test notices."""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.tooling.mutation import solc
from tests.tooling.mutation.campaign import Campaign, sample
from tests.tooling.mutation.mutants import Family, Mutant, listed_equivalents
from tests.tooling.mutation.report import Report
from tests.tooling.mutation.results import FOLDER, ROOT, Result, Results, Suite, Verdict
from tests.tooling.mutation.runner import Runner

_CONTRACTS: Final = ROOT / "tests" / "contracts"
SUITE: Final = sorted((_CONTRACTS / "mutation").glob("test_figures*.py"))
"""The tests that are asked. They compile nothing and draw nothing by lot."""
ENOUGH: Final = 0.9
"""Of the mistakes that concern no money so many must be noticed; of the others all."""
_EXAMPLES: Final = """examples:
  python -m tests.tooling.mutation --money --sample 200 --seed 1
      what `make nightly` runs. Stop it and call it again: it goes on where it was
  python -m tests.tooling.mutation --only src/core/Ledger.sol:_penalty
      the mutants of one function
  python -m tests.tooling.mutation --only src/core/Ledger.sol:_penalty --list
      shows them and runs nothing

Verdicts are kept in .data/mutation, by mutant and tests: only what changed is run again.
Exit code: 0 all is well; 1 mistakes go unnoticed, or a list of people is stale; 2 no verdict. See docs/audit.md."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 only where every mutant was judged and no mistake that concerns money went unnoticed."""
    options = _parse(arguments)
    suite = Suite([Path(path).resolve() for path in options.suite] or SUITE)
    reports: list[Report] = []
    with tempfile.TemporaryDirectory() as scratch, solc.session() as compiler:
        sources = solc.sources_on_disk()
        family = Family(sources, compiler.trees(sources))
        mutants = _chosen(family, options)
        if options.list:
            print(*mutants, f"{len(mutants)} mutants", sep="\n")
            return 0

        def work(runner: Runner) -> None:
            kept = None if options.forget or options.keyword else FOLDER / "results.jsonl"
            results = Results(kept, suite)
            campaign = Campaign(family, compiler, runner, results, Path(scratch))
            print(f"{len(runner.tests)} tests pass on the contracts as they are; {len(mutants)} mutants", flush=True)
            order = mutants[::-1] if options.backwards else mutants
            verdicts = campaign.judge_all(order, _teller(len(mutants)))
            lines = family.money_lines() if options.money and not options.only else {}
            reports.append(Report(verdicts, listed_equivalents(), lines, family.stale()))

        flags = ["-q", "--capture=no", "-p", "no:cacheprovider", "-p", "no:randomly", f"--rootdir={ROOT}"]
        if options.keyword:
            flags += ["-k", options.keyword]
        pytest.main([*flags, *map(str, suite.modules)], plugins=[Runner(Path(scratch), work)])
    if not reports:
        return 2
    for line in reports[0].lines():
        print(line)
    return 1 if reports[0].fails(ENOUGH) else 0


def _chosen(family: Family, options: argparse.Namespace) -> list[Mutant]:
    mutants = list(family.mutants())
    if options.only:
        return [one for one in mutants if one.place in options.only]
    drawn = set(sample([one for one in mutants if not one.money], options.sample, options.seed))
    return [one for one in mutants if one in drawn or (options.money and one.money)]


def _teller(total: int) -> Callable[[int, Mutant, Result], None]:
    """Prints a line for each mutant: how long, how far, how much is left, and what became of it."""
    started = time.monotonic()
    counts: Counter[Verdict] = Counter()

    def tell(number: int, mutant: Mutant, result: Result) -> None:
        counts[result.verdict] += 1
        spent = time.monotonic() - started
        left = spent / number * (total - number) / 60
        how_far = f"{number}/{total}, {spent / 60:.1f} min, {left:.0f} left, {counts[Verdict.SURVIVED]} survived"
        what = f"{mutant.place}:{mutant.line} ({mutant.operator}) {result.verdict}"
        print(f"[{how_far}] {what} {result.killer or ''}".rstrip(), flush=True)

    return tell


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.tooling.mutation",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--money", action="store_true", help="every mutant of a line that moves money")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="so many of the others")
    parser.add_argument("--seed", type=int, default=1, help="which of the others")
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="FILE:FUNCTION", help="mutants of these functions alone"
    )
    parser.add_argument("--suite", nargs="*", default=[], metavar="PATH", help="other test modules")
    parser.add_argument("--keyword", metavar="WORDS", help="only tests that pytest's -k would take; forgets, too")
    parser.add_argument("--forget", action="store_true", help="neither read nor keep results")
    parser.add_argument("--backwards", action="store_true", help="last mutant first, beside one that goes forwards")
    parser.add_argument("--list", action="store_true", help="show the mutants, run none")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
