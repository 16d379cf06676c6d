"""The story is readable on a phone's console and in a pipe."""

import io
import re

import pytest
from rich.console import Console

from bootstrap.demo.narrator import Narrator
from bootstrap.demo.report import euros

ADDRESS = "0x" + "ab" * 20
LONG = "Suppliers found · AMP – Advanced Manufacturing Plant (bases, covers), Recôncavo Machining Services (machining)"


def told(*, terminal: bool, width: int) -> str:
    """What a narrator prints."""
    out = io.StringIO()
    narrator = Narrator(Console(file=out, force_terminal=terminal, width=width, legacy_windows=False))
    narrator.say("order", LONG)
    narrator.tell(f"  {ADDRESS}")
    narrator.tell()
    return out.getvalue()


def test_a_pipe_gets_whole_lines_without_colours() -> None:
    lines = told(terminal=False, width=40).splitlines()
    assert len(lines) == 3
    assert re.fullmatch(r"  0\.\d s  order: " + re.escape(LONG), lines[0])
    assert lines[1] == f"  {ADDRESS}"


@pytest.mark.parametrize("width", [48, 60, 120])
def test_a_terminal_is_never_too_narrow(width: int) -> None:
    printed = told(terminal=True, width=width)
    assert "\x1b[" in printed
    lines = re.sub(r"\x1b\[[0-9;]*m", "", printed).splitlines()
    assert max(map(len, lines)) <= width
    assert f"  {ADDRESS}" in lines
    words = " ".join(line.strip() for line in lines if ADDRESS not in line)
    assert LONG in words
    assert all(line.startswith(" " * 9) for line in lines[1 : lines.index(f"  {ADDRESS}")])


@pytest.mark.parametrize(
    ("minor", "words"), [(0, "€ 0.00"), (5, "€ 0.05"), (-60_000, "-€ 600.00"), (123_456_789, "€ 1,234,567.89")]
)
def test_euros(minor: int, words: str) -> None:
    assert euros(minor) == words
