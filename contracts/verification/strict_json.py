"""JSON that has one meaning (I-JSON, RFC 7493): no key twice, no NaN, no number past a double, no lone surrogate."""

import json
import math
import re
from typing import Any, Final

DEEPEST: Final = 64
"""No specification and no event nests deeper than a few levels."""
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)
_UNFIT: Final = re.compile("[\0\ud800-\udfff]")


def parse(text: bytes | str) -> Any:
    """The value of a text. Raises ValueError."""
    plain = text.decode("utf-8") if isinstance(text, bytes) else text
    _check_depth(plain)
    value = json.loads(
        plain, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_float, parse_int=_integer
    )
    _check_texts(value)
    return value


def _check_depth(text: str) -> None:
    """Some libraries raise the interpreter's recursion limit, under which deep JSON ends the process, not the call."""
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > DEEPEST:
            raise ValueError(f"it nests deeper than {DEEPEST}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for index, (key, _) in enumerate(pairs) if key in dict(pairs[:index]))
        raise ValueError(f"the key {twice!a} is there twice")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _float(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text[:20]} is past every number")
    return number


def _integer(text: str) -> int:
    if len(text) > 80:
        raise ValueError(f"a number has {len(text)} digits")
    return int(text)


def _check_texts(value: Any) -> None:
    texts = [value] if isinstance(value, str) else [*value] if isinstance(value, dict) else []
    if any(_UNFIT.search(text) for text in texts):
        raise ValueError("a text holds U+0000 or half of a surrogate pair")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_texts(inner)
