"""JSON that is read strictly: no floats, no NaN, no duplicate keys, no NUL, no lone surrogates.

Numbers on the shop floor's wire are integers below 2^53, decimals travel as strings (RFC 8785 §3.2.2.3 would
otherwise make two readers disagree on the bytes).
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

MAX_SAFE_INTEGER = 2**53 - 1
MAX_DEPTH = 32
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)
_TEXT_FORBIDDEN = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class JsonRefused(ValueError):
    """The text is not the strict JSON that this wire carries; the message never echoes the input."""


def _no_float(_: str) -> Any:
    raise JsonRefused("a number is not an integer")


def _integer(text: str) -> int:
    if len(text) > 17:  # 2^53 has 16 digits and there may be a sign
        raise JsonRefused("a number is beyond 2^53")
    value = int(text)
    if abs(value) > MAX_SAFE_INTEGER:
        raise JsonRefused("a number is beyond 2^53")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise JsonRefused("a key appears twice")
    return result


def _check_depth(text: str) -> None:
    """Under a raised recursion limit (some libraries raise it) deep JSON would end the process, not the call."""
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > MAX_DEPTH:
            raise JsonRefused(f"nested deeper than {MAX_DEPTH}")


def loads(text: str | bytes, *, limit: int) -> Any:
    """Parse `text` of at most `limit` characters. Raises JsonRefused."""
    if len(text) > limit:
        raise JsonRefused(f"the text is longer than {limit}")
    try:
        plain = text.decode() if isinstance(text, bytes) else text
        _check_depth(plain)
        return json.loads(
            plain,
            parse_float=_no_float,
            parse_constant=_no_float,
            parse_int=_integer,
            object_pairs_hook=_unique,
        )
    except JsonRefused:
        raise
    except (ValueError, RecursionError) as error:
        raise JsonRefused("the text is not JSON") from error


def as_object(value: object, field: str) -> Mapping[str, Any]:
    """`value` as a JSON object. Raises JsonRefused naming `field`."""
    if not isinstance(value, dict):
        raise JsonRefused(f"{field}: an object is needed")
    return value


def as_array(value: object, field: str, *, limit: int) -> Sequence[Any]:
    """`value` as an array of at most `limit` items. Raises JsonRefused naming `field`."""
    if not isinstance(value, list) or len(value) > limit:
        raise JsonRefused(f"{field}: an array of at most {limit} items is needed")
    return value


def as_int(value: object, field: str, low: int, high: int) -> int:
    """`value` as an integer in low..high (a boolean is none). Raises JsonRefused naming `field`."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise JsonRefused(f"{field}: an integer from {low} to {high} is needed")
    return value


def as_text(value: object, field: str, *, limit: int = 128, pattern: re.Pattern[str] | None = None) -> str:
    """`value` as a string without control characters or lone surrogates. Raises JsonRefused naming `field`."""
    if not isinstance(value, str) or len(value) > limit or _TEXT_FORBIDDEN.search(value):
        raise JsonRefused(f"{field}: a printable string of at most {limit} characters is needed")
    if pattern is not None and pattern.fullmatch(value) is None:
        raise JsonRefused(f"{field}: the string does not have the agreed form")
    return value
