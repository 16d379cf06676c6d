"""The command: help with an example everywhere, refusals in one line with code 2."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from bootstrap import cli, options
from bootstrap.settings import Settings

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]


def test_the_commands_are_there() -> None:
    assert {"demo", "api", "worker", "registry", "devchain", "deploy", "factory", "gateway", "signer"} <= {*COMMANDS}


@pytest.mark.req(181)
@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_that_fits(name: str) -> None:
    answer = CliRunner().invoke(cli.app, [name, "--help"])
    assert answer.exit_code == 0
    examples = re.findall(rf"^ *Example: lotsizeone {name}\b.*$", answer.output, re.MULTILINE)
    assert len(examples) == 1
    assert "end-with-parent" not in answer.output
    used = set(re.findall(r"--[a-z-]+", examples[0]))
    assert used <= set(re.findall(r"^ +(--[a-z-]+)", answer.output, re.MULTILINE))


def test_the_list_of_commands_is_not_cut() -> None:
    assert "..." not in CliRunner().invoke(cli.app, ["--help"]).output.partition("Commands:")[2]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of one's own and an environment that says nothing."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line with which the command refuses; anything else fails the test."""
    monkeypatch.setattr(sys, "argv", ["lotsizeone", *arguments])
    monkeypatch.setattr(options, "start_log", lambda: None)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    words = capfd.readouterr().err
    assert re.fullmatch(r"lotsizeone: [^\n]+\n", words), words
    return words


@pytest.mark.parametrize("name", ["api", "worker", "registry", "devchain", "deploy"])
def test_production_without_secrets_is_refused(
    name: str, bare: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROFILE", "production")
    assert "JWT_SECRET" in refusal(monkeypatch, capfd, name)


def test_the_environment_counts_where_no_option_is_given(
    bare: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATA_DIR", "from-the-environment")
    assert "from-the-environment" in refusal(monkeypatch, capfd, "worker")
    assert "from-the-option" in refusal(monkeypatch, capfd, "worker", "--data", "from-the-option")


@pytest.mark.parametrize("name", ["gateway", "signer", "factory"])
@pytest.mark.parametrize("content", ["", "[]", "{}", '{"surplus": 1}', "\udcff", '{"limits": NaN}'])
def test_a_bad_file_is_named(
    name: str, content: str, bare: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (bare / "mine.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert "mine.json" in refusal(monkeypatch, capfd, name, "--config", "mine.json")


def test_a_gateways_bad_address_is_named_with_its_file(
    bare: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    content = {
        "gateway_id": "g",
        "secret": "s",
        "keystore": "nowhere.json",
        "keystore_password": "p",
        "backend_url": "http://market.example.org",
        "machine": {},
        "spool": "spool.db",
    }
    (bare / "mine.json").write_text(json.dumps(content))
    words = refusal(monkeypatch, capfd, "gateway", "--config", "mine.json")
    assert "mine.json" in words
    assert "nowhere.json" in words


@pytest.mark.parametrize("name", ["a: [", "- 1", ""])
def test_a_bad_catalogue_is_named(
    name: str, bare: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (bare / "offers.yaml").write_text(name)
    assert "offers.yaml" in refusal(monkeypatch, capfd, "registry", "--catalogue", "offers.yaml")


def test_the_demo_refuses_a_file_it_could_not_write(
    bare: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "nowhere" in refusal(monkeypatch, capfd, "demo", "--json", "nowhere/demo.json")


def test_a_database_that_nobody_knows_is_refused(
    bare: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://me:pass-word@host/name")
    assert "pass-word" not in refusal(monkeypatch, capfd, "worker")


def test_ctrl_c_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", interrupted)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 130


LOADED = """
import sys
from unittest import mock
from bootstrap import cli, options
with mock.patch.object(cli, "app", lambda: None):
    cli.main()
import bootstrap.api, bootstrap.worker
print(" ".join(sys.modules))
"""


@pytest.mark.req(165)
def test_nothing_loads_that_is_not_used() -> None:
    """A second of each start: the client for FCM where there is none, colours for logs."""
    answer = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    loaded = {name.partition(".")[0] for name in answer.stdout.split()}
    assert "sqlalchemy" in loaded
    assert not loaded & {"firebase_admin", "google", "rich", "pygments", "eth_tester", "eth", "asyncua", "serial"}
