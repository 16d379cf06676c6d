"""A price that anybody can work out again: every line carries its formula and its inputs, all of them whole numbers.

A formula is arithmetic on names: `+`, `-`, `*`, `//` and brackets. `//` is the one rounding rule, floor: towards the
payer for what is added and for what is taken off alike. `recompute` takes nothing on trust: it evaluates each line,
adds up what it is a share of, and says what does not agree. `costing` makes traces.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from marketplace.domain.errors import InvalidInput
from marketplace.domain.money import MAX_MINOR, spell

LONGEST_FORMULA = 200
MOST_LINES = 1_000
SHARE = "base_minor * bps // 10000"


class Form(IntEnum):
    """The form in which a trace is kept and signed (`price_document`): one of another form is not read."""

    FIRST = 1


@dataclass(frozen=True, slots=True)
class TraceLine:
    """`amount_minor` is `formula` of `inputs`; `tax_bps` is the rate it is taxed at.

    A share names in `over` the codes of the lines whose sum its input `base_minor` is.
    """

    code: str
    label: str
    formula: str
    inputs: tuple[tuple[str, int], ...]
    amount_minor: int
    tax_bps: int
    over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PriceTrace:
    """Lines that add up to the total, taxes among them. `platform_fee` is inside the total and shown, never added."""

    currency: str
    lines: tuple[TraceLine, ...]
    taxes: tuple[TraceLine, ...]
    platform_fee: TraceLine
    version: Form = Form.FIRST

    @property
    def net_minor(self) -> int:
        """The sum of the lines, without taxes."""
        return sum(line.amount_minor for line in self.lines)

    @property
    def total_minor(self) -> int:
        """What the customer pays."""
        return self.net_minor + sum(tax.amount_minor for tax in self.taxes)


def evaluate(formula: str, inputs: Mapping[str, int]) -> int:
    """The value of a formula. Raises InvalidInput for anything but arithmetic on the inputs."""
    if len(formula) > LONGEST_FORMULA:
        raise InvalidInput("formula", f"must be at most {LONGEST_FORMULA} characters")
    try:
        return _value(ast.parse(formula, mode="eval").body, inputs)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError) as wrong:
        raise InvalidInput("formula", f"cannot be worked out: {type(wrong).__name__}") from wrong


def _value(node: ast.expr, inputs: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int(number)) if type(number) is int:
            return number
        case ast.Name(id=name) if name in inputs:
            return inputs[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, inputs)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.FloorDiv() as operation, right=right):
            return _combined(operation, _value(left, inputs), _value(right, inputs))
        case _:
            raise InvalidInput("formula", "may hold only whole numbers, its inputs, + - * // and brackets")


def _combined(operation: ast.operator, left: int, right: int) -> int:
    match operation:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case _:
            return left // right


def recompute(found: PriceTrace) -> tuple[str, ...]:
    """What of a trace does not agree with itself, in words; nothing, if every line and every sum is right."""
    everything = (*found.lines, *found.taxes)
    if len(everything) > MOST_LINES:
        return (f"more than {MOST_LINES} lines",)
    amounts = {line.code: line.amount_minor for line in everything}
    wrong = [] if len(amounts) == len(everything) else ["two lines have one code"]
    for line in (*everything, found.platform_fee):
        wrong += _disagreements(line, amounts)
    if sorted(found.platform_fee.over) != sorted(amounts):
        wrong.append("fee: not a share of the total")
    return (*wrong, *_untaxed(found))


def _untaxed(found: PriceTrace) -> Iterator[str]:
    """Each line is taxed once, by the tax line of its rate; only a line without tax by none."""
    rates = [(code, dict(tax.inputs).get("bps")) for tax in found.taxes for code in tax.over]
    if Counter(rates) != Counter((line.code, line.tax_bps) for line in found.lines if line.tax_bps):
        yield "tax: not every line is taxed once, at its rate"
    if any(tax.formula != SHARE for tax in found.taxes) or found.platform_fee.formula != SHARE:
        yield "tax and fee: must be shares"


def _disagreements(line: TraceLine, amounts: Mapping[str, int]) -> Iterator[str]:
    inputs = dict(line.inputs)
    if any(type(number) is not int or abs(number) > MAX_MINOR for number in inputs.values()):
        yield f"{line.code}: an input is no whole number"
        return
    try:
        value = evaluate(line.formula, inputs)
    except InvalidInput as unreadable:
        yield f"{line.code}: {unreadable}"
        return
    if value != line.amount_minor:
        yield f"{line.code}: {line.formula} is {value}, not {line.amount_minor}"
    base = sum(amounts.get(code, 0) for code in line.over)
    if line.over and (set(line.over) - set(amounts) or base != inputs.get("base_minor")):
        yield f"{line.code}: its base is {base}, not {inputs.get('base_minor')}"


def explain(line: TraceLine, currency: str) -> str:
    """The line as a person checks it: `Machine time: minutes 90 * minor_per_hour 6000 // 60 = € 90.00`."""
    inputs = dict(line.inputs)
    words = re.sub(r"[a-z_]\w*", lambda name: f"{name[0]} {inputs.get(name[0], '?')}", line.formula)
    return f"{line.label}: {words} = {spell(line.amount_minor, currency)}"
