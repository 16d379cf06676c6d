"""slither over a forge project, and what is left of its findings after those that a person has judged."""

import json
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.tooling import foundry
from tests.tooling.commands import run_bounded

BIN: Final = foundry.CONTRACTS.parent / ".venv-audit" / "bin"
TRIAGE: Final = foundry.AUDIT / "slither-triage.json"
_UNREAD: Final = re.compile(r"Impossible to generate IR for \w+\.(\w+) \(([^#)]+)#")


class SlitherError(Exception):
    """slither did not come to an end of its work."""


@dataclass(frozen=True)
class Finding:
    """A high or medium finding in a source of ours."""

    check: str
    where: str
    """Contract, function and variable as names with dots: lines move too often to be named."""
    what: str


@dataclass(frozen=True)
class Report:
    """What slither found, and what it could not look at."""

    findings: Sequence[Finding]
    unread: Sequence[str]
    """Functions, each as `path function`, that slither could not translate: no detector has seen them."""


def missing_tools() -> str | None:
    """Why slither cannot run here, or None if it can."""
    return foundry.missing_tools() or missing("slither")


def missing(tool: str) -> str | None:
    """Why a tool of the audit's own environment cannot run here, or None if it can."""
    return None if (BIN / tool).is_file() else f"no {tool}: run `make setup-audit-python`"


def slither(root: Path = foundry.CONTRACTS, *, timeout_s: float = 300) -> Report:
    """Compile `src` of a forge project and run every detector of high or medium impact.

    Raises:
        SlitherError: it failed, or found nothing to examine.
        TimeIsUpError: it took too long.
    """
    with tempfile.TemporaryDirectory() as folder, foundry.exclusive("slither", root):
        answer = Path(folder) / "findings.json"
        command = [str(BIN / "slither"), ".", "--json", str(answer), "--fail-none"]
        command += ["--exclude-low", "--exclude-informational", "--exclude-optimization"]
        finished = run_bounded(command, cwd=root, timeout_s=timeout_s, env=foundry.environment("slither"))
        read: dict[str, Any] = json.loads(answer.read_text("utf-8")) if answer.is_file() else {"success": False}
    said = finished.stdout + finished.stderr
    if not read["success"] or re.search(r"analyzed \([1-9]\d* contracts", said) is None:
        raise SlitherError(f"{read.get('error')}\n{finished.tail[:4000]}")
    found = [_finding(entry) for entry in read["results"].get("detectors", []) if _is_ours(entry)]
    unread = {f"{path} {function}" for function, path in _UNREAD.findall(said) if path.startswith("src/")}
    return Report(found, sorted(unread))


def unjudged(report: Report, triage: Mapping[str, Any]) -> list[str]:
    """Findings that nobody has judged, and judgements of what is no longer found.

    Args:
        report: of a run.
        triage: `findings` with check, where (`*` is anywhere), reason and, if it is not one, count; `unread` with
            where and reason.
    """
    judged = {(entry["check"], entry["where"]): entry for entry in triage["findings"]}
    everywhere = {check for check, where in judged if where == "*"}
    found = Counter((one.check, "*" if one.check in everywhere else one.where) for one in report.findings)
    wrong = []
    for key in sorted(found.keys() | judged.keys()):
        expected = judged[key].get("count", 1) if key in judged else 0
        if key[1] == "*" and found[key]:
            continue
        if found[key] != expected:
            wrong.append(f"{' in '.join(key)}: found {found[key]}, judged {expected}")
            wrong += [f"    {one.what}" for one in report.findings if (one.check, one.where) == key]
    known = {entry["where"] for entry in triage["unread"]}
    wrong += [f"not examined: {where}" for where in sorted(set(report.unread) - known)]
    return wrong + [f"examined after all: {where}" for where in sorted(known - set(report.unread))]


def _is_ours(entry: Mapping[str, Any]) -> bool:
    """Whether a source of ours takes part. OpenZeppelin's alone, pinned by hash, are judged elsewhere."""
    return any(element["source_mapping"]["filename_relative"].startswith("src/") for element in entry["elements"])


def _finding(entry: Mapping[str, Any]) -> Finding:
    names: list[str] = []
    element = entry["elements"][0]
    while element is not None:
        names.insert(0, element["name"])
        element = element.get("type_specific_fields", {}).get("parent")
    return Finding(entry["check"], ".".join(names), entry["description"].strip())
