"""House rules that ruff enforces: the environment, the clock and relative imports."""

from pathlib import Path

import pytest

from tests.architecture.tree import dummy_house, plant, ruff_check

HEAD = '"""Planted."""\n\n'
PLANTS = [
    ("marketplace.application.a", "import os\n\nhome = os.environ", "TID251"),
    ("marketplace.application.a", 'import os\n\nhome = os.getenv("HOME")', "TID251"),
    ("marketplace.domain.a", "import datetime\n\nnow = datetime.datetime.now(datetime.UTC)", "TID251"),
    ("contracts.leaf", "from datetime import UTC, datetime\n\nnow = datetime.now(UTC)", "TID251"),
    ("shopfloor.leaf", "import time\n\nnow = time.time()", "TID251"),
    ("shopfloor.leaf", "from time import time_ns\n\nnow = time_ns()", "TID251"),
    ("shopfloor.leaf", "from .adapter import x", "TID252"),
]
FREE = [
    ("bootstrap.settings", "import os\n\nhome = os.environ"),
    ("bootstrap.clock", "from datetime import UTC, datetime\n\nnow = datetime.now(UTC)"),
    ("contracts.leaf", "import time\n\nwaited_s = time.monotonic()"),
]


def test_an_untouched_house_is_clean(tmp_path: Path) -> None:
    result = ruff_check(dummy_house(tmp_path))
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("module", "source", "rule"), PLANTS)
def test_a_planted_lint_is_named(tmp_path: Path, module: str, source: str, rule: str) -> None:
    house = dummy_house(tmp_path)
    plant(house, module, HEAD + source)
    result = ruff_check(house)
    assert result.returncode != 0
    assert rule in result.stdout


def test_bootstrap_and_monotonic_time_are_free(tmp_path: Path) -> None:
    house = dummy_house(tmp_path)
    for module, source in FREE:
        plant(house, module, HEAD + source)
    assert "TID251" not in ruff_check(house).stdout
