"""A price trace as plain JSON values, and back: the form that is stored, signed over and handed to strangers.

What is read is taken for nothing more than well-formed: `price_trace.recompute` says whether it is right.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from marketplace.domain.errors import InvalidInput
from marketplace.domain.money import MAX_MINOR
from marketplace.domain.price_trace import LONGEST_FORMULA, MOST_LINES, Form, PriceTrace, TraceLine

LONGEST_TEXT = 400
"""Characters of a code or a label: an option's label and a text that the customer wrote."""

MOST_INPUTS = 20
"""No formula has more names than fit into it."""

T = TypeVar("T")

_LINE = ("code", "label", "formula", "inputs", "amount_minor", "tax_bps", "over")
_TRACE = ("version", "currency", "lines", "taxes", "platform_fee")


def document_of(trace: PriceTrace) -> dict[str, Any]:
    """The trace as plain values; its inputs are pairs of name and number."""
    return {
        "version": int(trace.version),
        "currency": trace.currency,
        "lines": [_plain(line) for line in trace.lines],
        "taxes": [_plain(line) for line in trace.taxes],
        "platform_fee": _plain(trace.platform_fee),
    }


def _plain(line: TraceLine) -> dict[str, Any]:
    return {name: getattr(line, name) for name in _LINE} | {
        "inputs": [list(pair) for pair in line.inputs],
        "over": list(line.over),
    }


def trace_from(document: object) -> PriceTrace:
    """The trace that `document_of` made this from. Raises InvalidInput, naming the place, for anything else."""
    found = _object(document, _TRACE, "trace")
    if type(found["version"]) is not int or found["version"] != Form.FIRST:
        raise InvalidInput("trace.version", f"must be {int(Form.FIRST)}")
    return PriceTrace(
        _text(found["currency"], "trace.currency"),
        _each(found["lines"], _line, "trace.lines", MOST_LINES),
        _each(found["taxes"], _line, "trace.taxes", MOST_LINES),
        _line(found["platform_fee"], "trace.platform_fee"),
    )


def _line(given: object, place: str) -> TraceLine:
    found = _object(given, _LINE, place)
    inputs = _each(found["inputs"], _input, f"{place}.inputs", MOST_INPUTS)
    if len(dict(inputs)) < len(inputs):
        raise InvalidInput(f"{place}.inputs", "must name each input once")
    return TraceLine(
        _text(found["code"], f"{place}.code"),
        _text(found["label"], f"{place}.label"),
        _text(found["formula"], f"{place}.formula", LONGEST_FORMULA),
        inputs,
        _whole(found["amount_minor"], f"{place}.amount_minor"),
        _whole(found["tax_bps"], f"{place}.tax_bps"),
        _each(found["over"], _text, f"{place}.over", MOST_LINES),
    )


def _input(given: object, place: str) -> tuple[str, int]:
    if not isinstance(given, list) or len(given) != 2:
        raise InvalidInput(place, "must be a name and a number")
    return _text(given[0], place), _whole(given[1], place)


def _object(given: object, names: tuple[str, ...], place: str) -> Mapping[str, Any]:
    if not isinstance(given, dict) or set(given) != set(names):
        raise InvalidInput(place, f"must be an object of {', '.join(names)}, and nothing else")
    return given


def _each(given: object, read: Callable[[object, str], T], place: str, most: int) -> tuple[T, ...]:
    if not isinstance(given, list) or len(given) > most:
        raise InvalidInput(place, f"must be a list of at most {most}")
    return tuple(read(one, f"{place}.{number}") for number, one in enumerate(given))


def _text(given: object, place: str, longest: int = LONGEST_TEXT) -> str:
    if not isinstance(given, str) or len(given) > longest:
        raise InvalidInput(place, f"must be a text of at most {longest} characters")
    return given


def _whole(given: object, place: str) -> int:
    if type(given) is not int or abs(given) > MAX_MINOR:
        raise InvalidInput(place, f"must be a whole number of at most {MAX_MINOR}")
    return given
