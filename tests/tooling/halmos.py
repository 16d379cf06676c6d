"""halmos on one property at a time: a property is proved for every argument, or it has failed."""

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.tooling import foundry, slither
from tests.tooling.commands import run_bounded

FOLDER: Final = Path("audit") / "test" / "halmos"
"""Where properties are, below the root of a forge project."""
LOOP: Final = 10
"""Rounds of a loop that are followed: a milestone's index runs to 8. A loop that would run on is a failure."""
OUTCOMES: Final = {0: "proved", 1: "refuted", 2: "timed out", 3: "stuck", 4: "every path reverts", 5: "broke off"}
_CONTRACT: Final = re.compile(r"^contract (\w+)(.*?)^}", re.MULTILINE | re.DOTALL)
_CHECK: Final = re.compile(r"^\s*function (check_\w+)\(", re.MULTILINE)


class HalmosError(Exception):
    """halmos gave no verdict."""


class NotProved(AssertionError):
    """A property is refuted, or not decided."""


@dataclass(frozen=True)
class Property:
    """One function `check_…`."""

    file: str
    contract: str
    name: str

    def __str__(self) -> str:
        return f"{self.contract}.{self.name}"


def missing_tools() -> str | None:
    """Why halmos cannot run here, or None if it can."""
    return foundry.missing_tools() or slither.missing("halmos")


def properties(root: Path = foundry.CONTRACTS) -> list[Property]:
    """Every property of a forge project, read from its files."""
    return [
        Property(path.name, contract, name)
        for path in sorted((root / FOLDER).glob("*.t.sol"))
        for contract, body in _CONTRACT.findall(path.read_text("utf-8"))
        for name in _CHECK.findall(body)
    ]


def prove(wanted: Property, root: Path = foundry.CONTRACTS, *, timeout_s: float = 600) -> float:
    """Prove one property for every argument; gives the seconds that it took.

    Raises:
        NotProved: there is a counterexample, a path that was not followed to its end, or no path that ends well.
        HalmosError: it did not compile, or was not found.
        TimeIsUpError: it took too long.
    """
    with tempfile.TemporaryDirectory() as folder, foundry.exclusive("halmos", root):
        answer = Path(folder) / "answer.json"
        command = [str(slither.BIN / "halmos"), "--root", str(root), "--forge-build-out", "audit/out/halmos"]
        command += ["--match-contract", f"^{wanted.contract}$", "--match-test", rf"^{wanted.name}\("]
        command += ["--loop", str(LOOP), "--no-status", "--json-output", str(answer)]
        finished = run_bounded(command, cwd=root, timeout_s=timeout_s, env=foundry.environment("halmos"))
        suites = json.loads(answer.read_text("utf-8"))["test_results"] if answer.is_file() else {}
    results = [result for suite in suites.values() for result in suite]
    if len(results) != 1:
        raise HalmosError(f"{wanted}: {len(results)} results\n{finished.tail[:4000]}")
    verdict = judged(results[0])
    if verdict != OUTCOMES[0]:
        raise NotProved(f"{wanted}: {verdict}\n{finished.tail[:4000]}")
    return float(results[0]["time"][0])


def judged(result: Mapping[str, Any]) -> str:
    """One of `OUTCOMES`, or why a pass is none: halmos passes what it has followed, however little that was."""
    outcome = OUTCOMES.get(result["exitcode"], f"exit code {result['exitcode']}")
    if outcome != OUTCOMES[0]:
        return outcome
    _, ended_well, blocked = result["num_paths"]
    if blocked:
        return f"{blocked} paths were not followed to their end"
    if result["num_bounded_loops"]:
        return f"{result['num_bounded_loops']} loops run on after {LOOP} rounds"
    return OUTCOMES[0] if ended_well else OUTCOMES[4]
