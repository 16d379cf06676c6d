"""Each state-changing function has its tree of branches, and each leaf of a tree names the test that shows it.

A tree (`trees/*.tree`) is written as the Branching Tree Technique has it: conditions begin with `when` (what the call
brings) or `given` (what is so already), leaves with `it should`. Behind `#` stands where a leaf is shown.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from contracts import errors
from contracts.abi import fragments
from contracts.artifacts import load

HERE = Path(__file__).parent
TREES = HERE / "trees"
INTERFACES = {"AgreementFactory": "AgreementFactory", "IAgreement": "DeliveryAgreement"}
"""A tree's first word, and the contract whose function it is about."""
NEVER = {
    "Create2EmptyBytecode": "a clone's code is never empty",
    "CloneArgumentsTooLong": "a clone's argument is one id",
    "InsufficientBalance": "nothing is created with native money",
    "SafeCastOverflowedUintDowncast": "amounts have 96 bits and clocks 40 by their types",
}
"""Errors of libraries that no call brings about."""

_LINE = re.compile(r"^(?P<place>(?:│   |    )*)(?P<branch>├── |└── )(?P<text>.+)$")
_CONDITION = re.compile(r"^(when|given) \S.*[^.]$")
_LEAF = re.compile(r"^it should (?P<what>[^#]*[^#. ])  # (?P<shown>\S+(?:, \S+)*)$")
_REVERT = re.compile(r"^revert with (\w+)$")


@dataclass(frozen=True)
class Node:
    """One line of a tree."""

    depth: int
    is_last: bool
    text: str


@dataclass(frozen=True)
class Leaf:
    """What is so in the end, and which tests show it."""

    what: str
    shown: tuple[str, ...]

    @property
    def error(self) -> str | None:
        """The error with which it reverts."""
        found = _REVERT.match(self.what)
        return found[1] if found else None


