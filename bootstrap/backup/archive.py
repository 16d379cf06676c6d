"""One file that holds a backup: a ZIP archive, its manifest first. It appears whole or not at all.

The digests find damage. They are no signature: who can write to the file can write other digests.
"""

import hashlib
import os
import secrets
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bootstrap.backup.manifest import BackupRefused, Manifest, Member

MANIFEST = "manifest.json"
CHUNK = 1 << 20
OWNER_ONLY = 0o600

Progress = Callable[[str, int, int], None]
"""What is being done, how much of it, of how much."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A backup whose every byte was compared with its manifest; `digest` names it."""

    path: Path
    manifest: Manifest
    digest: str


def measure(path: Path, told: Progress) -> Member:
    """Size and SHA-256 of a file."""
    digest, size, total = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            told("measured", size, total)
    return Member(size, digest.hexdigest())


def write_archive(target: Path, manifest: Manifest, files: Mapping[str, Path], told: Progress) -> Opened:
    """Write `target` under another name, read it again, and only then give it its name. Raises BackupRefused, OSError.

    Only its owner can read it: there are password hashes and customers in it.
    """
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                archive.writestr(MANIFEST, manifest.to_json())
                for name, path in files.items():
                    _add(archive, name, path, told)
            file.flush()
            os.fsync(file.fileno())
        opened = open_archive(draft, told)
        if target.exists():
            raise BackupRefused(f"{target} is there already: choose another name, or a folder")
        draft.rename(target)
        sync_folder(target.parent)
    finally:
        draft.unlink(missing_ok=True)
    return Opened(target, opened.manifest, opened.digest)


def _add(archive: zipfile.ZipFile, name: str, path: Path, told: Progress) -> None:
    done, total = 0, path.stat().st_size
    # A dump of pg_dump is compressed already.
    kind = zipfile.ZIP_STORED if name.endswith(".dump") else zipfile.ZIP_DEFLATED
    entry = zipfile.ZipInfo(name)
    entry.compress_type, entry.external_attr = kind, OWNER_ONLY << 16
    entry.file_size = total
    with path.open("rb") as source, archive.open(entry, "w") as member:
        while chunk := source.read(CHUNK):
            member.write(chunk)
            done += len(chunk)
            told("packed", done, total)


def open_archive(path: Path, told: Progress) -> Opened:
    """Read all of it and compare it with its manifest. Raises BackupRefused."""
    with _archive(path) as archive:
        text = archive.read(MANIFEST)
        manifest = Manifest.from_json(text.decode("utf-8"))
        there = {entry.filename for entry in archive.infolist()} - {MANIFEST}
        if there != set(manifest.members):
            raise BackupRefused(f"{path} does not hold the files that its manifest names")
        for name, member in manifest.members.items():
            if _measured(archive, name, member.bytes, told) != member:
                raise BackupRefused(f"{path} is damaged: {name} has another digest than its manifest says")
    return Opened(path, manifest, hashlib.sha256(text).hexdigest())


def extract(backup: Opened, name: str, to: Path, told: Progress) -> None:
    """Write a member to `to`, which must not exist, and compare it with the manifest again. Raises BackupRefused."""
    wanted, digest, size = backup.manifest.members[name], hashlib.sha256(), 0
    with _archive(backup.path) as archive, archive.open(name) as source:
        descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as file:
            while chunk := source.read(CHUNK):
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                told("unpacked", size, wanted.bytes)
            file.flush()
            os.fsync(file.fileno())
    if Member(size, digest.hexdigest()) != wanted:
        raise BackupRefused(f"{backup.path} changed while it was read")


def sync_folder(folder: Path) -> None:
    """A rename in `folder` survives a power cut from now on."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            if MANIFEST not in archive.namelist():
                raise BackupRefused(f"{path} is no backup of ours")
            yield archive
    except (zipfile.BadZipFile, EOFError, UnicodeDecodeError) as error:
        raise BackupRefused(f"{path} is damaged, or is no backup: {error}") from error


def _measured(archive: zipfile.ZipFile, name: str, total: int, told: Progress) -> Member:
    digest, size = hashlib.sha256(), 0
    source: IO[bytes]
    with archive.open(name) as source:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            told("verified", size, total)
    return Member(size, digest.hexdigest())
