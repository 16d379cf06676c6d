"""The peer's service catalogue: LinkSmart's entries, kept in memory, never listed past their expiry."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from matchmaking.peer.quirks import Quirks

_MAX_SERVICES = 10_000
_NoBlanks = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\s\x00-\x1f\x7f]+$")]
_Text = Annotated[str, StringConstraints(max_length=4_096, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]

OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "equals": lambda value, wanted: value == wanted,
    "prefix": str.startswith,
    "suffix": str.endswith,
    "contains": lambda value, wanted: wanted in value,
}


class _Model(BaseModel):
    # Unknown fields vanish without a word, as they do at LinkSmart; extensions live in `meta`.
    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


class ApiBody(_Model):
    """One `apis[]` entry."""

    id: _Text = ""
    title: _Text = ""
    description: _Text = ""
    protocol: _Text = ""
    url: _Text = ""
    spec: dict[str, JsonValue] = Field(default_factory=dict)
    meta: dict[str, JsonValue] = Field(default_factory=dict)


class ServiceBody(_Model):
    """What is sent to register a service; `ttl` in seconds is required."""

    id: _NoBlanks | None = None
    type: _NoBlanks
    title: _Text = ""
    description: _Text = ""
    apis: Annotated[list[ApiBody], Field(max_length=100)] = Field(default_factory=list)
    meta: dict[str, JsonValue] = Field(default_factory=dict)
    doc: _Text = ""
    ttl: Annotated[int, Field(ge=1, le=31_536_000)]


class CatalogueFull(Exception):
    """No further service can be registered."""


@dataclass(frozen=True, slots=True)
class _Entry:
    body: ServiceBody
    created: datetime
    updated: datetime
    permanent: bool = False

    @property
    def expires(self) -> datetime:
        return self.updated + timedelta(seconds=self.body.ttl)


class ServiceStore:
    """Registered services by id. `clock` gives the wall time with an offset."""

    def __init__(self, clock: Callable[[], datetime], quirks: Quirks) -> None:
        self._clock = clock
        self._quirks = quirks
        self._entries: dict[str, _Entry] = {}

    def register(self, service_id: str | None, body: ServiceBody, *, permanent: bool = False) -> tuple[str, bool]:
        """(id, whether it is new). An entry under the same id is replaced whole and its life renewed; a
        `permanent` one is renewed by reading it, as if it had sent its heartbeat. Raises CatalogueFull.
        """
        now = self._clock().astimezone(UTC)
        service_id = service_id or str(uuid.uuid4())
        self._drop_expired(now)
        known = self._entries.get(service_id)
        if known is None and len(self._entries) >= _MAX_SERVICES:
            raise CatalogueFull(f"at most {_MAX_SERVICES} services")
        self._entries[service_id] = _Entry(body, now if known is None else known.created, now, permanent)
        return service_id, known is None

    def remove(self, service_id: str) -> bool:
        """True if there was such an entry."""
        return self._entries.pop(service_id, None) is not None

    def get(self, service_id: str) -> dict[str, Any] | None:
        """The wire form of one entry, None if there is none that lives."""
        return next((wire for wire in self._living() if wire["id"] == service_id), None)

    def listing(self) -> list[dict[str, Any]]:
        """The wire forms of all entries, by id."""
        return sorted(self._living(), key=lambda wire: str(wire["id"]))

    def having(self, path: str, operator: str, wanted: str) -> list[dict[str, Any]]:
        """The entries with a value at `path` (dots between names) that fits; texts compared in small letters.

        Raises KeyError for an unknown operator.
        """
        fits, small = OPERATORS[operator], wanted.lower()
        return [
            wire
            for wire in self.listing()
            if any(fits(text.lower(), small) for text in _texts_at(wire, path.split(".")))
        ]

    def _living(self) -> Iterator[dict[str, Any]]:
        now = self._clock().astimezone(UTC)
        if not self._quirks.lists_expired:
            self._drop_expired(now)
        for service_id, entry in self._entries.items():
            yield self._wire(service_id, entry)

    def _drop_expired(self, now: datetime) -> None:
        for service_id, entry in tuple(self._entries.items()):
            if entry.permanent and now >= entry.updated + timedelta(seconds=entry.body.ttl / 2):
                self._entries[service_id] = _Entry(entry.body, entry.created, now, permanent=True)
            elif not entry.permanent and now >= entry.expires and not self._quirks.lists_expired:
                del self._entries[service_id]

    def _wire(self, service_id: str, entry: _Entry) -> dict[str, Any]:
        body = entry.body
        empty_map: dict[str, Any] | None = None if self._quirks.null_for_empty else {}
        apis = [{**api.model_dump(), "spec": api.spec or empty_map, "meta": api.meta or empty_map} for api in body.apis]
        return {
            "id": service_id,
            "description": body.description,
            "title": body.title,
            "type": body.type,
            "apis": apis or (None if self._quirks.null_for_empty else []),
            "meta": body.meta or empty_map,
            "doc": body.doc,
            "ttl": body.ttl,
            "createdAt": self._instant(entry.created),
            "updatedAt": self._instant(entry.updated),
            "expiresAt": self._instant(entry.expires),
        }

    def _instant(self, instant: datetime) -> str:
        fraction = f"{instant.microsecond:06d}"
        if self._quirks.nanosecond_times:
            # Go drops zeros at the end, so 7, 8 or 9 digits come, depending on the instant.
            fraction += "867"[: 1 + instant.second % 3]
        return f"{instant:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def _texts_at(value: object, path: list[str]) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _texts_at(one, path)
    elif path:
        if isinstance(value, dict) and path[0] in value:
            yield from _texts_at(value[path[0]], path[1:])
    elif isinstance(value, str | int | float):
        yield str(value)
