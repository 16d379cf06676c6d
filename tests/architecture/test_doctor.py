"""The doctor shares no code with what it examines: standard library, httpx, eth-hash and psycopg, nothing of ours."""

import ast
import sys
from pathlib import Path

import pytest

from tests.architecture.test_light_imports import loaded_by
from tests.architecture.tree import PACKAGES, ROOT

DOCTOR = ROOT / "bootstrap" / "doctor"
THIRD_PARTIES = {"httpx", "eth_hash", "psycopg"}
WAYS_AROUND = {"importlib", "runpy", "pkgutil", "imp"}
BUILT_IN_WAYS = {"__import__", "exec", "eval", "compile"}


def foreign(path: Path) -> set[str]:
    """What a module imports, or could import behind our back, that an independent opinion must not."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["." * node.level + (node.module or "")]
            if node.module == "bootstrap":
                names = [f"bootstrap.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Name) and node.id in BUILT_IN_WAYS:
            names = [node.id]
        found |= {name for name in names if not _is_allowed(name)}
    return found


def _is_allowed(name: str) -> bool:
    top = name.partition(".")[0]
    if top == "bootstrap":
        return name.startswith("bootstrap.doctor.")
    return top not in WAYS_AROUND and (top in THIRD_PARTIES or top in sys.stdlib_module_names)


@pytest.mark.parametrize("path", sorted(DOCTOR.rglob("*.py")), ids=lambda path: path.stem)
def test_the_doctor_imports_nothing_of_ours(path: Path) -> None:
    assert foreign(path) == set(), f"{path} shares code with what it examines: say it again in bootstrap/doctor"


def test_a_running_doctor_has_loaded_nothing_of_ours() -> None:
    assert not loaded_by("bootstrap.doctor") & (set(PACKAGES) - {"bootstrap"} | {"sqlalchemy", "web3", "eth_abi"})


@pytest.mark.parametrize(
    "planted",
    [
        "from contracts.events import decode",
        "import marketplace.domain.lifecycle",
        "def f():\n    from bootstrap.settings import Settings",
        "from bootstrap import container",
        "from . import settings",
        "import sqlalchemy",
        "import eth_abi",
        "import importlib\nimportlib.import_module('contracts.abi')",
        "__import__('contracts')",
        "exec('import contracts')",
    ],
)
def test_a_planted_violation_is_seen(planted: str, tmp_path: Path) -> None:
    module = tmp_path / "planted.py"
    module.write_text(f"import json\nimport httpx\nfrom bootstrap.doctor.abi import Fact\n{planted}\n")
    assert foreign(module)