def parse(tree: str) -> tuple[str, list[Leaf], list[str]]:
    """The function, the leaves, and what is wrong with the tree's form."""
    root, *lines = tree.rstrip("\n").split("\n")
    wrong, nodes, leaves = [], [], []
    for line in lines:
        found = _LINE.match(line)
        if found is None:
            wrong.append(f"no branch: {line}")
        else:
            nodes.append(Node(len(found["place"]) // 4, found["branch"] == "└── ", found["text"]))
    for index, node in enumerate(nodes):
        after = nodes[index + 1 :]
        is_parent = bool(after) and after[0].depth > node.depth
        leaf = _LEAF.match(node.text)
        if leaf is not None:
            leaves.append(Leaf(leaf["what"], tuple(leaf["shown"].split(", "))))
        elif not _CONDITION.match(node.text) or not is_parent:
            wrong.append(f"neither a condition with branches nor a leaf with its test: {node.text}")
        if (leaf is not None and is_parent) or (is_parent and after[0].depth != node.depth + 1):
            wrong.append(f"branches at the wrong place: {node.text}")
        sibling = next((other.depth for other in after if other.depth <= node.depth), -1) == node.depth
        if sibling is node.is_last:
            wrong.append(f"the line before it says {'last' if sibling else 'more'}: {node.text}")
    return root, leaves, wrong


@cache
def _module(path: Path) -> dict[str, ast.stmt]:
    """What a test file defines at its left margin, by name."""
    named: dict[str, ast.stmt] = {}
    for statement in ast.parse(path.read_text("utf-8")).body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                named[name] = statement
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                named[name] = statement
    return named


def _words(path: Path, name: str, seen: set[str]) -> Iterator[str]:
    """Names and strings of a definition and of what it uses from the same file."""
    seen.add(name)
    for node in ast.walk(_module(path)[name]):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"\w+", node.value)
        if isinstance(node, ast.Name):
            yield node.id
            if node.id in _module(path) and node.id not in seen:
                yield from _words(path, node.id, seen)


@cache
def _spoken(path: Path, test: str) -> frozenset[str]:
    return frozenset(_words(path, test, set()))


def unshown(leaf: Leaf) -> list[str]:
    """Tests of a leaf that do not exist, or that speak neither of its error nor of that error's kind."""
    wrong = []
    for place in leaf.shown:
        file, _, test = place.partition("::")
        path = HERE / file
        if not path.is_file() or not test.startswith("test_") or test not in _module(path):
            wrong.append(f"no such test: {place}")
        elif leaf.error is not None:
            spoken = _spoken(path, test)
            if not {leaf.error, _kinds().get(leaf.error, leaf.error)} & spoken:
                wrong.append(f"{place} does not speak of {leaf.error}")
    return wrong


@cache
def _kinds() -> dict[str, str]:
    """By the error of the contracts the Python class that stands for it, where it has one of its own."""
    found = [
        errors.from_revert(fragment.selector + bytes(256))
        for contract in INTERFACES.values()
        for fragment in fragments(contract, "error")
    ]
    return {error.name: type(error).__name__ for error in found if type(error) is not errors.Reverted}


def _abi(contract: str, kind: str) -> list[dict[str, object]]:
    return [entry for entry in load(contract).abi if entry["type"] == kind]


def _wanted() -> set[str]:
    moves = {
        f"{interface}::{entry['name']}"
        for interface, contract in INTERFACES.items()
        for entry in _abi(contract, "function")
        if entry["stateMutability"] not in {"view", "pure"}
    }
    return moves | {"AgreementFactory::constructor"}


def wrong_with(trees: dict[str, str]) -> list[str]:
    """Everything that is wrong with a set of trees, given by file name."""
    wrong = []
    roots: dict[str, str] = {}
    reverts: dict[str, set[str]] = {}
    for file, text in trees.items():
        root, leaves, malformed = parse(text)
        wrong += [f"{file}: {line}" for line in malformed + [line for leaf in leaves for line in unshown(leaf)]]
        if root in roots:
            wrong.append(f"{file}: {roots[root]} is about {root} too")
        roots[root] = file
        contract = INTERFACES.get(root.partition("::")[0], "")
        reverts.setdefault(contract, set()).update(leaf.error for leaf in leaves if leaf.error)
    wrong += [f"no tree: {root}" for root in sorted(_wanted() - roots.keys())]
    wrong += [f"no such function: {root}" for root in sorted(roots.keys() - _wanted())]
    known = {str(entry["name"]) for contract in INTERFACES.values() for entry in _abi(contract, "error")}
    shown = set().union(*reverts.values())
    wrong += [f"in no tree: {error}" for error in sorted(known - shown - NEVER.keys())]
    return wrong + [f"no such error: {error}" for error in sorted(shown - known)]


@pytest.fixture(scope="module")
def trees() -> dict[str, str]:
    """Those beside the tests."""
    return {path.name: path.read_text("utf-8") for path in sorted(TREES.glob("*.tree"))}


def test_every_branch_is_in_a_tree_and_has_its_test(trees: dict[str, str]) -> None:
    wrong = wrong_with(trees)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        ("refund.tree", "::refund", "::refunds", ["no tree: IAgreement::refund", "no such function"]),
        ("refund.tree", "::test_refund_pays", "::test_refund_prays", ["no such test"]),
        ("refund.tree", "# test_settlement.py", "# test_settlements.py", ["no such test"]),
        ("cancel.tree", "CostsMore", "CostMore", ["in no tree: CostsMore", "no such error: CostMore"]),
        ("novate.tree", "with NotOpen", "with CapRestarted", ["does not speak of CapRestarted"]),
        ("claim.tree", "├── when the terms", "├── if the terms", ["neither a condition"]),
        ("claim.tree", "  # test_branches.py::test_other_terms_move_nothing_by_any_move", "", ["neither a condition"]),
        ("claim.tree", "└── when the evidence", "├── when the evidence", ["says more"]),
        ("claim.tree", "├── when the state", "└── when the state", ["says last"]),
        ("claim.tree", "│   └── it should revert with TooLate", "    │   └── it should revert with TooLate", ["wrong"]),
    ],
)
def test_doctored_tree_is_reported(trees: dict[str, str], file: str, before: str, after: str, told: list[str]) -> None:
    """The negative control."""
    assert before in trees[file]
    wrong = wrong_with(trees | {file: trees[file].replace(before, after)})
    assert all(any(part in line for line in wrong) for part in told), wrong


def test_lost_tree_is_reported(trees: dict[str, str]) -> None:
    lost = {file: text for file, text in trees.items() if file != "succeed.tree"}
    assert wrong_with(lost) == ["no tree: IAgreement::succeed", "in no tree: OnlyFactory"]
