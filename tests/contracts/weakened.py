"""The contracts with checks taken out: the other half of every test that says what a check is good for."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts import abi, artifacts, compiler
from tests.contracts.conftest import once_a_run
from tests.support import require_server


@dataclass(frozen=True)
class Cut:
    """A check that a source has once; without `instead` it is an `if` whose condition is then never met."""

    source: str
    check: str
    instead: str | None = None

    def apply(self, content: str) -> str:
        """The source without it."""
        # However the formatter breaks its lines.
        pattern = r"\s+".join(map(re.escape, self.check.split()))
        changed, found = re.subn(pattern, lambda _: self._replacement(), content)
        assert found == 1, f"{self.source} has {found} such checks: {self.check}"
        return changed

    def _replacement(self) -> str:
        if self.instead is not None:
            return self.instead
        head, condition, tail = self._parts()
        return f"{head}if (false && ({condition})){tail}"

    def _parts(self) -> tuple[str, str, str]:
        head, _, rest = self.check.partition("if (")
        condition, closing, tail = rest.rpartition(")")
        assert closing, f"not an if: {self.check}"
        return head, condition, tail


def compile_without(cuts: Sequence[Cut], folder: Path) -> None:
    """Writes the artifacts of such contracts.

    By the old pipeline and without the optimiser it takes an eighth of the time, and an attack does not care for gas.
    """
    settings = compiler.SETTINGS | {"viaIR": False, "optimizer": {"enabled": False}}
    standard = compiler.standard_input() | {"settings": settings}
    for cut in dict.fromkeys(cuts):
        source = standard["sources"][cut.source]
        source["content"] = cut.apply(source["content"])
    for file, text in compiler.build_artifacts(standard).items():
        (folder / file).write_text(text, "utf-8")


@contextmanager
def weakened(factory: pytest.TempPathFactory, name: str, cuts: Sequence[Cut]) -> Iterator[None]:
    """Such contracts in the place of the real ones, compiled once in a parallel run."""
    reason = compiler.missing_tools()
    if reason is not None:
        require_server(reason)
    folder = once_a_run(factory, f"weakened-{name}", lambda draft: compile_without(cuts, draft))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(artifacts, "FOLDER", folder)
        _forget()
        yield
    _forget()


def _forget() -> None:
    artifacts.load.cache_clear()
    abi.function.cache_clear()
