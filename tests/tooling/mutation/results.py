"""What became of each mutant, in a file that a later run continues."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
FOLDER: Final = ROOT / ".data" / "mutation"


class Verdict(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    """Killed, too: the tests came to no end."""
    SURVIVED = "survived"
    EQUIVALENT = "equivalent"
    """The optimiser makes the same code of it, or a person explained why it is no mistake."""
    DISCARDED = "discarded"
    """It does not compile."""


@dataclass(frozen=True)
class Result:
    """One mutant's verdict; `suite` is the digest of the tests that it rests on, `place` the mutant's function."""

    key: str
    code: str
    verdict: Verdict
    suite: str
    killer: str | None = None
    message: str = ""
    seconds: float = 0.0
    place: str = ""


class Suite:
    """Test modules, and how one sees that they changed."""

    def __init__(self, modules: Sequence[Path]) -> None:
        self.modules = list(modules)

    def digest(self, killer: str | None = None) -> str:
        """Of all modules, or of the one with the test that killed; what they import from beside them counts too."""
        modules = self.modules if killer is None else [ROOT / killer.split("::")[0]]
        digest = hashlib.sha256()
        for path in [*modules, *self._helpers()]:
            digest.update(path.read_bytes() if path.is_file() else b"")
        return digest.hexdigest()[:16]

    def _helpers(self) -> Iterator[Path]:
        folders = {path.parent for path in self.modules} | {ROOT / "tests" / "contracts"}
        for folder in sorted(folders):
            yield from sorted(path for path in folder.glob("*.py") if not path.name.startswith("test_"))


class Results:
    """The file, newest lines last; `None` as path keeps nothing."""

    def __init__(self, path: Path | None, suite: Suite) -> None:
        self._path = path
        self._by_key: dict[str, Result] = {}
        self._by_code: dict[str, Result] = {}
        # Asked now, for these are the tests that pytest loads; files may change while a campaign runs.
        modules = [None, *(str(module.relative_to(ROOT)) for module in suite.modules)]
        self._digests = {module: suite.digest(module) for module in modules}
        self._read = 0
        self._catch_up()

    def __iter__(self) -> Iterator[Result]:
        return iter(self._by_key.values())

    def of(self, key: str) -> Result | None:
        """The verdict on a mutant, if it still holds for the tests as they are."""
        found = self._valid(self._by_key.get(key))
        if found is None and self._catch_up():
            found = self._valid(self._by_key.get(key))
        return found

    def of_code(self, code: str) -> Result | None:
        """The verdict on another mutant with the same code."""
        return self._valid(self._by_code.get(code))

    def killer_before(self, key: str) -> str | None:
        """The test that once killed this mutant: the one to try first."""
        known = self._by_key.get(key)
        return None if known is None else known.killer

    def add(self, result: Result) -> None:
        """Keeps a verdict."""
        self._keep(result)
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")

    def digest(self, killer: str | None = None) -> str:
        """Of the suite, or of the module with the test that killed; empty for one that is not of the suite."""
        return self._digests.get(None if killer is None else killer.split("::")[0], "")

    def _catch_up(self) -> bool:
        """Reads what was added to the file, perhaps by a campaign beside this one; says whether there was anything."""
        if self._path is None or not self._path.is_file():
            return False
        with self._path.open("rb") as file:
            file.seek(self._read)
            added = file.read()
        whole = added[: added.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode("utf-8").splitlines():
            said = json.loads(line)
            self._keep(Result(**{**said, "verdict": Verdict(said["verdict"])}))
        return bool(whole)

    def _valid(self, result: Result | None) -> Result | None:
        if result is None or result.verdict in (Verdict.DISCARDED, Verdict.EQUIVALENT):
            return result
        return result if result.suite == self.digest(result.killer) else None

    def _keep(self, result: Result) -> None:
        self._by_key[result.key] = result
        if result.code:
            self._by_code[result.code] = result
