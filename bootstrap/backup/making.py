"""Making a backup: one moment of the database and what belongs to it, in a file that is read again before it counts."""

import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import make_url

from bootstrap.backup import postgresql, sqlite_file
from bootstrap.backup.archive import Opened, Progress, measure, write_archive
from bootstrap.backup.manifest import BackupRefused, Facts, Manifest, Place
from bootstrap.files import read_if_there
from bootstrap.settings import Settings
from contracts.deployer import AddressBook

ADDRESS_BOOK = "contracts.json"
SECRETS = "secrets/"
KEYSTORE = "secrets/relayer-keystore.json"


@dataclass(frozen=True, slots=True)
class Made:
    """A finished backup: its size in bytes, and how long it took."""

    backup: Opened
    bytes: int
    seconds: float


def make_backup(settings: Settings, target: Path, told: Progress, *, with_secrets: bool) -> Made:
    """Write a backup to `target`, or into it where it is a folder. Raises BackupRefused, OSError."""
    begun, made_at = time.monotonic(), datetime.now(UTC)
    path = target / f"lotsizeone-{made_at:%Y%m%dT%H%M%SZ}.backup" if target.is_dir() else target
    if not path.absolute().parent.is_dir():
        raise BackupRefused(f"{path.parent} is no folder: create it first")
    if path.exists():
        raise BackupRefused(f"{path} is there already: choose another name, or a folder")
    with tempfile.TemporaryDirectory(prefix=".lotsizeone-", dir=path.absolute().parent) as scratch:
        name, facts = _copy(settings.database, Path(scratch), told)
        files = {name: Path(scratch) / name} | _beside(settings, with_secrets=with_secrets)
        manifest = Manifest(
            made_at=made_at,
            place=_place(settings),
            facts=facts,
            members={member: measure(file, told) for member, file in files.items()},
            left_out=_left_out(settings, files),
        )
        backup = write_archive(path.absolute(), manifest, files, told)
    return Made(backup, path.stat().st_size, time.monotonic() - begun)


def kind_of(database: str) -> str:
    """`sqlite` or `postgresql`. Raises BackupRefused."""
    kind = make_url(database).get_backend_name()
    if kind not in (sqlite_file.KIND, postgresql.KIND):
        raise BackupRefused(f"{kind} is not supported: use sqlite:///path or postgresql+psycopg://…")
    return kind


def file_of(database: str) -> Path:
    """The file of a SQLite URL."""
    return Path(str(make_url(database).database))


def _copy(database: str, folder: Path, told: Progress) -> tuple[str, Facts]:
    if kind_of(database) == sqlite_file.KIND:
        return sqlite_file.MEMBER, sqlite_file.copy(file_of(database), folder / sqlite_file.MEMBER, told)
    server = postgresql.Server.of(database)
    return postgresql.MEMBER, postgresql.copy(server, folder / postgresql.MEMBER, told)


def _place(settings: Settings) -> Place:
    text = read_if_there(settings.address_book)
    if text is None:
        return Place()
    book = AddressBook.from_json(text)
    return Place(book.chain_id, book.factory, book.genesis)


def _beside(settings: Settings, *, with_secrets: bool) -> dict[str, Path]:
    """Files that belong to the database: where the contracts are and, if they are wanted, the keys."""
    found = {ADDRESS_BOOK: settings.address_book} if settings.address_book.exists() else {}
    if with_secrets:
        folder = settings.data_dir / "secrets"
        found |= {f"{SECRETS}{file.name}": file for file in sorted(folder.glob("*")) if file.is_file()}
        if settings.relayer_keystore is not None:
            found[KEYSTORE] = settings.relayer_keystore
    return found


def _left_out(settings: Settings, files: dict[str, Path]) -> tuple[str, ...]:
    """What a whole return needs beside the archive."""
    words = []
    if ADDRESS_BOOK not in files:
        words.append("contracts.json: where the contracts are")
    if not any(name.startswith(SECRETS) for name in files):
        words.append("keys and secrets: the folder `secrets`, RELAYER_KEYSTORE")
    words.append("the environment: DATABASE_URL, JWT_SECRET, VAPID_PRIVATE_KEY, passwords")
    words.append("what gateways and signers keep, at their own places")
    if settings.development:
        words.append("the blocks of a development chain: they are the chain itself, and cannot be learnt again")
    return tuple(words)
