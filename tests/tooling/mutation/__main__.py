"""`python -m tests.tooling.mutation --money --sample 200 --seed 1`: see `docs/mutation.md`."""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.tooling.mutation import solc
from tests.tooling.mutation.campaign import Campaign, sample
from tests.tooling.mutation.mutants import Family, Mutant, listed_equivalents
from tests.tooling.mutation.report import Report
from tests.tooling.mutation.results import FOLDER, ROOT, Result, Results, Suite
from tests.tooling.mutation.runner import Runner

_CONTRACTS: Final = ROOT / "tests" / "contracts"
SUITE: Final = sorted((_CONTRACTS / "mutation").glob("test_figures*.py"))
"""The tests that are asked. They compile nothing and draw nothing by lot."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 only where every mutant was judged and no mistake that concerns money went unnoticed."""
    options = _parse(arguments)
    suite = Suite([Path(path).resolve() for path in options.suite] or SUITE)
    reports: list[Report] = []
    with tempfile.TemporaryDirectory() as scratch, solc.session() as compiler:
        sources = solc.sources_on_disk()
        family = Family(sources, compiler.trees(sources))
        mutants = _chosen(family, options)

        def work(runner: Runner) -> None:
            results = Results(None if options.forget else FOLDER / "results.jsonl", suite)
            campaign = Campaign(family, compiler, runner, results, Path(scratch))
            verdicts = campaign.judge_all(mutants, _teller(len(mutants)))
            whole = options.money and not options.only
            lines = family.money_lines() if whole else {}
            reports.append(Report(verdicts, listed_equivalents(), lines))

        flags = ["-q", "--capture=no", "-p", "no:cacheprovider", "-p", "no:randomly", f"--rootdir={ROOT}"]
        pytest.main([*flags, *map(str, suite.modules)], plugins=[Runner(Path(scratch), work)])
    if not reports:
        return 2
    for line in reports[0].lines():
        print(line)
    return 1 if _fails(reports[0]) else 0


def _fails(report: Report) -> bool:
    dead, mistakes = report.score(money=False)
    money_survives = any(mutant.money for mutant in report.survivors)
    return money_survives or bool(report.mislabelled) or dead < 0.9 * mistakes or bool(report.untouched_lines())


def _chosen(family: Family, options: argparse.Namespace) -> list[Mutant]:
    mutants = list(family.mutants())
    if options.only:
        return [one for one in mutants if f"{one.file}:{one.function}" in options.only]
    drawn = set(sample([one for one in mutants if not one.money], options.sample, options.seed))
    return [one for one in mutants if one in drawn or (options.money and one.money)]


def _teller(total: int):  # type: ignore[no-untyped-def]
    started = time.monotonic()

    def tell(number: int, mutant: Mutant, result: Result) -> None:
        took = f"{time.monotonic() - started:6.0f} s {number}/{total} {result.verdict}"
        print(
            f"{took} {mutant.file}:{mutant.line} {mutant.function} ({mutant.operator}) {result.killer or ''}",
            flush=True,
        )

    return tell


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.tooling.mutation", description=__doc__)
    parser.add_argument("--money", action="store_true", help="every mutant of a line that moves money")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="so many of the others")
    parser.add_argument("--seed", type=int, default=1, help="which of the others")
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="FILE:FUNCTION", help="mutants of these functions alone"
    )
    parser.add_argument("--suite", nargs="*", default=[], metavar="PATH", help="other test modules")
    parser.add_argument("--forget", action="store_true", help="neither read nor keep results")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
