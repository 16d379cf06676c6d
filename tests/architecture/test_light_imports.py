"""What a process really loads: a gateway no database, the domain nothing but the standard library."""

import ast
import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT

HEAVY = {"sqlalchemy", "alembic", "fastapi", "starlette", "pydantic", "web3", "eth_tester", "numpy", "marketplace"}
IMPURE = {"asyncio", "os", "random", "secrets", "socket", "sqlite3", "subprocess", "threading", "time"}
LOAD = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), name + "."):
        importlib.import_module(found.name)
print(" ".join(sorted(sys.modules)))
"""


def loaded_by(*names: str) -> set[str]:
    """Top-level packages in memory after a fresh interpreter imported `names` and all modules below them."""
    command = [sys.executable, "-c", LOAD, *names]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    return {name.partition(".")[0] for name in result.stdout.split()}


@pytest.mark.req(101)
@pytest.mark.parametrize("package", ["shopfloor.gateway", "shopfloor.protocols"])
def test_a_gateway_stays_light(package: str) -> None:
    assert not loaded_by(package) & HEAVY


def test_a_partners_client_stays_light() -> None:
    assert not loaded_by("mobile_api.client") & HEAVY


def test_the_command_line_loads_nothing_heavy_before_a_command_runs() -> None:
    assert not loaded_by("bootstrap.cli") & (HEAVY - {"pydantic"})


def test_the_loader_sees_what_is_loaded() -> None:
    """Negative control: a heavy package is found when it is there."""
    assert "sqlalchemy" in loaded_by("sqlalchemy.types")


def imported_names(source: str) -> set[str]:
    """Modules that a source file imports, with dots."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def foreign_to_the_domain(source: str) -> set[str]:
    """What the domain may not import: third parties, other rooms, and the impure part of the standard library."""
    names = imported_names(source)
    at_home = {name for name in names if name == "marketplace.domain" or name.startswith("marketplace.domain.")}
    rest = {name.partition(".")[0] for name in names - at_home}
    return {name for name in rest if name not in sys.stdlib_module_names or name in IMPURE}


def test_the_domain_is_plain_python() -> None:
    found = {
        str(path.relative_to(ROOT)): names
        for path in (ROOT / "marketplace" / "domain").rglob("*.py")
        if (names := foreign_to_the_domain(path.read_text()))
    }
    assert not found


@pytest.mark.parametrize(
    "line", ["import attrs", "from eth_utils import keccak", "import time", "import marketplace.ports"]
)
def test_a_planted_import_is_foreign(line: str) -> None:
    assert foreign_to_the_domain(line)


@pytest.mark.req(54)
def test_one_module_knows_the_brokers_library() -> None:
    packages = ["marketplace", "contracts", "matchmaking", "notifications", "shopfloor", "mobile_api", "bootstrap"]
    files = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    knowing = [
        str(path.relative_to(ROOT))
        for path in files
        if {name.partition(".")[0] for name in imported_names(path.read_text())} & {"faststream", "aio_pika"}
    ]
    assert knowing == ["bootstrap/broker.py"]


def test_who_wants_no_broker_loads_none() -> None:
    assert not loaded_by("bootstrap.api", "bootstrap.worker") & {"faststream", "aio_pika"}
