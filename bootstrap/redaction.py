"""Keeps personal data and secrets out of the log (OWASP ASVS 5.0.0, V16.2.5).

What looks like one is replaced, wherever it stands: in a message, in its details, in the words of an exception. Long
hexadecimal is shortened to a beginning that still can be searched for: a key cannot be told from a hash by its looks.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

GONE = "[redacted]"
LONGEST_TEXT = 4_000
LONGEST_LIST = 50
DEEPEST = 4

_SECRET_NAMES = re.compile(
    r"passw|secret|token$|authori[sz]ation|cookie|signature|private|api_?key|credential|mnemonic|p256dh|^auth$"
    r"|endpoint|e?mail|phone|display_name|street|postal|iban|engraving|handover|^raw$",
    re.IGNORECASE,
)
"""Details whose name says that their value is nobody's business."""

_PUBLIC_HEX = re.compile(
    r"agreement(_id)?|block|contract|factory|relayer|signer|transaction"
    r"|((block|expected|genesis|observed|transaction)_)?hash"
)
"""Details that hold what everybody can read on the chain: they stay whole."""

_PATTERNS: Sequence[tuple[re.Pattern[str], str]] = (
    # An address with a name and a password in it: databases, brokers, nodes.
    (re.compile(r"\b([a-z][a-z0-9+.-]{1,20}://)[^\s@\"'<>]{1,300}@", re.IGNORECASE), rf"\1{GONE}@"),
    (re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), GONE),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?"), GONE),  # a JSON Web Token (RFC 7519)
    (re.compile(r"\b(bearer|basic)\s+(?=\S*(?-i:[A-Z0-9=]))[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {GONE}"),
    (
        re.compile(
            r"\b([\w-]{0,30}(?:password|passwd|secret|signature|api[_-]?key|private[_-]?key|credentials?|authorization"
            r"|access[_-]?token|mnemonic))([\"']?\s*[:=]\s*[\"']?)[^\s\"',;&}]+",
            re.IGNORECASE,
        ),
        rf"\1\2{GONE}",
    ),
    # A random key in base64url: letters of both cases and digits, longer than any name we give.
    (
        re.compile(r"(?<![\w-])(?=[\w-]{0,400}[a-z])(?=[\w-]{0,400}[A-Z])(?=[\w-]{0,400}[0-9])[A-Za-z0-9_-]{40,}=*"),
        GONE,
    ),
    (re.compile(r"(?<![\w+])\+[0-9](?:[ ().-]?[0-9]){7,14}(?!\w)"), GONE),  # a telephone number (E.164)
)
_HARMLESS = re.compile(r"(?:(?:GET|POST|PUT|PATCH|DELETE) )?[A-Z]?[a-z0-9_/{}.-]{0,39}")
"""What none of these can be in, and most of a log is: names, routes, ids."""
_HEX = re.compile(r"(?<![0-9a-zA-Z])(0x)?([0-9a-fA-F]{8})[0-9a-fA-F]{32,}(?![0-9a-zA-Z])")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean(text: str, *, longest: int = LONGEST_TEXT) -> str:
    """`text` without personal data and secrets, without what no database keeps, and not longer than `longest`."""
    if _HARMLESS.fullmatch(text):
        return text
    if len(text) > 2 * longest:
        text = f"{text[:longest]} … {text[-longest:]}"
    text = _hidden(_UNSTORABLE.sub("\ufffd", text))
    if len(text) <= longest:
        return text
    # The beginning says what it is about, the end of a traceback what it was.
    return f"{text[: longest // 4]} … {text[-(longest * 3 // 4 - 3) :]}"


def _hidden(text: str) -> str:
    text = _HEX.sub(r"\1\2…", text)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def clean_value(name: str, value: Any, depth: int = DEEPEST) -> Any:
    """A detail called `name` as a plain JSON value, cleaned at every depth."""
    if _SECRET_NAMES.search(name):
        return GONE
    match value:
        case None | bool():
            return value
        case int():
            return value if abs(value) < 2**53 else str(value)
        case float():
            return value if abs(value) < 1e300 else str(value)  # no NaN, no infinity: JSON has none
        case str() if _PUBLIC_HEX.fullmatch(name) and re.fullmatch("(0x)?[0-9a-fA-F]{0,64}", value):
            return value
        case Mapping() if depth:
            some = list(value.items())[:LONGEST_LIST]
            return {clean(str(key), longest=100): clean_value(str(key), entry, depth - 1) for key, entry in some}
        case list() | tuple() | set() | frozenset() if depth:
            return [clean_value(name, entry, depth - 1) for entry in list(value)[:LONGEST_LIST]]
    return clean(str(value))
