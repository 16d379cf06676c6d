"""A question as a JSON file: lines, offers, suppliers, limits. What does not fit is refused by its field's name."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic_core import from_json

from matchmaking.selection.model import (
    MOST_HOURS,
    MOST_MINOR,
    PPM,
    Candidate,
    Constraints,
    Line,
    Problem,
    Supplier,
)

MOST_BYTES = 32 * 1024 * 1024
MOST_LINES, MOST_OFFERS, MOST_SUPPLIERS = 200, 50_000, 5_000
_LONGEST = 200

T = TypeVar("T")


def problem_of(text: str) -> Problem:
    """The question in `text`. Raises ValueError that names the field."""
    if len(text) > MOST_BYTES:
        raise ValueError(f"the file is larger than {MOST_BYTES} bytes")
    try:
        # Bounds the depth first: how deep json.loads may go is a limit that any library may have raised.
        from_json(text)
    except ValueError as error:
        raise ValueError(f"the file is no JSON: {error}") from None
    try:
        document = json.loads(text, parse_constant=_no_number, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise ValueError(f"the file is no JSON: {error}") from None
    top = _Fields(document, "")
    lines = top.rows("lines", MOST_LINES, _line)
    offers = top.rows("offers", MOST_OFFERS, _offer)
    suppliers = top.rows("suppliers", MOST_SUPPLIERS, _supplier, needed=False)
    limits = top.inner("limits", _limits)
    top.end()
    _differ([line.line_id for line in lines], "lines", "id")
    _differ([one.supplier_id for one in suppliers], "suppliers", "id")
    _differ([(one.line_id, one.supplier_id, one.offer_id) for one in offers], "offers", "id")
    known = {line.line_id for line in lines}
    for at, one in enumerate(offers):
        if one.line_id not in known:
            raise ValueError(f"offers[{at}].line: {one.line_id!r} is not among the lines")
    return Problem(lines, offers, {one.supplier_id: one for one in suppliers}, limits)


class _Fields:
    """The fields of one object; each is taken once, and none may be left."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{path or 'the file'} must be an object")
        self._left: dict[str, Any] = dict(value)
        self._path = path

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def number(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number from `low` to `high`."""
        found = self.optional(name, low, high)
        if found is None and default is None:
            raise ValueError(f"{self._at(name)} is missing")
        return default if found is None and default is not None else int(found or 0)

    def optional(self, name: str, low: int, high: int) -> int | None:
        """The same, or None where it is not there."""
        value = self._left.pop(name, None)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high):
            raise ValueError(f"{self._at(name)} must be a whole number from {low} to {high}")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        """A text that is not empty."""
        value = self._left.pop(name, default)
        if value is None:
            raise ValueError(f"{self._at(name)} is missing")
        if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST or not value.isprintable():
            raise ValueError(f"{self._at(name)} must be a printable text of 1 to {_LONGEST} characters")
        return value

    def texts(self, name: str) -> frozenset[str]:
        """A list of such texts; none where it is not there."""
        value = self._left.pop(name, [])
        if not isinstance(value, list) or len(value) > _LONGEST:
            raise ValueError(f"{self._at(name)} must be a list of at most {_LONGEST} texts")
        return frozenset(_Fields({str(at): one}, self._at(name)).text(str(at)) for at, one in enumerate(value))

    def rows(self, name: str, most: int, read: "Callable[[_Fields], T]", needed: bool = True) -> tuple[T, ...]:
        """A list of objects."""
        value = self._left.pop(name, None if needed else [])
        if not isinstance(value, list) or len(value) > most or (needed and not value):
            raise ValueError(f"{self._at(name)} must be a list of {'1 to' if needed else 'at most'} {most} objects")
        return tuple(self._read(one, f"{self._at(name)}[{at}]", read) for at, one in enumerate(value))

    def inner(self, name: str, read: "Callable[[_Fields], T]") -> T:
        """An object, empty where it is not there."""
        return self._read(self._left.pop(name, {}), self._at(name), read)

    def _read(self, value: object, path: str, read: "Callable[[_Fields], T]") -> T:
        fields = _Fields(value, path)
        found = read(fields)
        fields.end()
        return found

    def end(self) -> None:
        """Refuses what nobody asked for: a misspelt limit must not be lost in silence."""
        if self._left:
            name = next(iter(self._left))
            shown = name if name.isprintable() and len(name) <= _LONGEST else ascii(name)[1:-1][:_LONGEST]
            raise ValueError(f"{self._at(shown)} is not known")


def _line(fields: _Fields) -> Line:
    return Line(
        fields.text("id"), fields.number("quantity", 1, MOST_HOURS, 1), certificates=fields.texts("certificates")
    )


def _offer(fields: _Fields) -> Candidate:
    return Candidate(
        line_id=fields.text("line"),
        offer_id=fields.text("id"),
        supplier_id=fields.text("supplier"),
        price_minor=fields.number("price_minor", 0, MOST_MINOR),
        lead_time_h=fields.number("lead_time_h", 0, MOST_HOURS),
        currency=fields.text("currency", "EUR"),
        base_quantity=fields.number("base_quantity", 1, MOST_HOURS, 1),
        minimum_quantity=fields.number("minimum_quantity", 1, MOST_HOURS, 1),
        hours=fields.number("hours", 0, MOST_HOURS, 0),
        reliability_ppm=fields.number("reliability_ppm", 1, PPM, PPM),
        certificates=fields.texts("certificates"),
    )


def _supplier(fields: _Fields) -> Supplier:
    return Supplier(
        supplier_id=fields.text("id"),
        freight_minor=fields.number("freight_minor", 0, MOST_MINOR, 0),
        capacity_h=fields.optional("capacity_h", 0, MOST_HOURS),
        minimum_order_minor=fields.number("minimum_order_minor", 0, MOST_MINOR, 0),
        bundle_lines=fields.number("bundle_lines", 1, MOST_LINES, 1),
        bundle_bps=fields.number("bundle_bps", 0, 9_999, 0),
    )


def _limits(fields: _Fields) -> Constraints:
    return Constraints(
        currency=fields.text("currency", "EUR"),
        max_lead_time_h=fields.optional("max_lead_time_h", 0, MOST_HOURS),
        max_total_minor=fields.optional("max_total_minor", 0, MOST_MINOR * MOST_LINES),
        max_risk_micro=fields.optional("max_risk_micro", 0, MOST_HOURS),
        certificates=fields.texts("certificates"),
        excluded_offers=fields.texts("excluded_offers"),
        excluded_suppliers=fields.texts("excluded_suppliers"),
        seed=fields.text("seed", "0"),
    )


def _differ(keys: list[Any], name: str, of: str) -> None:
    seen: dict[Any, int] = {}
    for at, key in enumerate(keys):
        if key in seen:
            raise ValueError(f"{name}[{at}].{of}: {key!r} is there twice, see {name}[{seen[key]}]")
        seen[key] = at


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for at, (name, _) in enumerate(pairs) if any(name == other for other, _ in pairs[:at]))
        raise ValueError(f"the field {twice[:_LONGEST]!r} is there twice in one object")
    return found
