"""Configuration files of the processes that run at other places: gateways and signers."""

import json
from pathlib import Path
from typing import Any


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Write JSON that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in `path`. Raises ValueError naming the file."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a JSON object")
    return content


def read_if_there(path: Path) -> str | None:
    """The text in `path`, or None where there is no such file."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None


def check_writable(path: Path) -> None:
    """Raises ValueError unless a file could be written at `path`: known before the work is done, not after it."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ValueError(f"{path} cannot be written: it must be a file in a folder that is there")
