"""The index of requirements finds what names a number, and what nobody names."""

from pathlib import Path

import pytest

from tests.conftest import LAST_REQUIREMENT
from tests.tooling.requirements_index import ROOT, build_index, main


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in {
        "docs/requirements.md": "| n |\n|---|\n| 1 | a | x |\n| 2 | b | R4 |\n| 3 | c | x |\n| 4 | d | x |\n",
        "docs/other.md": "R2 is told here, A4 is paper\n",
        "tests/test_a.py": "@pytest.mark.req(1,\n    7)\ndef test_a() -> None: ...\n",
        "benchmarks/bench_a.py": "REQUIREMENTS = (3,)\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_evidence_is_found_and_gaps_are_named(tree: Path) -> None:
    index = build_index(tree)
    assert index.shown == {
        1: {"tests/test_a.py"},
        2: {"docs/other.md"},
        3: {"benchmarks/bench_a.py"},
        7: {"tests/test_a.py"},
    }
    assert index.missing == [4]
    assert index.unknown == [7]


@pytest.mark.req(180)
def test_the_list_is_complete_and_every_named_number_is_in_it() -> None:
    index = build_index(ROOT)
    assert sorted(index.titles) == list(range(1, LAST_REQUIREMENT + 1))
    assert index.unknown == []


def test_strict_fails_while_something_is_open(capsys: pytest.CaptureFixture[str]) -> None:
    index = build_index(ROOT)
    assert main(["--strict"]) == (1 if index.missing else 0)
    assert f"of {LAST_REQUIREMENT} are shown" in capsys.readouterr().out
