"""The files in deploy/ say what they should: read as compose, Docker and systemd would, and against our own names."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from bootstrap.cli import app
from bootstrap.settings import Settings
from tests.tooling.requirements_index import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {"api": "api", "worker": "worker"}
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMMANDS = frozenset(typer.main.get_group(app).commands)
SETTINGS = frozenset(name.upper() for name in Settings.model_fields)
PINNED = re.compile(r"[a-z0-9./-]+:\d+\.\d+(\.\d+)?(-[a-z0-9]+)*")
FOR_COMPOSE = {"DOMAIN", "POSTGRES_PASSWORD", "RABBITMQ_PASSWORD"}


def unpinned(services: dict[str, dict[str, Any]]) -> list[str]:
    """Services whose image could be another one tomorrow."""
    return [name for name, service in services.items() if not PINNED.fullmatch(service["image"])]


def unwatched(services: dict[str, dict[str, Any]]) -> list[str]:
    """Services that nobody asks how they are, or that stay away once they ended."""
    return [
        name
        for name, service in services.items()
        if "test" not in service.get("healthcheck", {}) or service.get("restart") != "always"
    ]


def open_to_the_world(services: dict[str, dict[str, Any]]) -> list[str]:
    """Services with ports of the computer."""
    return [name for name, service in services.items() if service.get("ports")]


def test_the_services_are_those_of_a_marketplace_on_two_legs() -> None:
    assert set(SERVICES) == {"api", "worker", "postgres", "rabbitmq", "proxy"}
    for name, command in OURS.items():
        assert SERVICES[name]["deploy"]["replicas"] == 2
        assert SERVICES[name]["command"] == [command]
        assert command in COMMANDS


def test_images_are_pinned_watched_and_shut() -> None:
    assert unpinned(SERVICES) == []
    assert unwatched(SERVICES) == []
    assert open_to_the_world(SERVICES) == ["proxy"]


@pytest.mark.parametrize("check", [unpinned, unwatched, open_to_the_world])
def test_a_planted_slip_is_seen(check: Any) -> None:
    slip = {"image": "postgres:latest", "restart": "no", "ports": ["5432:5432"]}
    assert check({"planted": slip}) == ["planted"]


def test_our_processes_can_do_little() -> None:
    for name in OURS:
        service = SERVICES[name]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert all(volume.endswith(":ro") for volume in service["volumes"])


def test_every_variable_is_a_setting() -> None:
    for name in OURS:
        assert set(SERVICES[name]["environment"]) <= SETTINGS
    given = set(re.findall(r"(?m)^#?([A-Z0-9_]+)=", (DEPLOY / "environment.example").read_text()))
    assert given - FOR_COMPOSE <= SETTINGS
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert asked == FOR_COMPOSE


def test_the_example_of_an_environment_holds_no_secret_and_starts_nothing() -> None:
    text = (DEPLOY / "environment.example").read_text()
    filled = dict(re.findall(r"(?m)^([A-Z0-9_]+)=(.+)$", text))
    assert not [name for name in filled if "PASSWORD" in name or "SECRET" in name or name.endswith("KEY")]
    assert filled["PROFILE"] == "production"


def test_the_image_is_pinned_and_belongs_to_nobody_mighty() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    images = [line.split()[1] for line in lines if line.startswith("FROM")]
    assert [image for image in images if not PINNED.fullmatch(image)] == []
    users = [line.split()[1] for line in lines if line.startswith("USER")]
    assert users == ["10001:10001"]
    last = lines.index("USER 10001:10001")
    assert not [line for line in lines[last:] if line.startswith(("RUN", "COPY"))]
    assert any("--require-hashes" in line for line in lines)
    assert any("hatchling build -t wheel" in line for line in lines)


def read_unit(path: Path) -> configparser.ConfigParser:
    """A unit as an ini file; a key may come more than once, the last one stays."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(path.read_text())
    return unit


HARD = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "RestrictSUIDSGID": "yes",
    "CapabilityBoundingSet": "",
    "Restart": "always",
    "User": "lotsizeone",
}


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_a_command_of_ours_and_can_do_little(path: Path) -> None:
    service = read_unit(path)["Service"]
    program, command, *_ = service["ExecStart"].split()
    assert program.endswith("/lotsizeone")
    assert command in COMMANDS
    assert {name: service[name] for name in HARD} == HARD


def test_there_is_a_unit_for_each_kind() -> None:
    assert [path.name for path in UNITS] == ["lotsizeone-api@.service", "lotsizeone-worker@.service"]


def verified(folder: Path, text: str) -> str:
    """What systemd says of a unit, whose program is put in place of ours; a template is read as its first instance."""
    unit = folder / "planted@1.service"
    unit.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", text))
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return "\n".join(line for line in (told.stdout + told.stderr).splitlines() if "planted@" in line)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for path in UNITS:
        assert verified(tmp_path, path.read_text()) == ""
    assert "Unknown key" in verified(tmp_path, UNITS[0].read_text() + "\n[Service]\nProtectEverything=yes\n")


def test_the_page_names_every_file() -> None:
    page = (ROOT / "docs" / "production.md").read_text()
    files = [path.relative_to(ROOT).as_posix() for path in DEPLOY.rglob("*") if path.is_file()]
    named = [name for name in files if not name.endswith(".dockerignore") and not name.endswith("/.env")]
    assert [name for name in named if name not in page] == []
