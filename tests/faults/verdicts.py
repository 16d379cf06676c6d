"""What long campaigns have shown of this code, so that a night that ended too early goes on where it was."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".data" / "faults" / "verdicts.json"
JUDGED = (
    "marketplace",
    "contracts",
    "matchmaking",
    "notifications",
    "shopfloor",
    "mobile_api",
    "bootstrap",
    "examples",
)
"""What a verdict is about, beside the laboratory itself; the app and the tests decide nothing here."""


@cache
def code_digest() -> str:
    """Of every line that a verdict depends on: another line, another verdict."""
    digest = hashlib.sha256()
    for folder in (*JUDGED, "tests/faults"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".json", ".yaml") and "node_modules" not in path.parts and path.is_file():
                digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


class Verdicts:
    """Good outcomes by name, kept in a file as soon as they are known. A bad one is tried again."""

    def __init__(self, *, resume: bool, file: Path = FILE) -> None:
        """`resume` False remembers, and begins anew all the same."""
        self._resume, self._file = resume, file

    def get(self, name: str) -> Mapping[str, Any] | None:
        """What is known of this code under the name."""
        found: Mapping[str, Any] | None = self._all().get(f"{code_digest()} {name}") if self._resume else None
        return found

    def put(self, name: str, outcome: Mapping[str, Any]) -> None:
        """Remember; what is known of other code is forgotten."""
        kept = {key: value for key, value in self._all().items() if key.startswith(code_digest())}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps(kept | {f"{code_digest()} {name}": outcome}, indent=1), "utf-8")
        draft.replace(self._file)

    def _all(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._file.read_text("utf-8")))
        except (OSError, ValueError):
            return {}
