"""Each rule of `.importlinter` is kept by the real tree and broken by a planted import."""

import configparser
import re
import shutil
from pathlib import Path

import pytest

from tests.architecture.tree import DRIVEN, PACKAGES, ROOT, dummy_house, lint_imports, plant

# contract id → plants that must break it: (module, import statement)
PLANTS: dict[str, list[tuple[str, str]]] = {
    "house": [
        ("matchmaking.leaf", "import contracts.leaf"),
        ("mobile_api.app", "import shopfloor.ingest"),
        ("marketplace.application.a", "import notifications.leaf"),
        ("shopfloor.leaf", "import bootstrap.worker"),
    ],
    "marketplace": [
        ("marketplace.application.a", "import marketplace.persistence.a"),
        ("marketplace.planning.a", "import marketplace.ports.a"),
        ("marketplace.domain.a", "import marketplace.ports.a"),
        ("marketplace.unplanned", "x = 1"),  # exhaustive: a new room needs a layer
    ],
    "acyclic": [("marketplace.domain.a", "import marketplace.domain.b")],
    "leaf-libraries": [(f"{package}.leaf", "import marketplace.domain.a") for package in DRIVEN],
    "wired-once": [("contracts.leaf", "import contracts.adapter"), ("shopfloor.gateway.a", "import shopfloor.ingest")],
    "adapters": [
        ("contracts.adapter", "import marketplace.persistence.a"),
        ("notifications.adapter", "import marketplace.application.a"),
        ("matchmaking.adapter", "import marketplace.planning.a"),
    ],
    "ingest": [
        ("shopfloor.ingest", "import marketplace.persistence.a"),
        ("shopfloor.ingest", "import sqlalchemy"),
    ],
    "mobile-api": [
        ("mobile_api.app", "import marketplace.persistence.a"),
        ("mobile_api.app", "from sqlalchemy import select"),
    ],
    "pure-domain": [
        ("marketplace.domain.a", f"import {name}") for name in ("pydantic", "web3", "yaml", "httpx", "sqlalchemy.orm")
    ],
    "technology-behind-ports": [
        ("marketplace.application.a", "import sqlalchemy"),
        ("marketplace.ports.a", "import httpx"),
        ("marketplace.planning.a", "import fastapi"),
    ],
    "light-gateway": [
        ("shopfloor.gateway.a", "import sqlalchemy"),
        ("shopfloor.protocols.a", "import web3"),
        ("shopfloor.leaf", "import fastapi\n"),  # reached through shopfloor.gateway.a, see BRIDGES
    ],
    "client": [("mobile_api.client.a", "import marketplace.domain.a"), ("mobile_api.client.a", "import fastapi")],
    "broker": [("marketplace.application.a", "import faststream")],
}
# What a plant needs beside it before it is a violation.
BRIDGES: dict[tuple[str, str], tuple[str, str]] = {
    ("marketplace.domain.a", "import marketplace.domain.b"): ("marketplace.domain.b", "import marketplace.domain.a"),
    ("shopfloor.leaf", "import fastapi\n"): ("shopfloor.gateway.a", "import shopfloor.leaf"),
}
ALLOWED = [
    *((f"{package}.adapter", "import marketplace.domain.a, marketplace.ports.a") for package in DRIVEN),
    *(("bootstrap.worker", f"import {package}.adapter") for package in DRIVEN),
    ("bootstrap.worker", "import faststream, shopfloor.ingest, mobile_api.app, marketplace.persistence.a"),
    ("shopfloor.ingest", "import marketplace.application.a"),
    ("mobile_api.app", "import marketplace.application.a, marketplace.domain.a"),
    ("marketplace.application.a", "import marketplace.ports.a, marketplace.planning.a, marketplace.domain.a"),
    ("marketplace.persistence.a", "import marketplace.ports.a, marketplace.domain.b, sqlalchemy"),
    ("marketplace.planning.a", "import marketplace.domain.a, numpy"),
]


def contracts() -> dict[str, str]:
    """Id and name of each contract of the file."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    prefix = "importlinter:contract:"
    return {s.removeprefix(prefix): parser[s]["name"] for s in parser.sections() if s.startswith(prefix)}


def broken(output: str) -> set[str]:
    """Names of the contracts that the gate reports as broken."""
    return set(re.findall(r"^(.+) BROKEN(?: |$)", output, flags=re.MULTILINE))


def test_every_contract_has_a_plant() -> None:
    assert set(PLANTS) == set(contracts())


def test_the_untouched_house_is_kept(tmp_path: Path) -> None:
    result = lint_imports(dummy_house(tmp_path))
    assert result.returncode == 0, result.stdout


def test_what_the_house_allows_is_kept(tmp_path: Path) -> None:
    house = dummy_house(tmp_path)
    for module, source in ALLOWED:
        plant(house, module, source)
    result = lint_imports(house)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("contract", PLANTS)
def test_a_planted_violation_is_named(tmp_path: Path, contract: str) -> None:
    name = contracts()[contract]
    for number, (module, source) in enumerate(PLANTS[contract]):
        house = dummy_house(tmp_path / str(number))
        plant(house, module, source)
        for bridge in filter(None, [BRIDGES.get((module, source))]):
            plant(house, *bridge)
        result = lint_imports(house)
        assert result.returncode != 0, f"{module}: {source} went unseen"
        assert name in broken(result.stdout), result.stdout


@pytest.fixture(scope="module")
def copied_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real packages, Python files only."""
    where = tmp_path_factory.mktemp("tree")
    shutil.copy(ROOT / ".importlinter", where)
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            target = where / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    return where


@pytest.mark.req(165)
def test_the_real_tree_is_kept_and_a_plant_in_it_is_not(copied_tree: Path) -> None:
    kept = lint_imports(copied_tree)
    assert kept.returncode == 0, kept.stdout + kept.stderr
    plant(copied_tree, "notifications.messages", "import marketplace.domain")
    planted = lint_imports(copied_tree)
    assert planted.returncode != 0
    assert contracts()["leaf-libraries"] in broken(planted.stdout)
