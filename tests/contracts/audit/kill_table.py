"""Plants each bug of `bugs.py` and plays the suites with it: `python -m tests.contracts.audit.kill_table`.

What was seen is kept, so a run that was ended goes on, and only what changed is played again.
"""

import argparse
import hashlib
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.contracts.audit.bugs import BUGS, Bug
from tests.contracts.audit.walks import DEPTH, JOURNALS, SEQUENCES, digest_of, play_planted
from tests.tooling.foundry import AUDIT, ForgeFailure, Verdict
from tests.tooling.mutation import solc
from tests.tooling.mutation.solc import AGREEMENT, FACTORY

PLANTED: Final = AUDIT / "cache" / "planted"
_BOTH: Final = (FACTORY, AGREEMENT)


@dataclass(frozen=True)
class Catch:
    """One test that failed: `after` so many cases of a rule, or calls of the walks."""

    test: str
    after: int
    seconds: float
    reason: str

    @property
    def by_walks(self) -> bool:
        """Whether it is the ghost ledger's invariant, and not a rule."""
        return self.test.startswith("invariant_")


@dataclass(frozen=True)
class Caught:
    """What the suites say to one bug; no catch means that it passed."""

    what: str
    digest: str
    catches: tuple[Catch, ...]


class Planter:
    """Compiles the contracts with one edit each, by the old pipeline and without the optimiser: that is quick."""

    def __init__(self, compiler: Callable[[], solc.Solc]) -> None:
        self._compiler = compiler
        self._sources = solc.sources_on_disk()

    def plant(self, bug: Bug | None) -> Path:
        """A folder of artifacts with the bug in them, or with none for the control; what is there already stays.

        Raises:
            AssertionError: the sources have not exactly one place for the edit.
            DoesNotCompileError: the edit is no Solidity.
        """
        changed = {} if bug is None else {bug.cut.source: bug.cut.apply(self._sources[bug.cut.source])}
        sources = {**self._sources, **changed}
        name = re.sub(r"\W+", "-", what_of(bug))
        digest = hashlib.sha256(json.dumps(sources, sort_keys=True).encode()).hexdigest()[:16]
        folder = PLANTED / f"{name}-{digest}"
        if not folder.is_dir():
            codes = self._compiler().codes(sources, _BOTH)
            draft = Path(tempfile.mkdtemp(dir=_made(PLANTED)))
            solc.write_artifacts(draft, codes)
            for old in PLANTED.glob(f"{name}-*"):
                shutil.rmtree(old)
            draft.rename(folder)
        return folder


@contextmanager
def planter() -> Iterator[Planter]:
    """A planter whose compiler starts when it is needed, and ends with the block."""
    started: list[solc.Solc] = []

    def compiler() -> solc.Solc:
        if not started:
            started.append(solc.Solc())
        return started[0]

    try:
        yield Planter(compiler)
    finally:
        for one in started:
            one.close()


def play(folder: Path, match_test: str = "") -> tuple[Catch, ...]:
    """The tests that fail with the planted contracts, those that need least first.

    Raises:
        AssertionError: the contracts do not even deploy, so no test saw the bug.
    """
    with tempfile.TemporaryDirectory() as scratch:
        try:
            play_planted(folder, Path(scratch), match_test=match_test)
        except ForgeFailure as failure:
            catches = [_catch(verdict) for verdict in failure.failures]
            assert not [one for one in catches if one.test == "setUp"], catches
            return tuple(sorted(catches, key=lambda one: (one.by_walks, one.after, one.test)))
    return ()


def _catch(verdict: Verdict) -> Catch:
    name = verdict.test.partition("(")[0]
    if verdict.kind == "Invariant":
        after = sum(one["calls"] for one in verdict.figures["metrics"].values())
    else:
        after = verdict.figures.get("runs", 0) + 1
    return Catch(name, after, round(verdict.seconds, 2), verdict.reason[:200])


class Table:
    """The bugs played so far, in a file; `None` as bug is the control, which nothing may catch."""

    def __init__(self, folder: Path = JOURNALS) -> None:
        self._path = folder / "planted.jsonl"
        lines = self._path.read_text("utf-8").splitlines() if self._path.is_file() else []
        self._known = {(one.what, one.digest): one for one in map(_caught, lines)}

    def judge(self, planter: Planter, bug: Bug | None) -> Caught:
        """What the suites say, from the file if neither they nor the planted code have changed."""
        folder = planter.plant(bug)
        key = (what_of(bug), digest_of(folder, rules=True))
        if key not in self._known:
            self._known[key] = Caught(*key, play(folder))
            _made(self._path.parent)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(self._known[key])) + "\n")
        return self._known[key]


def judge_all(say: Callable[[str], object], bugs: Sequence[Bug] = BUGS) -> tuple[Caught, list[Caught]]:
    """The control and every bug, one after the other; `say` hears each row of the table as it comes."""
    table = Table()
    with planter() as one:
        say("| planted | caught by the rule | case | by the walks after | |\n|---|---|---|---|---|")
        control = table.judge(one, None)
        say(row(control))
        rows = []
        for bug in bugs:
            rows.append(table.judge(one, bug))
            say(row(rows[-1]))
    return control, rows


def what_of(bug: Bug | None) -> str:
    """Its name in the table."""
    return "nothing" if bug is None else bug.what


def row(caught: Caught) -> str:
    """A row of the table in Markdown: the quickest rule, how many others, and what the walks took."""
    rules = [one for one in caught.catches if not one.by_walks]
    walks = [one for one in caught.catches if one.by_walks]
    more = f" and {len(rules) - 1} more" if len(rules) > 1 else ""
    rule = f"{_short(rules[0].test)}{more} | {rules[0].after}" if rules else "– | –"
    walked = f"{_when(walks[0])} | {walks[0].seconds:.1f} s" if walks else "– | –"
    return f"| {caught.what} | {rule} | {walked} |"


def _when(catch: Catch) -> str:
    """forge plays all sequences before it tells that one of them went wrong when it was left to strangers."""
    return f"{catch.after:,} calls" if catch.after < SEQUENCES * DEPTH else "at an end"


def _short(test: str) -> str:
    return test.removeprefix("testFuzz_")


def _caught(line: str) -> Caught:
    said = json.loads(line)
    return Caught(said["what"], said["digest"], tuple(Catch(**one) for one in said["catches"]))


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 where every bug is caught and the control is not."""
    parser = argparse.ArgumentParser(prog="python -m tests.contracts.audit.kill_table", description=__doc__)
    parser.add_argument("--only", metavar="WORDS", default="", help="bugs whose names have these words")
    options = parser.parse_args(arguments)
    bugs = [bug for bug in BUGS if options.only in bug.what]
    control, rows = judge_all(lambda line: print(line, flush=True), bugs)
    missed = [one.what for one in rows if not one.catches]
    print(f"{len(rows) - len(missed)} of {len(rows)} caught; missed: {missed}; control: {control.catches or 'passes'}")
    return 1 if missed or control.catches else 0


if __name__ == "__main__":
    sys.exit(main())
