"""Column types that say no before a driver would: text without NUL and lone surrogates, 64-bit whole numbers,
aware instants in UTC, JSON of plain values.

A refusal is the domain's InvalidInput and names the column.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, DateTime, Dialect, ForeignKey, Integer, Text
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.types import TypeDecorator, TypeEngine

from marketplace.domain.errors import InvalidInput
from marketplace.persistence.codec import plain, utc

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""Characters that PostgreSQL cannot keep: NUL, and halves of a surrogate pair, which UTF-8 cannot say."""

_INT64 = 2**63


class Unstorable(InvalidInput, DontWrapMixin):
    """InvalidInput that SQLAlchemy passes on as it is instead of wrapping it into a StatementError."""


def storable(field: str, text: str) -> str:
    """`text`. Raises InvalidInput if it holds U+0000 or a lone surrogate."""
    if _UNSTORABLE.search(text):
        raise Unstorable(field, "must hold no NUL character and no lone surrogate")
    return text


def _storable_json(field: str, value: Any) -> None:
    if isinstance(value, str):
        storable(field, value)
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            storable(field, key)
            _storable_json(field, entry)
    elif isinstance(value, list):
        for entry in value:
            _storable_json(field, entry)


def dump_json(value: Any) -> str:
    """The text of a JSON column; NaN and infinities are refused."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class Words(TypeDecorator[str]):
    """Text, byte for byte as given."""

    impl = Text
    cache_ok = True

    def __init__(self, field: str) -> None:
        super().__init__()
        self.field = field

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Refuse what is not text."""
        if value is None:
            return None
        if not isinstance(value, str):
            raise Unstorable(self.field, "must be text")
        return storable(self.field, str(value.value) if isinstance(value, Enum) else value)


class Whole(TypeDecorator[int]):
    """A whole number of 64 bits."""

    impl = BigInteger
    cache_ok = True

    def __init__(self, field: str) -> None:
        super().__init__()
        self.field = field

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        """Refuse truth values, fractions and what 64 bits cannot hold."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not -_INT64 <= value < _INT64:
            raise Unstorable(self.field, "must be a whole number of at most 64 bits")
        return int(value)


class Instant(TypeDecorator[datetime]):
    """An instant, aware, in UTC, to the microsecond."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse an instant without a time zone."""
        try:
            return None if value is None else utc(value)
        except InvalidInput as refused:
            raise Unstorable(refused.field, refused.message) from refused

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """SQLite forgets the zone: what we stored was UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """A JSON value; dataclasses, enums and tuples are written in their plain form."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def __init__(self, field: str) -> None:
        super().__init__()
        self.field = field

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Refuse text that PostgreSQL cannot keep, at any depth."""
        try:
            written = plain(value)
        except InvalidInput as refused:
            raise Unstorable(self.field, refused.message) from refused
        _storable_json(self.field, written)
        return written


def text(name: str, *extra: Any, **options: Any) -> Column[Any]:
    """A text column, NOT NULL unless `nullable`."""
    return _column(name, Words(name), *extra, **options)


def whole(name: str, *extra: Any, **options: Any) -> Column[Any]:
    """A whole-number column, NOT NULL unless `nullable`."""
    return _column(name, Whole(name), *extra, **options)


def instant(name: str, **options: Any) -> Column[Any]:
    """An instant column, NOT NULL unless `nullable`."""
    return _column(name, Instant(), **options)


def json_value(name: str, **options: Any) -> Column[Any]:
    """A JSON column, NOT NULL unless `nullable`."""
    return _column(name, Json(name), **options)


def serial(name: str = "serial") -> Column[Any]:
    """The primary key that counts rows; never reused, also on SQLite (AUTOINCREMENT)."""
    counter = BigInteger().with_variant(Integer(), "sqlite")
    return Column(name, counter, primary_key=True, autoincrement=True)


def reference(name: str, target: str, **options: Any) -> Column[Any]:
    """A foreign key, checked when the transaction commits: rows of one transaction may come in any order."""
    key = ForeignKey(target, deferrable=True, initially="DEFERRED")
    return _column(name, Words(name), key, **options)


def one_of(column: str, values: Iterable[Enum | str]) -> CheckConstraint:
    """CHECK that the column holds one of these values."""
    allowed = [entry.value if isinstance(entry, Enum) else entry for entry in values]
    spelled = ", ".join(str(value) if isinstance(value, int) else f"'{value}'" for value in allowed)
    return CheckConstraint(f"{column} IN ({spelled})", name=column)


def _column(name: str, kind: TypeEngine[Any], *extra: Any, **options: Any) -> Column[Any]:
    return Column(name, kind, *extra, **{"nullable": False, **options})
