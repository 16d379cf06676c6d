"""What a user installs: one wheel with everything that runs, and nothing that only proves it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """The files of a wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, timeout=60)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return frozenset(archive.namelist())


@pytest.mark.req(178)
@pytest.mark.parametrize(
    "name",
    [
        "bootstrap/cli.py",
        "bootstrap/examples/engraved-sign.yaml",
        "bootstrap/examples/pneumatic-cylinder.yaml",
        "bootstrap/examples/registry.yaml",
        "contracts/artifacts/AgreementFactory.json",
        "marketplace/persistence/migrations/env.py",
        "marketplace/persistence/migrations/versions/0001_first_tables.py",
        "marketplace/ports/fakes/__init__.py",
        "shopfloor/quality_scale.yaml",
    ],
)
def test_it_carries_what_runs(names: frozenset[str], name: str) -> None:
    assert name in names


def test_it_carries_the_app_where_it_was_built(names: frozenset[str]) -> None:
    built = (PROJECT / "mobile_api" / "static" / "index.html").exists()
    assert ("mobile_api/static/index.html" in names) == built


def test_it_carries_no_tests(names: frozenset[str]) -> None:
    proofs = ("tests/", "benchmarks/", "docs/", "mobile_app/", "contracts/audit/", "contracts/foundry.toml")
    assert not [name for name in names if name.startswith(proofs)]


def test_it_offers_its_examples_once_unpacked(names: frozenset[str], tmp_path: Path) -> None:
    """Outside a checkout the settings find the examples inside the package."""
    package = tmp_path / "bootstrap"
    (package / "examples").mkdir(parents=True)
    for module in (PROJECT / "bootstrap").glob("*.py"):
        (package / module.name).write_bytes(module.read_bytes())
    command = [sys.executable, "-c", "from bootstrap.settings import Settings; print(Settings().catalogue_dir)"]
    shown = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60)
    assert Path(shown.stdout.strip()) == package / "examples"
    assert "bootstrap/examples/registry.yaml" in names
