"""The campaign's own tests: its lists fit the sources, it kills, and it can tell what it did not kill."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from contracts import compiler
from tests.support import require_server
from tests.tooling.mutation import solc
from tests.tooling.mutation.campaign import sample
from tests.tooling.mutation.mutants import STATEMENTS, Family, Mutant, listed_equivalents
from tests.tooling.mutation.report import Report
from tests.tooling.mutation.results import ROOT, Result, Verdict

LEDGER = "src/core/Ledger.sol"
AFTER, NOT_AFTER = f"{LEDGER}:_requireAfter", f"{LEDGER}:_requireNotAfter"
REFUND = "test_refund_starts_one_second_after_the_last_delivery"


@pytest.fixture(scope="module")
def parsed() -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """The sources and their trees."""
    reason = compiler.missing_tools()
    if reason is not None:
        require_server(reason)
    with solc.session() as compiler_:
        sources = solc.sources_on_disk()
        yield sources, compiler_.trees(sources)


@pytest.fixture(scope="module")
def family(parsed: tuple[dict[str, str], dict[str, Any]]) -> Family:
    """All mutants of the contracts as they are."""
    return Family(*parsed)


@pytest.fixture(scope="module")
def mutants(family: Family) -> list[Mutant]:
    """Planted, not yet compiled."""
    return list(family.mutants())


def test_people_said_of_every_function_whether_it_moves_money(family: Family) -> None:
    assert family.stale() == []


def test_a_stale_list_of_money_is_named(parsed: tuple[dict[str, str], dict[str, Any]]) -> None:
    """The control: every kind of staleness, planted."""
    money = {
        STATEMENTS: [r"trySafeTransfer\(", "nobody says this"],
        LEDGER: {"money": ["_credit", "_gone"], "other": ["_push", "_credit"], "effects": ["_end"]},
        "src/Gone.sol": {},
    }
    problems = Family(*parsed, money).stale()
    assert {
        "src/Gone.sol does not exist",
        "_leave of src/core/Ledger.sol is not classified",
        "src/core/Ledger.sol has no _gone",
        "_credit is listed twice",
        "_end of src/core/Ledger.sol has no comment `// Effect`",
        "nothing matches nobody says this",
    } <= set(problems)
    assert [one for one in problems if re.fullmatch(rf"{LEDGER}:\d+ moves money by trySafeTransfer.*", one)]


def test_what_nobody_classified_counts_as_money(parsed: tuple[dict[str, str], dict[str, Any]]) -> None:
    assert all(mutant.money for mutant in Family(*parsed, {}).mutants())


def test_every_equivalent_is_still_a_mutant(mutants: list[Mutant]) -> None:
    changes = {mutant.change for mutant in mutants}
    assert [change for change in listed_equivalents() if change not in changes] == []
    assert all(len(reason) > 20 for reason in listed_equivalents().values())


def test_every_line_that_moves_money_has_a_mutant(family: Family, mutants: list[Mutant]) -> None:
    verdicts = {mutant: Result(mutant.key, "", Verdict.KILLED, "") for mutant in mutants}
    assert Report(verdicts, {}, family.money_lines()).untouched_lines() == []
    only = {mutant: result for mutant, result in verdicts.items() if mutant.function != "_credit"}
    untouched = Report(only, {}, family.money_lines()).untouched_lines()
    assert any("Credited" in line for line in untouched), "the control: nobody touches `_credit`"


def test_the_sample_is_the_same_each_time_and_another_with_another_seed(mutants: list[Mutant]) -> None:
    others = [mutant for mutant in mutants if not mutant.money]
    drawn = sample(others, 200, 1)
    assert len(drawn) == 200
    assert sample(others[::-1], 200, 1)[::-1] == drawn
    assert sample(others, 200, 2) != drawn


def test_a_report_fails_for_one_survivor_on_a_line_of_money(mutants: list[Mutant]) -> None:
    money = next(mutant for mutant in mutants if mutant.money)
    other = next(mutant for mutant in mutants if not mutant.money)
    killed, survived = (Result("", "", verdict, "") for verdict in (Verdict.KILLED, Verdict.SURVIVED))
    assert not Report({money: killed, other: killed}, {}, {}).fails(0.9)
    assert Report({money: survived, other: killed}, {}, {}).fails(0.9)
    assert Report({money: killed, other: survived}, {}, {}).fails(0.9)
    listed = {money.change: "looked at by people"}
    assert not Report({money: survived, other: killed}, listed, {}).fails(0.9)
    assert Report({money: killed, other: killed}, listed, {}).fails(0.9), "listed as no mistake, yet noticed"
    assert Report({money: killed}, {}, {}, ["stale"]).fails(0.9)


def test_a_handful_is_killed_and_what_the_tests_do_not_look_at_survives() -> None:
    """The control: only a refund is tried, so mistakes in the check that other moves need go unnoticed."""
    reason = compiler.missing_tools()
    if reason is not None:
        require_server(reason)
    done = _campaign("--only", AFTER, NOT_AFTER, "--keyword", REFUND, "--suite", *_suite("exits"))
    assert done.returncode == 1, done.stdout + done.stderr
    verdicts = re.findall(r"^\[\d+/\d+, .*\] (\S+):\d+ \(\w+\) (\w+)", done.stdout, re.MULTILINE)
    assert {place for place, verdict in verdicts if verdict == "killed"} == {AFTER}
    assert {place for place, verdict in verdicts if verdict == "survived"} == {NOT_AFTER}
    assert re.search(rf"^{LEDGER}:\d+ _requireNotAfter \(relation\)$", done.stdout, re.MULTILINE), done.stdout


def _suite(name: str) -> list[str]:
    return [str(ROOT / "tests" / "contracts" / "mutation" / f"test_figures_{name}.py")]


def _campaign(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    command = [sys.executable, "-m", "tests.tooling.mutation", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)
