"""`lotsizeone doctor` as people and scripts run it, against a served chain."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from typer.testing import CliRunner

from bootstrap import cli, container
from bootstrap.commands import doctor as command
from bootstrap.settings import Settings
from contracts.devchain import create_app
from tests.architecture.tree import ROOT
from tests.bootstrap.doctor.corruptions import CORRUPTIONS
from tests.bootstrap.doctor.situation import Situation
from tests.bootstrap.doctor.spoiling import Spoiler, sqlite_in
from tests.contracts.world import CHAIN_ID, START

PROGRESS = re.compile(r"(\w+: \d+ of \d+\n)*")
"""What a slow machine says meanwhile."""
KEYS = {"checks", "findings", "notes", "block", "orders", "events", "exit"}


@pytest.fixture(scope="module")
def chain_url(situation: Situation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The situation's chain behind HTTP."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(situation.chain, folder / "chain")
    app = create_app(folder / "chain", clock=lambda: float(START), chain_id=CHAIN_ID)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    serving = threading.Thread(target=server.run)
    serving.start()
    until = time.monotonic() + 60
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    serving.join(30)


@pytest.fixture
def data(situation: Situation, tmp_path: Path) -> Path:
    """A data folder with the situation's database and address book."""
    shutil.copy(situation.database, tmp_path / "marketplace.db")
    situation.book.save(tmp_path / "contracts.json")
    return tmp_path


def run(data: Path, chain_url: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own."""
    bare = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    return subprocess.run(
        [sys.executable, "-m", "bootstrap", "doctor", "--data", str(data), *arguments],
        env={**bare, "CHAIN_URL": chain_url, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.integration
def test_a_sound_house(data: Path, chain_url: str, situation: Situation) -> None:
    told = run(data, chain_url)
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.splitlines()[-1].startswith(f"Sound: {len(situation.orders)} orders and ")
    assert PROGRESS.fullmatch(told.stderr)


@pytest.mark.integration
def test_a_finding_for_scripts(data: Path, chain_url: str, situation: Situation) -> None:
    spoilt = next(one for one in CORRUPTIONS if one.name == "a foreign payee")
    order = situation.orders[spoilt.order]
    with sqlite_in(data / "marketplace.db") as sql:
        spoilt.spoil(Spoiler(sql, order))
    told = run(data, chain_url, "--json", "--order", order)
    assert told.returncode == 1, told.stdout + told.stderr
    found = json.loads(told.stdout.splitlines()[-1])
    assert found.keys() == KEYS
    assert (found["exit"], found["orders"]) == (1, 1)
    assert [(one["check"], one["order"]) for one in found["findings"]] == [("payout-party", order)]
    assert found["findings"][0].keys() == {"check", "order", "agreement", "what", "do"}
    assert found["checks"][0].keys() == {"check", "about", "looked_at", "findings"}
    assert PROGRESS.fullmatch(told.stderr)


@pytest.mark.integration
def test_a_node_that_is_away_for_scripts(data: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        told = run(data, f"http://127.0.0.1:{closed.getsockname()[1]}/key", "--json", "--patience", "3")
    assert told.returncode == 2
    found = json.loads(told.stdout.splitlines()[-1])
    assert (found["exit"], found["checks"], found["findings"], found["orders"], found["events"]) == (2, [], [], 0, 0)
    assert "cannot be reached" in found["error"]
    assert len(told.stderr.splitlines()) == 1
    assert "/key" not in told.stderr


@pytest.mark.integration
def test_a_folder_without_a_database(data: Path, chain_url: str) -> None:
    (data / "marketplace.db").unlink()
    told = run(data, chain_url)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("lotsizeone: could not look: there is no database")
    assert not (data / "marketplace.db").exists()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: (data / "contracts.json").unlink(), "contracts.json is missing"),
        (lambda data: (data / "contracts.json").write_text("[]"), "contracts.json"),
        (lambda data: (data / "contracts.json").write_text("{" * 100_000), "contracts.json"),
    ],
)
def test_what_cannot_be_looked_at_is_said_in_a_line(
    spoil: Callable[[Path], object], said: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    spoil(data)
    answer = CliRunner().invoke(cli.app, ["doctor", "--data", str(data), "--json", "--patience", "1"])
    assert answer.exit_code == 2
    assert json.loads(answer.stdout.splitlines()[-1])["exit"] == 2
    assert said in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_progress_is_told_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(command.time, "monotonic", lambda: now[0])
    tell = command._Progress()
    for done in range(10):
        now[0] += 0.5
        tell("blocks", done, 10)
    assert capsys.readouterr().err == "blocks: 3 of 10\nblocks: 7 of 10\n"


def test_a_depth_is_taken_from_the_settings(data: Path) -> None:
    assert command.DEEP_ENOUGH == container.CONFIRMATIONS
    book = json.loads((data / "contracts.json").read_text())
    wanted = {(31337, None): 0, (1, None): 12, (1, 30): 30, (1, "finalized"): None, (31337, 2): 2}
    for (chain_id, confirmations), depth in wanted.items():
        (data / "contracts.json").write_text(json.dumps(book | {"chain_id": chain_id}))
        settings = Settings(data_dir=data, confirmations=confirmations)  # type: ignore[arg-type]
        assert command.question_of(settings).confirmations == depth
