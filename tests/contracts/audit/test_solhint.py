"""solhint has nothing to say of the contracts. docs/audit.md says which rules are off, and why."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support import require_server
from tests.tooling.commands import run_bounded
from tests.tooling.foundry import AUDIT, CONTRACTS

SOLHINT = AUDIT / "node_modules" / "solhint" / "solhint.js"
CONFIG = AUDIT / ".solhint.json"
BAD = """// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

contract bad {
    function pay(address payable to) public {
        require(tx.origin == to);
        to.call{value: 1}("");
    }
}
"""


@pytest.fixture(scope="module")
def node() -> str:
    """The path of Node."""
    found = shutil.which("node")
    if found is None or not SOLHINT.is_file():
        require_server("no solhint: run `make setup-audit`")
    return found


def lint(node: str, root: Path, config: Path = CONFIG) -> list[str]:
    """What solhint says of `src` below `root`, each as `path:line rule`; an unknown rule counts."""
    command = [node, str(SOLHINT), "--config", str(config), "--formatter", "json"]
    command += ["--disc", "--noPoster", "--noPrompt", "src/**/*.sol"]
    finished = run_bounded(command, cwd=root, timeout_s=60, env={})
    assert finished.code in {0, 1}, finished.tail
    found = [entry for entry in json.loads(finished.stdout) if "ruleId" in entry]
    return finished.stderr.split("\n")[:-1] + [
        f"{entry['filePath']}:{entry['line']} {entry['ruleId']}" for entry in found
    ]


def test_the_contracts_keep_the_rules(node: str) -> None:
    assert lint(node, CONTRACTS) == []


def test_a_planted_file_breaks_them(node: str, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "Bad.sol").write_text(BAD)
    broken = {line.split()[-1] for line in lint(node, tmp_path)}
    wanted = {"avoid-tx-origin", "contract-name-capwords", "gas-custom-errors", "no-unchecked-calls"}
    assert wanted <= broken


def test_a_rule_that_does_not_exist_is_seen(node: str, tmp_path: Path) -> None:
    """solhint itself prints a line about it and exits 0."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "Good.sol").write_text(BAD.partition("contract")[0] + "contract Good {}\n")
    assert lint(node, tmp_path) == []
    config = tmp_path / "rules.json"
    config.write_text(json.dumps({"rules": {"avoid-nothing": "error"}}))
    assert any("avoid-nothing" in line for line in lint(node, tmp_path, config))
