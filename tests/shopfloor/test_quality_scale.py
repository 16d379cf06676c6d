"""The quality scale is true: every rule is answered for every protocol, and every named test exists."""

import ast
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
SCALE = HERE.parent.parent / "shopfloor" / "quality_scale.yaml"


def functions(path: Path) -> set[str]:
    """Names of the functions in `path`; empty when there is no such file."""
    if not path.exists():
        return set()
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def complaints(scale: dict[str, Any]) -> list[str]:
    """What is wrong with the scale."""
    found = []
    for protocol, answers in scale["protocols"].items():
        if set(answers) != set(scale["rules"]):
            found.append(f"{protocol}: every rule needs one answer")
        for rule, answer in answers.items():
            file, _, name = answer.get("test", "::").partition("::")
            shown = answer["status"] == "done" and name in functions(HERE / file)
            if not shown and not (answer["status"] in ("exempt", "todo") and answer.get("why")):
                found.append(f"{protocol}.{rule}: no such test, or no reason")
    return found


def test_every_rule_is_answered_by_a_test_that_exists_or_a_reason() -> None:
    assert complaints(yaml.safe_load(SCALE.read_text())) == []


def test_the_check_would_notice() -> None:
    rules = {"deadline": "every wait ends"}
    for answer in ({"status": "done", "test": "test_uplink.py::test_of_dreams"}, {"status": "exempt"}):
        assert complaints({"rules": rules, "protocols": {"x": {"deadline": answer}}})
    assert complaints({"rules": rules, "protocols": {"x": {}}})
