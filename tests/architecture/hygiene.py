"""What must never be committed, as one pattern each with the reason to tell."""

import json
import re
from pathlib import Path

# Spelled in two halves, so that this file does not contain what it looks for.
_HOSTS = "|".join(re.escape(a + b) for a, b in [("py", "pi.org"), ("pythonhost", "ed.org"), ("npmjs", ".org")])
_ROOTS = "|".join(a + b for a, b in [("wo", "rk"), ("ro", "ot"), ("Us", "ers")])
_PATHS = rf"(?<![\w.)}}-])/(?:(?:{_ROOTS})(?=[/\"'\s]|$)|ho" + r"me/[a-z]|opt/(?:py" + r"pi|wheels)\b)"
FORBIDDEN = {
    "a path of one machine": re.compile(_PATHS),
    "the name of a package registry's host": re.compile(_HOSTS),
    "a private key": re.compile("-----BEGIN [A-Z ]*PRIV" + "ATE KEY-----"),
}
UNFINISHED = {
    "an unfinished mark": re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b"),
    "a stub": re.compile(r"\bNotImplemented" + r"Error\b"),
    "code hidden from coverage": re.compile(r"pragma:\s*no " + r"cover"),
    "a test that may fail": re.compile(r"\bx" + r"fail\("),
}


def violations(path: Path, patterns: dict[str, re.Pattern[str]]) -> list[str]:
    """Each line of a text file that a pattern finds, as `path:line reason`; binary files have none."""
    try:
        lines = path.read_text().splitlines()
    except UnicodeDecodeError:
        return []
    return [
        f"{path}:{number} {reason}"
        for number, line in enumerate(lines, start=1)
        for reason, pattern in patterns.items()
        if pattern.search(line)
    ]


def addresses_in_lock(path: Path) -> list[str]:
    """Download addresses in a Python lock (`://`) or an npm lock (`resolved`); both must hold hashes only."""
    text = path.read_text()
    if path.suffix != ".json":
        return [f"{path.name}:{n}" for n, line in enumerate(text.splitlines(), 1) if "://" in line or " @ " in line]
    return [f"{path.name}:{name}" for name, entry in json.loads(text)["packages"].items() if "resolved" in entry]


def entries_without_hash(path: Path) -> list[str]:
    """Packages of a lock that no hash pins."""
    text = path.read_text()
    if path.suffix == ".json":
        packages = json.loads(text)["packages"]
        return [n for n, entry in packages.items() if n and not entry.get("link") and "integrity" not in entry]
    entries = re.split(r"(?m)^(?=[A-Za-z0-9])", text)
    return [entry.split("==")[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry]
