"""The wrong name of the right type: the payer for the payee, one window for another."""

from typing import Final

from tests.tooling.mutation.syntax import Declarations, Function, Node, span, type_of

PARTNERS: Final = {
    "payer": "payee",
    "payee": "payer",
    "attestor": "witness",
    "witness": "attestor",
    "carrier": "arbiter",
    "arbiter": "carrier",
    "acceptWindow": "arbiterWindow",
    "arbiterWindow": "acceptWindow",
    "deliverBy": "fundBy",
    "fundBy": "deliverBy",
    "Payee": "Payer",
    "Payer": "Payee",
}
"""Whom one would confuse with whom; any other name gives way to the next of its kind."""


def other_name(node: Node, function: Function | None, declarations: Declarations) -> str | None:
    """A name to confuse this one with, or None."""
    meant = declarations.of(node)
    if meant is None or function is None:
        return None
    if meant["nodeType"] == "EnumValue":
        return _neighbour(meant, _members(declarations.owner(meant)))
    if meant["nodeType"] != "VariableDeclaration":
        return None
    if meant.get("stateVariable"):
        immutable = meant["mutability"] in ("constant", "immutable")
        return _neighbour(meant, declarations.siblings(meant)) if immutable else None
    if node["nodeType"] == "MemberAccess":
        return _neighbour(meant, declarations.siblings(meant))
    return _variable_before(node, meant, function)


def _members(owner: Node | None) -> list[Node]:
    return [] if owner is None else list(owner["members"])


def _neighbour(meant: Node, alike: list[Node]) -> str | None:
    names = [one["name"] for one in alike]
    partner = PARTNERS.get(meant["name"])
    if partner in names:
        return partner
    if len(names) < 2 or meant["name"] not in names:
        return None
    return str(names[(names.index(meant["name"]) + 1) % len(names)])


def _variable_before(node: Node, meant: Node, function: Function) -> str | None:
    """The parameter or local of the same type that was declared last before the one that is meant, or after it."""
    start = span(node)[0]
    alike = [one for one in function.variables if type_of(one) == type_of(meant) and span(one)[1] <= start]
    names = [one["name"] for one in alike]
    if len(names) < 2 or meant["name"] not in names:
        return None
    return str(names[names.index(meant["name"]) - 1])
