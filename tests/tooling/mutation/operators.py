"""The mistakes: small changes that a tired author could make, each in one place.

An operator looks at one node of the syntax tree and yields replacements. What does not compile is sorted out later.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from tests.tooling.mutation.names import other_name
from tests.tooling.mutation.syntax import Declarations, Function, Node, Source, children, span, type_of
from tests.tooling.mutation.yul import mistakes_in_assembly


@dataclass(frozen=True)
class Mistake:
    """`words` in the place of what stands between two byte offsets; `operator` names its kind."""

    start: int
    end: int
    words: str
    operator: str


RELATIONS: Final = {
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
}
ARITHMETIC: Final = {"+": "-", "-": "+", "*": "/", "/": "*", "%": "*"}
BITWISE: Final = {"&": "|", "|": "&", "^": "&", "<<": ">>", ">>": "<<"}
ASSIGNMENTS: Final = {
    "+=": ("-=", "="),
    "-=": ("+=", "="),
    "|=": ("&=", "="),
    "&=": ("|=",),
    "<<=": (">>=",),
    ">>=": ("<<=",),
}
CALLS: Final = {"min": "max", "max": "min"}
_NUMBER: Final = re.compile(r"[0-9][0-9_]*")
_ABRUPT: Final = {"RevertStatement", "Continue", "Break", "Return"}

Found = Iterator[tuple[Node | tuple[int, int], str, str]]
"""(where, words, operator)."""


class Finder:
    """Finds the mistakes that one source allows."""

    def __init__(self, source: Source, declarations: Declarations) -> None:
        self._source = source
        self._declarations = declarations
        self._function: Function | None = None
        self._visitors: dict[str, Callable[[Node], Found]] = {
            "BinaryOperation": self._binary,
            "UnaryOperation": self._unary,
            "Assignment": self._assignment,
            "IfStatement": self._condition,
            "Conditional": self._condition,
            "ForStatement": self._loop,
            "ExpressionStatement": self._deletion,
            "EmitStatement": self._deletion,
            "FunctionCall": self._call,
            "Literal": self._literal,
            "Return": self._return,
            "VariableDeclarationStatement": self._initial_value,
            "VariableDeclaration": self._constant,
            "ModifierInvocation": self._modifier,
            "Identifier": self._name,
            "MemberAccess": self._name,
        }

    def find(self) -> Iterator[Mistake]:
        """All of them, each once, in the order of the source."""
        seen = set()
        for where, words, operator in self._visit(self._source.tree):
            start, end = where if isinstance(where, tuple) else span(where)
            key = (start, end, words)
            if key not in seen and self._source.between(start, end) != words:
                seen.add(key)
                yield Mistake(start, end, words, operator)

    def _visit(self, node: Node) -> Found:
        kind = node["nodeType"]
        if kind in {"ImportDirective", "PragmaDirective", "ErrorDefinition", "EventDefinition", "UsingForDirective"}:
            return
        if kind == "FunctionDefinition":
            self._function = self._source.function_at(span(node)[0])
            if self._function is None:
                return
        if kind == "InlineAssembly":
            yield from mistakes_in_assembly(node["AST"], self._source)
            return
        visitor = self._visitors.get(kind)
        if visitor is not None:
            yield from visitor(node)
        for child in children(node):
            yield from self._visit(child)
        if kind == "FunctionDefinition":
            self._function = None

    # ── expressions ──────────────────────────────────────────────────────────────────────────────

    def _binary(self, node: Node) -> Found:
        left, right, sign = node["leftExpression"], node["rightExpression"], node["operator"]
        place = self._sign(span(left)[1], span(right)[0], sign)
        keep_left, keep_right = self._source.text(left), self._source.text(right)
        if sign in RELATIONS:
            for other in RELATIONS[sign]:
                yield place, other, "relation"
        elif sign in ("&&", "||"):
            yield place, "||" if sign == "&&" else "&&", "logic"
            yield node, f"({keep_left})", "half a condition"
            yield node, f"({keep_right})", "half a condition"
        elif sign in ARITHMETIC:
            yield place, ARITHMETIC[sign], "arithmetic"
            yield node, f"({keep_left})", "half a term"
            if sign in "+-":
                yield node, f"({keep_right})", "half a term"
        elif sign in BITWISE:
            yield place, BITWISE[sign], "bits"
            yield node, f"({keep_left})", "half a term"

    def _unary(self, node: Node) -> Found:
        start, end = span(node)
        inner = self._source.text(node["subExpression"])
        if node["operator"] == "!":
            yield node, inner, "logic"
        elif node["operator"] == "++":
            yield (start, end), f"--{inner}", "arithmetic"

    def _assignment(self, node: Node) -> Found:
        place = self._sign(span(node["leftHandSide"])[1], span(node["rightHandSide"])[0], node["operator"])
        for other in ASSIGNMENTS.get(node["operator"], ()):
            yield place, other, "assignment"

    def _literal(self, node: Node) -> Found:
        text = self._source.text(node)
        if node["kind"] == "bool":
            yield node, "false" if text == "true" else "true", "constant"
        elif node["kind"] == "number":
            yield from self._number(node, text)
        elif node["kind"] == "string":
            yield node, text[:-1] + "x" + text[-1], "constant"

    def _number(self, node: Node, text: str) -> Found:
        start, _ = span(node)
        if text.startswith("0x"):
            yield node, hex(int(text, 16) + 1), "constant"
            return
        digits = _NUMBER.match(text)
        assert digits is not None, text
        value = int(digits[0].replace("_", ""))
        for other in (value + 1, value - 1):
            if other >= 0:
                yield (start, start + len(digits[0])), str(other), "constant"

    def _call(self, node: Node) -> Found:
        called, arguments = node["expression"], node["arguments"]
        name = called.get("memberName")
        if name in CALLS:
            end = span(called)[1]
            yield (end - len(name), end), CALLS[name], "minimum"
        elif name == "ceilDiv":
            first, second = (self._source.text(argument) for argument in arguments)
            yield node, f"({first}) / ({second})", "rounding"
        if type_of(called).startswith("type("):
            return
        for one, next_one in pairwise(arguments):
            if type_of(one) == type_of(next_one):
                swapped = f"{self._source.text(next_one)}, {self._source.text(one)}"
                yield (span(one)[0], span(next_one)[1]), swapped, "argument"

    def _name(self, node: Node) -> Found:
        if node.get("memberName") == "max" and self._source.text(node).startswith("type("):
            yield node, "0", "constant"
            return
        other = other_name(node, self._function, self._declarations)
        if other is not None:
            _, end = span(node)
            own = node.get("memberName") or node["name"]
            yield (end - len(own), end), other, "name"

    # ── statements ───────────────────────────────────────────────────────────────────────────────

    def _condition(self, node: Node) -> Found:
        for value in ("true", "false"):
            yield node["condition"], value, "condition"
        if node["nodeType"] == "IfStatement" and node.get("falseBody"):
            yield node["falseBody"], "{}", "deletion"

    def _loop(self, node: Node) -> Found:
        if node.get("condition"):
            yield node["condition"], "false", "condition"

    def _deletion(self, node: Node) -> Found:
        # In the head of a loop there is no semicolon, and a step must stay a step.
        if self._statement_ends(node):
            yield self._with_semicolon(node), "{}", "deletion"

    def _return(self, node: Node) -> Found:
        expression = node.get("expression")
        if expression is not None:
            yield from self._neutral(expression, type_of(expression), "result")
        elif self._statement_ends(node):
            yield self._with_semicolon(node), "{}", "deletion"

    def _initial_value(self, node: Node) -> Found:
        value, declared = node.get("initialValue"), node["declarations"]
        if value is None:
            return
        if len(declared) == 1:
            yield from self._neutral(value, type_of(declared[0]), "initial value")
            return
        # Of several results one is lost, or two of a kind change places.
        named = [one for one in declared if one]
        start, end = self._with_semicolon(node)
        statement = self._source.between(start, end)
        for one in named:
            for _, words, operator in self._neutral(one, type_of(one), "initial value"):
                yield (start, end), f"{statement} {one['name']} = {words};", operator
        for one, next_one in pairwise(named):
            if type_of(one) == type_of(next_one):
                place = span(one)[0], span(next_one)[1]
                between = self._source.between(span(one)[1], span(next_one)[0])
                yield place, f"{self._source.text(next_one)}{between}{self._source.text(one)}", "argument"

    def _constant(self, node: Node) -> Found:
        if node.get("stateVariable") and node.get("value"):
            yield from self._neutral(node["value"], type_of(node), "initial value")

    def _modifier(self, node: Node) -> Found:
        if node["kind"] == "modifierInvocation":
            yield node, "", "modifier"

    # ── helpers ──────────────────────────────────────────────────────────────────────────────────

    def _with_semicolon(self, node: Node) -> tuple[int, int]:
        start, end = span(node)
        return start, end + (self._source.data[end : end + 1] == b";")

    def _statement_ends(self, node: Node) -> bool:
        return self._source.data[self._with_semicolon(node)[1] - 1 :][:1] == b";"

    def _neutral(self, node: Node, kind: str, operator: str) -> Found:
        if kind == "bool":
            yield node, "true", operator
            yield node, "false", operator
        elif re.match(r"u?int|bytes\d", kind):
            yield node, "0", operator
        elif kind == "address":
            yield node, "address(0)", operator
        elif kind.startswith("enum "):
            yield node, f"{kind.removeprefix('enum ')}(0)", operator

    def _sign(self, start: int, end: int, sign: str) -> tuple[int, int]:
        at = self._source.data.index(sign.encode(), start, end)
        return at, at + len(sign)
