"""Which requirement is shown by which test, benchmark or document: `make requirements`.

A test names its numbers with `@pytest.mark.req(n, …)`, a benchmark with a module constant `REQUIREMENTS = (n, …)`,
a document by writing `R<n>`. docs/requirements.md is the list itself and counts as no evidence; its last column says
what shows each number, and `--write` brings it up to date.
"""

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = Path("docs/requirements.md")
_ROW = re.compile(r"^\| (\d+) \| ([^|]+) \|", re.MULTILINE)
_MARK = re.compile(r"\bmark\.req\(([\d,\s]*)\)")
_CONSTANT = re.compile(r"^REQUIREMENTS\b[^=\n]*= \(([\d,\s]*)\)", re.MULTILINE)
_WORD = re.compile(r"\bR(\d{1,3})\b")
_LAST_CELL = re.compile(r"^(\| (\d+) \|.*\| )([^|]+) \|$", re.MULTILINE)
STATES = {"tests": "test", "benchmarks": "figure", "docs": "words"}
"""Folder of the evidence → what the list says of it, the strongest first."""
NOT_YET = "not yet"
PLANTED = frozenset({"test_house_rules.py", "test_requirements_index.py", "test_docs.py"})
"""Tests whose texts hold marks and numbers that nobody claims."""


@dataclass
class Index:
    """The numbered list and where each number is shown."""

    titles: dict[int, str]
    shown: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))

    @property
    def missing(self) -> list[int]:
        """Numbers that nothing names yet."""
        return [number for number in sorted(self.titles) if not self.shown.get(number)]

    def state(self, number: int) -> str:
        """The strongest kind of evidence for a number."""
        folders = {Path(name).parts[0] for name in self.shown.get(number, ())}
        return next((state for folder, state in STATES.items() if folder in folders), NOT_YET)

    @property
    def unknown(self) -> list[int]:
        """Numbers that something names and the list does not hold."""
        return sorted(set(self.shown) - set(self.titles))


def build_index(root: Path) -> Index:
    """Read the list, the tests, the benchmarks and the documents below `root`."""
    index = Index({int(number): title.strip() for number, title in _ROW.findall((root / LIST).read_text())})
    for folder, suffix, pattern in (("tests", ".py", _MARK), ("benchmarks", ".py", _CONSTANT), ("docs", ".md", _WORD)):
        for path in sorted((root / folder).rglob(f"*{suffix}")):
            name = path.relative_to(root)
            if name == LIST or name.name in PLANTED:
                continue
            for group in pattern.findall(path.read_text()):
                for number in re.findall(r"\d+", group):
                    index.shown[int(number)].add(str(name))
    return index


def stated(text: str) -> dict[int, str]:
    """What the list says of each number."""
    return {int(number): state.strip() for _, number, state in _LAST_CELL.findall(text)}


def restated(text: str, index: Index) -> str:
    """The list with its last column as the index has it."""
    return _LAST_CELL.sub(lambda row: f"{row[1]}{index.state(int(row[2]))} |", text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the open numbers; with `--strict` exit 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--write", action="store_true", help="write into docs/requirements.md what shows each number")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a number is open or unknown")
    options = parser.parse_args(arguments)
    index = build_index(ROOT)
    if options.write:
        (ROOT / LIST).write_text(restated((ROOT / LIST).read_text(), index))
    if options.json:
        shown = {number: sorted(index.shown.get(number, ())) for number in sorted(index.titles)}
        print(json.dumps({"shown": shown, "missing": index.missing, "unknown": index.unknown}, indent=1))
    else:
        for number in index.missing:
            print(f"{number:>4}  {index.titles[number]}")
        print(
            f"{len(index.titles) - len(index.missing)} of {len(index.titles)} are shown, {len(index.missing)} are open"
        )
        for number in index.unknown:
            print(f"unknown number {number}: {', '.join(sorted(index.shown[number]))}")
    return 1 if options.strict and (index.missing or index.unknown) else 0


if __name__ == "__main__":
    sys.exit(main())
