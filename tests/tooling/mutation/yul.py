"""Mistakes in assembly."""

from collections.abc import Iterator
from typing import Final

from tests.tooling.mutation.syntax import Node, Source, span, walk

FUNCTIONS: Final = {
    "add": "sub",
    "sub": "add",
    "shl": "shr",
    "shr": "shl",
    "lt": "gt",
    "gt": "lt",
    "or": "and",
    "and": "or",
    "xor": "or",
}
_STATEMENTS: Final = {"YulExpressionStatement", "YulAssignment"}


def mistakes_in_assembly(block: Node, source: Source) -> Iterator[tuple[Node | tuple[int, int], str, str]]:
    """(where, words, operator) of each."""
    for node in walk(block):
        kind = node["nodeType"]
        if kind in _STATEMENTS:
            yield node, "{ }", "deletion"
        elif kind == "YulFunctionCall":
            name = node["functionName"]
            other = FUNCTIONS.get(name["name"])
            if other is not None:
                yield name, other, "assembly"
                yield node, source.text(node["arguments"][0]), "half a term"
        elif kind == "YulLiteral" and node["kind"] == "number":
            value = int(node["value"], 0)
            for number in (value + 1, value - 1):
                if number >= 0:
                    yield span(node), hex(number), "constant"
