"""Sources with their syntax trees: what the operators look at.

Node types and members are those of the compiler's "compact" JSON tree.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

Node = dict[str, Any]

OUTSIDE: Final = "(state)"
"""The "function" of what stands in a contract but in no function: constants."""
_COMMENT: Final = re.compile(r'("(?:[^"\\\n]|\\.)*")|/\*.*?\*/|//[^\n]*', re.DOTALL)
EFFECT: Final = re.compile(r"// Effect\b")


@dataclass(frozen=True)
class Function:
    """One function of a source; offsets count bytes."""

    name: str
    start: int
    end: int
    node: Node

    @property
    def first(self) -> int:
        """Where the first statement begins."""
        statements = self.node["body"]["statements"]
        return span(statements[0])[0] if statements else self.end - 1

    @cached_property
    def variables(self) -> list[Node]:
        """Declarations of parameters, results and locals, in order."""
        found = [node for node in walk(self.node) if node["nodeType"] == "VariableDeclaration" and node["name"]]
        return sorted(found, key=lambda node: span(node)[0])


class Source:
    """One file: `name` is the compiler's."""

    def __init__(self, name: str, text: str, tree: Node) -> None:
        self.name = name
        self.data = text.encode("utf-8")
        self.tree = tree
        self._starts = [0, *(match.end() for match in re.finditer(rb"\n", self.data))]

    @cached_property
    def functions(self) -> list[Function]:
        """Those with a body."""
        return [
            Function(node["name"] or node["kind"], *span(node), node)
            for node in walk(self.tree)
            if node["nodeType"] == "FunctionDefinition" and node.get("body")
        ]

    def function_at(self, offset: int) -> Function | None:
        """Whose code is there."""
        return next((one for one in self.functions if one.start <= offset < one.end), None)

    def effect_start(self, function: Function) -> int | None:
        """Where the function's comment `// Effect` stands."""
        found = EFFECT.search(self.between(function.start, function.end))
        prefix = None if found is None else self.between(function.start, function.end)[: found.start()]
        return None if prefix is None else function.start + len(prefix.encode("utf-8"))

    def line(self, offset: int) -> int:
        """The line of an offset, from 1."""
        return bisect_right(self._starts, offset)

    def line_text(self, line: int) -> str:
        """The text of a line, stripped."""
        start = self._starts[line - 1]
        return self.data[start:].split(b"\n", 1)[0].decode("utf-8").strip()

    def text(self, node: Node) -> str:
        """A node's own words."""
        return self.between(*span(node))

    def between(self, start: int, end: int) -> str:
        """The words between two offsets."""
        return self.data[start:end].decode("utf-8")

    def replaced(self, start: int, end: int, words: str) -> str:
        """The whole source with other words there."""
        return (self.data[:start] + words.encode("utf-8") + self.data[end:]).decode("utf-8")


class Declarations:
    """Every declaration of all sources by the compiler's number, and what it is a member of."""

    def __init__(self, trees: Mapping[str, Node]) -> None:
        self._nodes: dict[int, Node] = {}
        self._owners: dict[int, Node] = {}
        for tree in trees.values():
            for node in walk(tree):
                if "id" in node:
                    self._nodes[node["id"]] = node
                    for child in children(node):
                        if "id" in child:
                            self._owners[child["id"]] = node

    def of(self, node: Node) -> Node | None:
        """What a name refers to; None for the language's own names."""
        return self._nodes.get(node.get("referencedDeclaration") or 0)

    def siblings(self, declaration: Node) -> list[Node]:
        """Declarations of the same type under the same owner: members of a struct, constants of a contract."""
        owner = self._owners.get(declaration["id"])
        if owner is None:
            return []
        return [
            child
            for child in children(owner)
            if child["nodeType"] == declaration["nodeType"]
            and type_of(child) == type_of(declaration)
            and child.get("mutability") == declaration.get("mutability")
        ]

    def owner(self, declaration: Node) -> Node | None:
        """The struct, enum, contract or function that declares it."""
        return self._owners.get(declaration["id"])


def children(node: Node) -> Iterator[Node]:
    """Nodes directly below one."""
    for value in node.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and "nodeType" in one:
                yield one


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def span(node: Node) -> tuple[int, int]:
    """First byte and the one after the last."""
    start, length, _ = (int(part) for part in node["src"].split(":"))
    return start, start + length


def type_of(node: Node) -> str:
    """A node's type without where it lies: `struct Terms` in calldata and in memory is one."""
    words: str = node.get("typeDescriptions", {}).get("typeString") or ""
    return re.sub(r" (calldata|memory|storage)( ref| pointer| slice)?", "", words)


def without_comments(text: str) -> str:
    """The code alone, in one line: equal for sources that differ in comments and layout only."""
    return " ".join(_COMMENT.sub(lambda match: match[1] or " ", text).split())
