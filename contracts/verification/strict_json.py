"""JSON that has one meaning (I-JSON, RFC 7493): no key twice, no NaN, no number past a double, no lone surrogate."""

import json
import math
import re
from typing import Any, Final

from contracts.depth import check_depth

DEEPEST: Final = 64
"""No specification and no event nests deeper than a few levels."""
_UNFIT: Final = re.compile("[\0\ud800-\udfff]")


def parse(text: bytes | str) -> Any:
    """The value of a text. Raises ValueError."""
    plain = text.decode("utf-8") if isinstance(text, bytes) else text
    check_depth(plain, DEEPEST)
    value = json.loads(
        plain, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_float, parse_int=_integer
    )
    _check_texts(value)
    return value


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
