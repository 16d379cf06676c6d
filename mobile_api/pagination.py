"""Cursors that nobody is tempted to build: base64url of what the use case gave, behind a version mark."""

import base64
import binascii

from pydantic_core import PydanticCustomError

from mobile_api.strict_json import storable

MARK = "1:"
LONGEST = 400


def opaque(cursor: str | None) -> str | None:
    """The cursor as clients see it."""
    if cursor is None:
        return None
    return base64.urlsafe_b64encode((MARK + cursor).encode()).rstrip(b"=").decode()


def plain(text: str) -> str:
    """The use case's cursor. Raises PydanticCustomError of type "cursor" for what we did not make."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode() if len(text) <= LONGEST else ""
    except (binascii.Error, ValueError):
        raw = ""
    cursor = raw.removeprefix(MARK)
    if not raw.startswith(MARK) or not cursor or not storable(cursor) or opaque(cursor) != text:
        raise PydanticCustomError("cursor", "is not a cursor of this list")
    return cursor


def plain_or_none(text: str | None) -> str | None:
    """`plain`, where a cursor was given at all."""
    return None if text is None else plain(text)
