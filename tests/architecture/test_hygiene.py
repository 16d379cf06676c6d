"""Locks hold versions and hashes only; no file names a machine, a registry or unfinished work."""

import json
from pathlib import Path

import pytest

from tests.architecture.hygiene import FORBIDDEN, UNFINISHED, addresses_in_lock, entries_without_hash, violations
from tests.architecture.tree import PACKAGES, ROOT, tracked_files

LOCKS = sorted(p for p in tracked_files(".lock", "package-lock.json") if p.name != "yarn.lock")


def test_there_are_locks() -> None:
    assert {"requirements.lock", "requirements-dev.lock", "requirements-build.lock"} <= {p.name for p in LOCKS}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda p: str(p.relative_to(ROOT)))
def test_locks_hold_hashes_and_no_address(lock: Path) -> None:
    assert addresses_in_lock(lock) == []
    assert entries_without_hash(lock) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.lock", "x==1 --hash=sha256:00\n# from https:" + "//example.org\n"),
        ("a.lock", "x @ file.whl --hash=sha256:00\n"),
        ("package-lock.json", json.dumps({"packages": {"": {}, "a": {"integrity": "x", "resolved": "y"}}})),
    ],
)
def test_a_planted_address_is_seen(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert addresses_in_lock(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.lock", "x==1 \\\n    --hash=sha256:00\ny==2\n"),
        ("package-lock.json", json.dumps({"packages": {"": {}, "a": {"version": "1"}}})),
    ],
)
def test_a_planted_entry_without_hash_is_seen(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert len(entries_without_hash(tmp_path / name)) == 1


def test_no_file_names_a_machine_a_registry_or_a_key() -> None:
    found = [line for path in tracked_files() for line in violations(path, FORBIDDEN)]
    assert not found, "\n".join(found)


def test_no_code_is_unfinished() -> None:
    code = tracked_files(".py", ".sol", ".ts", ".svelte")
    found = [line for path in code for line in violations(path, UNFINISHED)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "cd /wo" + "rk/main",
        '"/ro' + 'ot/.cache"',
        "see /ho" + "me/ada/x",
        "https:" + "//py" + "pi.org/simple",
        "-----BEGIN EC PRIV" + "ATE KEY-----",
    ],
)
def test_planted_traces_are_seen(tmp_path: Path, line: str) -> None:
    (tmp_path / "x.md").write_text(line)
    assert violations(tmp_path / "x.md", FORBIDDEN)


@pytest.mark.parametrize(
    "line", ["/v1/workers", "a/" + "work/b", "./root.py", "/rooted", "/workers/7", "http://x/" + "work/"]
)
def test_ordinary_words_are_not_traces(tmp_path: Path, line: str) -> None:
    (tmp_path / "x.md").write_text(line)
    assert not violations(tmp_path / "x.md", FORBIDDEN)


@pytest.mark.parametrize("line", ["# TO" + "DO later", "raise NotImplemented" + "Error", "# pragma: no " + "cover"])
def test_planted_unfinished_work_is_seen(tmp_path: Path, line: str) -> None:
    (tmp_path / "x.py").write_text(line)
    assert violations(tmp_path / "x.py", UNFINISHED)


def test_the_top_level_packages_are_the_seven_of_the_house() -> None:
    found = {path.relative_to(ROOT).parts[0] for path in tracked_files(".py") if path.parent != ROOT}
    assert found - {"tests", "benchmarks", "docs", "examples", "mobile_app"} == set(PACKAGES)
    assert not [path for path in tracked_files(".py") if path.parent == ROOT]


def test_every_test_folder_is_a_package() -> None:
    """Without `__init__.py`, tests/contracts would shadow the real package of that name."""
    folders = {p.parent for p in tracked_files(".py") if p.is_relative_to(ROOT / "tests")}
    assert not [str(folder) for folder in folders if not (folder / "__init__.py").exists()]
