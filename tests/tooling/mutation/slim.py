"""OpenZeppelin's sources without what nobody calls: the compiler is done with a mutant in half the time."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.tooling.mutation.syntax import Node, children, span, walk, without_comments

_OURS: Final = "src/"


def slim(sources: Mapping[str, str], trees: Mapping[str, Any]) -> dict[str, str]:
    """The same sources; from others' libraries the functions that nobody refers to are gone, and so are comments.

    Ours stay as they are, to the byte.
    """
    functions = dict(_library_functions(trees))
    used: set[int] = set()
    waiting = [number for tree in trees.values() for number in _references(tree, functions)]
    while waiting:
        number = waiting.pop()
        if number in functions and number not in used:
            used.add(number)
            waiting += [one for child in children(functions[number][1]) for one in _references(child, functions)]
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for number in functions.keys() - used:
        name, node = functions[number]
        spans[name].append(span(node))
    return {
        name: text if name.startswith(_OURS) else without_comments(_cut(text, spans[name]))
        for name, text in sources.items()
    }


def _library_functions(trees: Mapping[str, Any]) -> Iterator[tuple[int, tuple[str, Node]]]:
    for name, tree in trees.items():
        if not name.startswith(_OURS):
            for contract in walk(tree):
                if contract["nodeType"] == "ContractDefinition" and contract["contractKind"] == "library":
                    for node in contract["nodes"]:
                        if node["nodeType"] == "FunctionDefinition":
                            yield node["id"], (name, node)


def _references(node: Node, functions: Mapping[int, tuple[str, Node]]) -> Iterator[int]:
    """Every declaration that a node refers to, but not from within functions that may be cut."""
    if node.get("id") in functions:
        return
    yield node.get("referencedDeclaration") or 0
    yield from node.get("overloadedDeclarations", ())
    yield from (one["declaration"] for one in node.get("externalReferences", ()))
    for child in children(node):
        yield from _references(child, functions)


def _cut(text: str, spans: list[tuple[int, int]]) -> str:
    data = text.encode("utf-8")
    for start, end in sorted(spans, reverse=True):
        data = data[:start] + data[end:]
    return data.decode("utf-8")
