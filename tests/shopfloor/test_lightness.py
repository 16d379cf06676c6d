"""A Raspberry Pi gateway loads no database server, ORM, web framework or chain client."""

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import shopfloor.gateway
import shopfloor.protocols
import shopfloor.simulator

ROOT = Path(__file__).parent.parent.parent
HEAVY = {
    "sqlalchemy", "alembic", "psycopg", "web3", "eth_tester", "eth_account", "fastapi", "starlette", "uvicorn",
    "pydantic", "numpy", "scipy", "ortools", "firebase_admin", "marketplace", "contracts", "matchmaking",
    "notifications", "mobile_api", "bootstrap",
}  # fmt: skip


def loaded_by(modules: list[str]) -> set[str]:
    """Top packages in sys.modules after a fresh interpreter imports `modules`."""
    code = f"import sys\nfor name in {modules!r}: __import__(name)\nprint(*{{m.split('.')[0] for m in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.split())


def modules_of(package: object) -> list[str]:
    """Every module below `package`."""
    path, name = package.__path__, package.__name__  # type: ignore[attr-defined]
    return [m.name for m in pkgutil.walk_packages(path, name + ".")]


@pytest.mark.req(101)
def test_the_gateway_loads_nothing_heavy() -> None:
    modules = modules_of(shopfloor.gateway) + modules_of(shopfloor.protocols)
    assert "shopfloor.gateway.service" in modules
    loaded = loaded_by(modules)
    assert "asyncua" in loaded
    assert loaded & HEAVY == set()


def test_the_simulator_loads_nothing_heavy() -> None:
    assert loaded_by(modules_of(shopfloor.simulator)) & HEAVY == set()


def test_the_probe_would_notice() -> None:
    assert "sqlalchemy" in loaded_by(["shopfloor.gateway", "sqlalchemy"])
