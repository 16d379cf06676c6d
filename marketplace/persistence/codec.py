"""Frozen dataclasses ↔ plain JSON values, by their type hints: what goes in comes back equal.

Enums become their values, instants ISO 8601 in UTC, tuples lists, keys text. A row that does not fit its type is
refused (`Unreadable`), never guessed at: rows outlive the code that wrote them.

A type is asked once how its values are written and read, and not once for each value: every request and every effect
reads whole orders and agreements.
"""

import math
from collections.abc import Callable, Mapping, Set
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from itertools import repeat
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from marketplace.domain.errors import InvalidInput

T = TypeVar("T")

_SCALARS = {bool, int, float, str}
_Converter = Callable[[Any], Any]


class Unreadable(Exception):
    """A stored value does not fit the type it should come back as; `path` says where."""

    def __init__(self, path: str, expected: object) -> None:
        super().__init__(f"stored value at {path} is no {expected}")
        self.path = path
        self.expected = expected

    def within(self, place: str) -> "Unreadable":
        """The same, seen from whoever holds the value at `place`."""
        outer = Unreadable(f"{place}{self.path}", self.expected)
        outer.__cause__ = self.__cause__
        return outer


def plain(value: object) -> Any:
    """The JSON value of `value`. Raises InvalidInput for NaN and infinities, TypeError for what has no JSON form."""
    return _writer(type(value))(value)  # type: ignore[arg-type]


def utc(instant: datetime) -> datetime:
    """The same instant in UTC. Raises InvalidInput where it has no time zone."""
    if instant.tzinfo is None:
        raise InvalidInput("instant", "must name its time zone")
    return instant.astimezone(UTC)


def restore(kind: type[T], value: object) -> T:
    """The object of type `kind` that `plain` made `value` from. Raises Unreadable."""
    try:
        restored: T = _reader(kind)(value)  # type: ignore[arg-type]
    except Unreadable as misfit:
        raise misfit.within(kind.__name__) from misfit.__cause__
    return restored


@cache
def hints_of(kind: Any) -> Mapping[str, Any]:
    """The resolved type of each field of a dataclass."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


@cache
def _writer(kind: type) -> _Converter:
    """What writes values of exactly this type."""
    if issubclass(kind, Enum):
        return lambda value: plain(value.value)
    if issubclass(kind, NoneType | bool | int | str):
        return _as_it_is
    if issubclass(kind, float):
        return _finite
    if issubclass(kind, datetime):
        return lambda value: utc(value).isoformat()
    if issubclass(kind, date):
        return lambda value: value.isoformat()
    if issubclass(kind, Mapping):
        return lambda value: {_key_text(key): plain(entry) for key, entry in value.items()}
    if issubclass(kind, list | tuple):
        return lambda value: [plain(entry) for entry in value]
    if is_dataclass(kind):
        names = [field.name for field in fields(kind)]
        return lambda value: {name: plain(getattr(value, name)) for name in names}
    raise TypeError(f"{kind.__name__} has no JSON form")


def _as_it_is(value: Any) -> Any:
    return value


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise InvalidInput("value", "must be a finite number")
    return value


def _key_text(key: object) -> str:
    value = key.value if isinstance(key, Enum) else key
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError(f"{type(key).__name__} cannot be a key")
    return str(value)


@cache
def _reader(kind: Any) -> _Converter:
    """What reads values of this type back. Its Unreadable says where inside of the value, if not at its top."""
    if kind is Any:
        return _as_it_is
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _union_reader(get_args(kind))
    if origin is tuple:
        return _tuple_reader(get_args(kind))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping_reader(*get_args(kind))
    if is_dataclass(kind):
        return _dataclass_reader(kind)
    return _scalar_reader(kind)


def _union_reader(kinds: tuple[Any, ...]) -> _Converter:
    rest = [kind for kind in kinds if kind is not NoneType]
    if len(rest) == 1:
        read_it = _reader(rest[0])
        return lambda value: None if value is None else read_it(value)
    # Other unions of the domain are unions of scalars, told apart by the value's own type.
    known = _SCALARS.intersection(kinds) | ({NoneType} & set(kinds))

    def read(value: Any) -> Any:
        if type(value) not in known:
            raise Unreadable("", kinds)
        return value

    return read


def _tuple_reader(kinds: tuple[Any, ...]) -> _Converter:
    alike = kinds[1:] == (Ellipsis,)
    readers = [_reader(kind) for kind in kinds if kind is not Ellipsis]

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise Unreadable("", "list")
        if not alike and len(kinds) != len(value):
            raise Unreadable("", f"list of {len(kinds)}")
        entries: list[Any] = []
        try:
            for read_it, entry in zip(repeat(readers[0], len(value)) if alike else readers, value, strict=True):
                entries.append(read_it(entry))
        except Unreadable as misfit:
            raise misfit.within(f"[{len(entries)}]") from misfit.__cause__
        return tuple(entries)

    return read


def _mapping_reader(of_key: Any, of_entry: Any) -> _Converter:
    read_key = _key_reader(of_key)
    read_entry = _reader(of_entry)

    def read(value: Any) -> dict[Any, Any]:
        if not isinstance(value, dict):
            raise Unreadable("", "object")
        entries: dict[Any, Any] = {}
        for key, entry in value.items():
            try:
                entries[read_key(key)] = read_entry(entry)
            except Unreadable as misfit:
                raise misfit.within(f".{key}") from misfit.__cause__
        return entries

    return read


def _key_reader(kind: Any) -> _Converter:
    read_it = _scalar_reader(kind)
    if not issubclass(kind, int):
        return read_it

    def read(key: str) -> Any:
        try:
            return read_it(int(key))
        except ValueError as error:
            raise Unreadable("", kind) from error

    return read


def _dataclass_reader(kind: Any) -> _Converter:
    hints = hints_of(kind)
    readers: dict[str, _Converter] = {}
    needed = {field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING}

    def read(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise Unreadable("", kind.__name__)
        if not readers:  # only now: a type may hold itself
            readers.update({name: _reader(hint) for name, hint in hints.items()})
        _check_names(kind.__name__, value, hints, needed)
        given: dict[str, Any] = {}
        for name in value:
            try:
                given[name] = readers[name](value[name])
            except Unreadable as misfit:
                raise misfit.within(f".{name}") from misfit.__cause__
        return kind(**given)

    return read


def _check_names(kind: str, value: Mapping[str, Any], known: Mapping[str, Any], needed: Set[str]) -> None:
    if strange := value.keys() - known.keys():
        raise Unreadable(f".{min(strange)}", f"field of {kind}")
    if missing := needed - value.keys():
        raise Unreadable(f".{min(missing)}", "value: it is missing")


def _scalar_reader(kind: Any) -> _Converter:
    make = _MAKERS.get(kind, kind if issubclass(kind, Enum) else None)
    is_truth_refused = kind is int

    def read(value: Any) -> Any:
        if isinstance(value, kind) and not (is_truth_refused and isinstance(value, bool)):
            return value
        if make is None or (kind in _MAKERS and not isinstance(value, str)):
            raise Unreadable("", kind.__name__)
        try:
            return make(value)
        except (ValueError, InvalidInput) as error:
            raise Unreadable("", kind.__name__) from error

    return read


_MAKERS: Mapping[type, _Converter] = {
    datetime: lambda text: utc(datetime.fromisoformat(text)),
    date: date.fromisoformat,
}
