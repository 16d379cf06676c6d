"""Every high or medium finding of slither is judged in contracts/audit/slither-triage.json, one by one."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.audit.planted import project
from tests.support import require_server
from tests.tooling.slither import TRIAGE, Finding, Report, missing_tools, slither, unjudged

NOTHING: dict[str, Any] = {"findings": [], "unread": []}
BAD = """
library Half {
    function half(uint256 x) internal pure returns (uint256) { return x / 2; }
}
contract Bad {
    using Half for uint256;
    mapping(address => uint256) public held;
    function put() external payable { held[msg.sender] += msg.value; }
    function take() external {
        (bool sent,) = msg.sender.call{value: held[msg.sender]}("");
        require(sent);
        held[msg.sender] = 0;
    }
    function end() external { selfdestruct(payable(msg.sender)); }
    function unread(uint96 x, uint256 y) external pure returns (uint256) { return (x - y).half(); }
}
"""
TWO = [Finding("reentrancy-eth", "Bad.take", "…"), Finding("suicidal", "Bad.end", "…")]


@pytest.fixture
def tools() -> None:
    """slither, forge and the compiler."""
    reason = missing_tools()
    if reason is not None:
        require_server(reason)


@pytest.mark.nightly
def test_each_finding_is_judged(tools: None) -> None:
    wrong = unjudged(slither(), json.loads(TRIAGE.read_text()))
    assert not wrong, "\n".join(wrong)


@pytest.mark.nightly
def test_a_planted_contract_is_flagged(tools: None, tmp_path: Path) -> None:
    """Also where slither gives up on a function, which it only mentions."""
    report = slither(project(tmp_path, Bad=BAD))
    assert {(one.check, one.where) for one in TWO} <= {(one.check, one.where) for one in report.findings}
    assert report.unread == ["src/Bad.sol unread"]
    assert unjudged(report, NOTHING)


def test_each_judgement_has_its_reason() -> None:
    triage = json.loads(TRIAGE.read_text())
    assert set(triage) == set(NOTHING)
    for entry in [*triage["findings"], *triage["unread"]]:
        assert len(entry["reason"]) > 40, entry


@pytest.mark.parametrize(
    ("findings", "judged", "wrong"),
    [
        (TWO, TWO, 0),
        (TWO, TWO[:1], 1),
        (TWO[:1], TWO, 1),
        ([*TWO, TWO[0]], TWO, 1),
        ([], [], 0),
    ],
)
def test_new_stale_and_repeated_findings_are_told(findings: list[Finding], judged: list[Finding], wrong: int) -> None:
    triage = NOTHING | {"findings": [{"check": one.check, "where": one.where} for one in judged]}
    told = [line for line in unjudged(Report(findings, []), triage) if not line.startswith(" ")]
    assert len(told) == wrong


def test_a_judgement_may_stand_for_a_check() -> None:
    triage = NOTHING | {"findings": [{"check": "suicidal", "where": "*"}]}
    assert unjudged(Report([TWO[1], TWO[1]], []), triage) == []
    assert len(unjudged(Report([TWO[0]], []), triage)) == 3  # the new one with its text, and the stale one


def test_what_slither_cannot_read_is_told() -> None:
    triage = NOTHING | {"unread": [{"where": "src/A.sol f"}]}
    assert unjudged(Report([], ["src/A.sol f"]), triage) == []
    assert unjudged(Report([], ["src/A.sol g"]), triage) == [
        "not examined: src/A.sol g",
        "examined after all: src/A.sol f",
    ]
