"""A small house with the rooms of the real one, to plant violations in; and the gates as commands."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("marketplace", "contracts", "matchmaking", "notifications", "shopfloor", "mobile_api", "bootstrap")
DRIVEN = ("contracts", "matchmaking", "notifications", "shopfloor")
GATE_TIMEOUT_S = 120

MODULES = (
    *(f"{package}/__init__.py" for package in PACKAGES),
    *(f"{package}/{name}.py" for package in DRIVEN for name in ("adapter", "leaf")),
    *(
        f"marketplace/{layer}/{name}.py"
        for layer in ("application", "persistence", "planning", "ports", "domain")
        for name in ("__init__", "a", "b")
    ),
    *(f"shopfloor/{part}/{name}.py" for part in ("gateway", "protocols") for name in ("__init__", "a")),
    "shopfloor/ingest.py",
    "mobile_api/app.py",
    "mobile_api/client/__init__.py",
    "mobile_api/client/a.py",
    "bootstrap/worker.py",
)


def dummy_house(where: Path) -> Path:
    """An empty module for each name the configuration speaks of, under the real `.importlinter`."""
    for name in MODULES:
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    shutil.copy(ROOT / ".importlinter", where / ".importlinter")
    return where


def plant(house: Path, module: str, source: str) -> None:
    """Append `source` to a module of the house."""
    path = house / (module.replace(".", "/") + ".py")
    path.write_text(path.read_text() + source + "\n" if path.exists() else source + "\n")


def lint_imports(house: Path) -> subprocess.CompletedProcess[str]:
    """Run the layer gate in `house`, without anything of ours on the path."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    return _run(command, house, PYTHONPATH=str(house))


def ruff_check(house: Path) -> subprocess.CompletedProcess[str]:
    """Run the lint gate in `house` with the project's own settings."""
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--config", str(ROOT / "pyproject.toml"), "."]
    return _run(command, house)


def _run(command: list[str], where: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1", "COLUMNS": "300", **extra}
    return subprocess.run(
        command, cwd=where, env=environment, capture_output=True, text=True, timeout=GATE_TIMEOUT_S, check=False
    )


def tracked_files(*suffixes: str) -> list[Path]:
    """Files of the repository, those not yet committed included, that end with one of `suffixes` (all if none)."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = _run(command, ROOT).stdout.split("\0")
    found = [ROOT / name for name in listed if name and (not suffixes or name.endswith(suffixes))]
    return [path for path in found if path.is_file()]
