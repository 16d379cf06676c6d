"""The short form: workers die at discovered points while whole orders are settled, and each broken rule is noticed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import bootstrap.worker  # noqa: F401 - loads every adapter
from tests.faults import pairs
from tests.faults.controls import CONTROLS, TEMPTATIONS, WEAKNESSES
from tests.faults.crash import schedule
from tests.faults.kinds import kinds
from tests.faults.points import calls_of, implementations, port_protocols
from tests.faults.verdicts import Verdicts
from tests.support import require_server
from tests.tooling.foundry import ForgeError, binary

ROOT = Path(__file__).parents[2]
LONGEST_S = 4 * 3600
"""A night, on a machine that has other things to do."""
SEED = "20261121"


def laboratory(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and last line."""
    try:
        binary("anvil")
    except ForgeError as error:
        require_server(str(error))
    command = [sys.executable, "-m", "tests.faults", *arguments, "--seed", SEED, "--json"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    assert ran.stdout, ran.stderr[-3000:]
    print(ran.stderr[-3000:])
    return ran.returncode, json.loads(ran.stdout.splitlines()[-1])


def test_every_port_has_points() -> None:
    found = {one.__name__: implementations(one) for one in port_protocols() if calls_of(one)}
    assert [name for name, classes in found.items() if not classes] == []


def test_the_same_seed_gives_the_same_schedule() -> None:
    seen = {"before a": 1, "after a": 4, "before b": 90}
    assert schedule(seen, 2, 5, seed=7) == schedule(seen, 2, 5, seed=7)
    assert schedule(seen, 2, 5, seed=7) != schedule(seen, 2, 5, seed=8)
    assert {death.point for death in schedule(seen, 2, 5, seed=7, most=3)} == set(seen)


def test_the_same_seed_gives_the_same_pairs() -> None:
    names = kinds("sqlite")
    assert len(names) >= 12
    assert pairs.schedule(names, 200, seed=1) == pairs.schedule(names, 200, seed=1)
    assert pairs.schedule(names, 200, seed=1) != pairs.schedule(names, 200, seed=2)
    every = {frozenset(one.kind for one in run.faults) for run in pairs.schedule(names, 200, seed=1)}
    assert len(every) == len(names) * (len(names) - 1) // 2


def test_every_control_has_its_weakness() -> None:
    assert WEAKNESSES.keys() | TEMPTATIONS.keys() == CONTROLS.keys()


def test_a_verdict_is_kept_for_this_code_only(tmp_path: Path) -> None:
    file = tmp_path / "verdicts.json"
    Verdicts(resume=True, file=file).put("crash", {"kills": 3})
    assert Verdicts(resume=True, file=file).get("crash") == {"kills": 3}
    assert Verdicts(resume=False, file=file).get("crash") is None
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({f"other {name}": value for name, value in kept.items()}))
    assert Verdicts(resume=True, file=file).get("crash") is None


@pytest.mark.integration
def test_nothing_is_lost_or_paid_twice_by_crashes() -> None:
    code, figures = laboratory("crash", "--points", "all", "--most", "12")
    assert figures["points"] == figures["kills"]
    assert 8 <= figures["kills"] <= 12
    assert figures["missed"] == 0
    assert (figures["lost"], figures["double"], figures["unreconciled"]) == (0, 0, 0)
    assert code == 0


@pytest.mark.integration
def test_a_sender_that_records_too_late_is_noticed() -> None:
    code, figures = laboratory("crash", "--negative-control", "send-then-record")
    assert code == 1
    assert figures["double"] > 0


@pytest.mark.integration
@pytest.mark.nightly
@pytest.mark.parametrize("control", WEAKNESSES)
def test_every_broken_rule_is_noticed(control: str) -> None:
    code, figures = laboratory("crash", "--negative-control", control)
    assert code == 1
    assert figures["double"] + figures["lost"] > 0


@pytest.mark.integration
@pytest.mark.nightly
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_ten_deaths_at_every_point(database: str) -> None:
    code, figures = laboratory("crash", "--points", "all", "--runs", "10", "--db", database, "--resume")
    assert figures["points"] >= 30
    assert figures["kills"] >= 9 * figures["points"]
    assert figures["missed"] == 0
    assert (figures["lost"], figures["double"], figures["unreconciled"]) == (0, 0, 0)
    assert code == 0


@pytest.mark.integration
@pytest.mark.nightly
@pytest.mark.parametrize("control", TEMPTATIONS)
def test_a_rule_broken_under_two_faults_is_noticed(control: str) -> None:
    code, figures = laboratory("pairs", "--negative-control", control)
    assert code == 1
    assert figures["double"] + figures["lost"] > 0


@pytest.mark.integration
@pytest.mark.nightly
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_two_faults_at_once_two_hundred_times(database: str) -> None:
    code, figures = laboratory("pairs", "--runs", "200", "--db", database, "--resume")
    assert figures["kinds"] >= 12
    assert figures["runs"] == 200
    assert (figures["lost"], figures["double"], figures["unreconciled"]) == (0, 0, 0)
    assert code == 0


@pytest.mark.integration
@pytest.mark.nightly
def test_two_thousand_waiting_orders_finish_in_another_version() -> None:
    code, figures = laboratory("upgrade", "--orders", "2000")
    assert figures["waiting"] == figures["finished"] == 2000
    assert (figures["lost"], figures["double"], figures["unreconciled"]) == (0, 0, 0)
    assert code == 0


@pytest.mark.integration
@pytest.mark.nightly
def test_a_migration_that_forgets_is_noticed() -> None:
    code, figures = laboratory("upgrade", "--orders", "20", "--negative-control")
    assert code == 1
    assert figures["lost"] > 0


@pytest.mark.integration
@pytest.mark.nightly
def test_a_killed_database_server_loses_no_acknowledged_order() -> None:
    code, figures = laboratory("postgres", "--kills", "3")
    assert figures["answers"].keys() <= {"201", "503"}
    assert (figures["lost"], figures["double"], figures["unreconciled"]) == (0, 0, 0)
    assert code == 0


@pytest.mark.integration
@pytest.mark.nightly
def test_a_server_that_forgets_is_noticed() -> None:
    code, figures = laboratory("postgres", "--kills", "3", "--negative-control")
    assert code == 1
    assert figures["lost"] > 0
