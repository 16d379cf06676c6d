"""JSON as strict as money needs it (RFC 8259, and I-JSON, RFC 7493, for what that leaves open).

Python's reader takes NaN, lets the last of two equal keys win and makes lone surrogates; a database then refuses what
the interface has accepted. Numbers that are no numbers are left to the fields, which name themselves when they refuse.
"""

import json
import re
from typing import Any

DEEPEST = 64
"""No body of ours nests deeper than a few levels; typed data has the most."""
_REFUSED = re.compile("[\x00\ud800-\udfff]")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


class MalformedJson(Exception):
    """The bytes are not JSON in UTF-8."""


class RefusedJson(Exception):
    """It is JSON, and ambiguous or not storable. `field` names where, `problem` is a key of the message table."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field
        self.problem = problem


def parse(body: bytes) -> Any:
    """The value of `body`. Raises MalformedJson, RefusedJson (equal keys, U+0000, lone surrogates)."""
    try:
        text = body.decode("utf-8")
        _check_depth(text)
        value = json.loads(text, object_pairs_hook=_object)
        # What is in the text itself, UTF-8 and the reader have refused: only an escape can still bring it in.
        if "\\u" in text:
            _check_text(value, "")
    except (ValueError, RecursionError) as error:
        raise MalformedJson("the body is not JSON in UTF-8, or nests too deeply") from error
    return value


def _check_depth(text: str) -> None:
    """Some libraries raise the interpreter's recursion limit, under which deep JSON ends the process, not the call."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > DEEPEST:
            raise ValueError("nested too deeply")


def storable(text: str) -> bool:
    """Whether every database and every client can hold this text: no U+0000, no lone surrogates."""
    return _REFUSED.search(text) is None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        # One place is left for each key that came before: the first twin finds its place taken.
        raise RefusedJson(next(key for key, _ in pairs if found.pop(key, found) is found), "duplicate_key")
    return found


def _check_text(value: Any, path: str) -> None:
    if isinstance(value, str):
        if not storable(value):
            raise RefusedJson(path, "text_refused")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_text(key, path)
            _check_text(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _check_text(inner, f"{path}.{index}" if path else str(index))
