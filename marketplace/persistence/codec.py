"""Frozen dataclasses ↔ plain JSON values, by their type hints: what goes in comes back equal.

Enums become their values, instants ISO 8601 in UTC, tuples lists, keys text. A row that does not fit its type is
refused (`Unreadable`), never guessed at: rows outlive the code that wrote them.
"""

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from marketplace.domain.errors import InvalidInput

T = TypeVar("T")

_SCALARS = (bool, int, float, str)


class Unreadable(Exception):
    """A stored value does not fit the type it should come back as; `path` says where."""

    def __init__(self, path: str, expected: object) -> None:
        super().__init__(f"stored value at {path} is no {expected}")
        self.path = path


def plain(value: object) -> Any:
    """The JSON value of `value`. Raises InvalidInput for NaN and infinities, TypeError for what has no JSON form."""
    match value:
        case Enum():
            return plain(value.value)
        case None | bool() | int() | str():
            return value
        case float():
            if not math.isfinite(value):
                raise InvalidInput("value", "must be a finite number")
            return value
        case datetime():
            return utc(value).isoformat()
        case date():
            return value.isoformat()
        case Mapping():
            return {_key_text(key): plain(entry) for key, entry in value.items()}
        case list() | tuple():
            return [plain(entry) for entry in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")


def utc(instant: datetime) -> datetime:
    """The same instant in UTC. Raises InvalidInput where it has no time zone."""
    if instant.tzinfo is None:
        raise InvalidInput("instant", "must name its time zone")
    return instant.astimezone(UTC)


def restore(kind: type[T], value: object) -> T:
    """The object of type `kind` that `plain` made `value` from. Raises Unreadable."""
    restored: T = _restore(kind, value, kind.__name__)
    return restored


def _key_text(key: object) -> str:
    value = key.value if isinstance(key, Enum) else key
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError(f"{type(key).__name__} cannot be a key")
    return str(value)


def _restore(kind: Any, value: Any, path: str) -> Any:
    if kind is Any:
        return value
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _restore_union(get_args(kind), value, path)
    if origin is tuple:
        return _restore_tuple(get_args(kind), value, path)
    if origin is not None and issubclass(origin, Mapping):
        return _restore_mapping(get_args(kind), value, path)
    if is_dataclass(kind):
        return _restore_dataclass(kind, value, path)
    return _restore_scalar(kind, value, path)


def _restore_union(kinds: tuple[Any, ...], value: Any, path: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    rest = [kind for kind in kinds if kind is not type(None)]
    if len(rest) == 1:
        return _restore(rest[0], value, path)
    # Other unions of the domain are unions of scalars, told apart by the value's own type.
    if type(value) in rest and type(value) in _SCALARS:
        return value
    raise Unreadable(path, kinds)


def _restore_tuple(kinds: tuple[Any, ...], value: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise Unreadable(path, "list")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_restore(kinds[0], entry, f"{path}[{index}]") for index, entry in enumerate(value))
    if len(kinds) != len(value):
        raise Unreadable(path, f"list of {len(kinds)}")
    pairs = enumerate(zip(kinds, value, strict=True))
    return tuple(_restore(kind, entry, f"{path}[{index}]") for index, (kind, entry) in pairs)


def _restore_mapping(kinds: tuple[Any, ...], value: Any, path: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise Unreadable(path, "object")
    of_key, of_entry = kinds
    return {_restore_key(of_key, key, path): _restore(of_entry, value[key], f"{path}.{key}") for key in value}


def _restore_key(kind: Any, key: str, path: str) -> Any:
    if issubclass(kind, int):
        try:
            return _restore_scalar(kind, int(key), path)
        except ValueError as error:
            raise Unreadable(path, kind) from error
    return _restore_scalar(kind, key, path)


def _restore_dataclass(kind: Any, value: Any, path: str) -> Any:
    if not isinstance(value, Mapping):
        raise Unreadable(path, kind.__name__)
    hints = hints_of(kind)
    strange = value.keys() - hints.keys()
    if strange:
        raise Unreadable(f"{path}.{min(strange)}", f"field of {kind.__name__}")
    for field in fields(kind):
        if field.name not in value and field.default is MISSING and field.default_factory is MISSING:
            raise Unreadable(f"{path}.{field.name}", "value: it is missing")
    return kind(**{name: _restore(hints[name], value[name], f"{path}.{name}") for name in value})


def _restore_scalar(kind: Any, value: Any, path: str) -> Any:
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    try:
        if issubclass(kind, Enum):
            return kind(value)
        if kind is datetime and isinstance(value, str):
            return utc(datetime.fromisoformat(value))
        if kind is date and isinstance(value, str):
            return date.fromisoformat(value)
    except (ValueError, InvalidInput) as error:
        raise Unreadable(path, kind.__name__) from error
    raise Unreadable(path, kind.__name__)


@cache
def hints_of(kind: Any) -> Mapping[str, Any]:
    """The resolved type of each field of a dataclass."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}
