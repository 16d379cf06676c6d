"""Tells the story on a console: a wide one, a phone's narrow one, or a pipe, where lines are never broken."""

import time

from rich.console import Console
from rich.text import Text

INDENT = 9
"""Width of "123.4 s  ": wrapped words stand below the words, not below the time."""
NARROWEST = 20


class Narrator:
    """Prints who does what, with the seconds since `begin`. Colours and wrapping are for terminals only."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.begin = time.monotonic()

    def say(self, who: str, what: str, *, style: str = "bold") -> None:
        """One line: `who` in `style`, then `what`."""
        seconds = time.monotonic() - self.begin
        self._print(Text(f"{seconds:5.1f} s  ", "dim"), Text.assemble((who, style), f": {what}"))

    def tell(self, line: str = "", style: str = "") -> None:
        """One line of no particular moment; its own indent is kept where it wraps."""
        words = line.lstrip(" ")
        self._print(Text(" " * (len(line) - len(words))), Text(words, style))

    def _print(self, lead: Text, words: Text) -> None:
        if not self.console.is_terminal:
            self.console.print(lead + words, highlight=False, soft_wrap=True)
            self.console.file.flush()  # who reads a pipe reads along
            return
        lines = words.wrap(self.console, max(NARROWEST, self.console.width - len(lead)))
        for number, line in enumerate(lines):
            line.rstrip()
            self.console.print((lead if number == 0 else Text(" " * len(lead))) + line, highlight=False)
