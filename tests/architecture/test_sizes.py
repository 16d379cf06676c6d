"""No module and no function that one cannot read at a sitting."""

from pathlib import Path

import pytest

from tests.architecture.sizes import MAX_FUNCTION_LINES, MAX_MODULE_LINES, too_long
from tests.architecture.tree import ROOT, tracked_files


def test_nothing_is_too_long() -> None:
    found = [line for path in tracked_files(".py") for line in too_long(path)]
    assert not found, "\n".join(found).replace(f"{ROOT}/", "")


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("def f():\n" + "    x = 1\n" * (MAX_FUNCTION_LINES - 1), False),
        ("def f():\n" + "    x = 1\n" * MAX_FUNCTION_LINES, True),
        ("class C:\n    async def f(self):\n" + "        x = 1\n" * MAX_FUNCTION_LINES, True),
        ("x = 1\n" * MAX_MODULE_LINES, False),
        ("x = 1\n" * (MAX_MODULE_LINES + 1), True),
    ],
)
def test_a_planted_giant_is_seen(tmp_path: Path, source: str, seen: bool) -> None:
    path = tmp_path / "planted.py"
    path.write_text(source)
    assert bool(too_long(path)) is seen
