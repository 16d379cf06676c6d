"""What a backup says of itself: the first member of its archive."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self

FORMAT = "lotsizeone-backup"
VERSION = 1


class BackupRefused(ValueError):
    """Nothing was done; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the archive: its size and SHA-256."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the contracts are; all None where the backup was made without an address book."""

    chain_id: int | None = None
    factory: str | None = None
    genesis: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """One moment of the database: the revision of its tables, rows by table, and how far it had read the chain.

    `cursor` has the members of `chain_cursor`, or none before the first reading. `schema` is PostgreSQL's.
    """

    kind: str
    revision: str
    counts: Mapping[str, int]
    cursor: Mapping[str, Any]
    schema: str = ""
    server: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`made_at` is when the copied moment was taken; `left_out` says what a whole return needs beside this file."""

    made_at: datetime
    place: Place
    facts: Facts
    members: Mapping[str, Member]
    left_out: tuple[str, ...] = ()
    format: str = field(default=FORMAT)
    version: int = field(default=VERSION)

    def to_json(self) -> str:
        """For the archive, and for people."""
        return json.dumps(asdict(self) | {"made_at": self.made_at.isoformat()}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From the archive. Raises BackupRefused."""
        try:
            raw = json.loads(text)
            if raw["format"] != FORMAT:
                raise BackupRefused("this is no backup of ours")
            if raw["version"] != VERSION:
                raise BackupRefused(f"this is a backup of version {raw['version']}: use the release that made it")
            return cls(
                made_at=datetime.fromisoformat(raw["made_at"]),
                place=Place(**raw["place"]),
                facts=Facts(**raw["facts"]),
                members={name: Member(**member) for name, member in raw["members"].items()},
                left_out=tuple(raw["left_out"]),
            )
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise BackupRefused(f"the backup's manifest cannot be read: {error}") from error
